"""Where the language-neutral contract and the shipped configuration lie."""

from __future__ import annotations

from pathlib import Path

_PACKAGED = Path(__file__).parent / "_contract"
_CHECKOUT = Path(__file__).resolve().parents[2]


def contract_file(*parts: str) -> Path:
    """A file below `schemas/` or `config/`: the packaged copy, or the checkout's own.

    Raises `FileNotFoundError` where it is in neither.
    """
    for root in (_PACKAGED, _CHECKOUT):
        found = root.joinpath(*parts)
        if found.exists():
            return found
    raise FileNotFoundError(f"{'/'.join(parts)} is neither in the package nor in the checkout")
