"""Sums of tables that are worked out when somebody asks, or when something is added to many parts.

Most sums are never looked into: they are there to be added to.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

V = TypeVar("V")
Table = Mapping[str, V]
WorkOut = Callable[[Sequence[Table[V]]], dict[str, V]]

PARTS = 32


class Summed(Mapping[str, V], Generic[V]):
    """The sum of at least one table, none of them empty."""

    __slots__ = ("_work_out", "parts")

    def __init__(self, parts: tuple[Table[V], ...], work_out: WorkOut[V]) -> None:
        self.parts = parts
        self._work_out = work_out

    def whole(self) -> Table[V]:
        """The sum as one table."""
        parts = self.parts
        if len(parts) > 1:
            parts = self.parts = (self._work_out(parts),)
        return parts[0]

    def __getitem__(self, name: str) -> V:
        return self.whole()[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name."""
        return self.whole().get(name, default)

    def items(self) -> ItemsView[str, V]:
        """Names and values."""
        return self.whole().items()

    def __contains__(self, name: object) -> bool:
        return name in self.whole()

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole())

    def __len__(self) -> int:
        return len(self.whole())

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return repr(self.whole())


def plus(one: Table[V], other: Table[V], work_out: WorkOut[V]) -> Table[V]:
    """The sum of two tables."""
    if not one or not other:
        return one or other
    mine = one.parts if type(one) is Summed else (one,)
    parts = mine + (other.parts if type(other) is Summed else (other,))
    if len(parts) > PARTS:
        parts = (looked_into(one), looked_into(other))
    return Summed(parts, work_out)


def looked_into(table: Table[V]) -> Table[V]:
    """A table whose sum has been worked out."""
    return table.whole() if isinstance(table, Summed) else table


def whole(table: Table[V]) -> dict[str, V]:
    """A table as it is written."""
    return dict(looked_into(table))
