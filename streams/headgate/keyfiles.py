"""Key files: a secret key with its owner's name, readable by its owner alone; and lists of keys."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from headgate.judge.durations import parse_duration_ms
from headgate.problems import HIDDEN, ConfigError, Problem, read_yaml
from headgate.wire.key_requests import KeyApprovals, OperatorKey
from headgate.wire.signatures import KeyTextError, Purpose, Signer, new_secret_key

OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Who a key file says it is of, and what signs with it."""

    operator: str
    signer: Signer


def new_key(path: Path, operator: str, purpose: Purpose) -> KeyFile:
    """Write a fresh key that only its owner may read. Raises `ConfigError` if the file is there."""
    secret = new_secret_key()
    signer = Signer(secret, purpose)
    text = f"operator: {operator}\npublic_key: {signer.public_key}\nsecret_key: {secret}\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        why = f"cannot be written ({error.strerror})"
        raise _error(path, "$", why, "A key is never overwritten: name another file.") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return KeyFile(operator, signer)


def load_key(path: Path, purpose: Purpose) -> KeyFile:
    """The key in a file that `new_key` wrote. Raises `ConfigError`."""
    content = read_yaml(path)
    if path.stat().st_mode & OTHERS:
        raise _error(path, "$", "others may read this secret key", f"Run: chmod 600 {path}")
    operator, secret = content.get("operator"), content.get("secret_key")
    if not isinstance(operator, str) or not isinstance(secret, str):
        remedy = "headgate keys new NAME --out FILE writes one."
        raise _error(path, "$", "is no key file: it lacks operator or secret_key", remedy)
    try:
        return KeyFile(operator, Signer(secret, purpose))
    except KeyTextError as error:
        raise _error(path, "secret_key", str(error), "Make a new key.", HIDDEN) from error


def load_keys(path: Path) -> tuple[tuple[OperatorKey, ...], KeyApprovals | None]:
    """The list of keys in a YAML file: `keys:` with operator, role and public_key each, and
    `approvals:` where a second person is asked for.

    Raises `ConfigError`.
    """
    content = read_yaml(path)
    for name in content.keys() - {"keys", "approvals"}:
        raise _error(path, name, "no such key", "Only `keys:` and `approvals:` belong here.")
    try:
        rows = msgspec.convert(content.get("keys"), tuple[_StrictKey, ...])
    except msgspec.ValidationError as error:
        remedy = "Each key has operator, role (viewer, operator, approver) and public_key."
        raise _error(path, "keys", str(error), remedy) from error
    keys = tuple(msgspec.convert(msgspec.to_builtins(row), OperatorKey) for row in rows)
    return keys, _approvals(path, content["approvals"]) if "approvals" in content else None


def _approvals(path: Path, told: object) -> KeyApprovals:
    try:
        row = msgspec.convert(told, _StrictApprovals)
        within = {"within_ms": parse_duration_ms(row.within)}
        return msgspec.convert({"actions": row.actions, **within}, KeyApprovals)
    except ValueError as error:
        remedy = "It has actions (apply_keys, set_mode) and within (1s to 24h)."
        raise _error(path, "approvals", str(error), remedy) from error


class _StrictKey(OperatorKey, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class _StrictApprovals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    actions: tuple[str, ...]
    within: str = "30m"


def _error(path: Path, key: str, rule: str, remedy: str, value: str = "") -> ConfigError:
    return ConfigError([Problem(str(path), key, value, rule, remedy)])
