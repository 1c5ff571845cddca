"""An order of version-like names that takes what it gets; what is no version has no place in it."""

from __future__ import annotations

import re

_VERSION = re.compile(r"^v?(\d{1,9}(?:\.\d{1,9})*)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?$")

Part = tuple[int, int, str]
OrderKey = tuple[tuple[int, ...], tuple[Part, ...]]


def order_key(name: str) -> OrderKey | None:
    """The place of `v2`, `2.10.0` or `v2.1.0-rc.1` among versions; None for any other name.

    Numbers count as numbers, missing ones as zero, and a release comes after its pre-releases.
    """
    found = _VERSION.match(name)
    if found is None:
        return None
    numbers = [int(number) for number in found[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    if not found[2]:
        return tuple(numbers), ((2, 0, ""),)
    return tuple(numbers), tuple(_part(text) for text in found[2].split("."))


def _part(text: str) -> Part:
    return (0, int(text), "") if text.isdecimal() and len(text) < 19 else (1, 0, text)


def newest_key(name: str) -> tuple[bool, OrderKey, str]:
    """A key to sort any names by: versions in their order, after what is no version."""
    key = order_key(name)
    return key is not None, key or ((), ()), name
