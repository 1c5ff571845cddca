"""Names in a row, as a sentence has them."""

from __future__ import annotations

from collections.abc import Iterable


def listed(names: Iterable[str], last: str = "and") -> str:
    """`v2, v3 and v1`."""
    *rest, end = list(names) or [""]
    return f"{', '.join(rest)} {last} {end}" if rest else end
