"""Trusting commands by signature; needs the extra `headgate[signing]`, and only if asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

Fault = Callable[[bytes, Mapping[str, bytes]], str]


def command_check(public_keys: Sequence[str]) -> Fault:
    """What says why a record of the control topic is not to be trusted (empty: it is).

    Raises `ValueError` for no keys, or text that is no key, and `ImportError` without PyNaCl.
    """
    if isinstance(public_keys, str) or not public_keys:
        raise ValueError("public_keys is a list of at least one key; None trusts every command")
    try:
        signatures = import_module("headgate.wire.signatures")
    except ImportError as error:
        raise ImportError("to verify commands: pip install 'headgate[signing]'") from error
    fault: Fault = signatures.Verifier(public_keys, signatures.CONTROL).fault
    return fault
