"""Piles: cells that come one by one and are added up when somebody asks.

Most are added to again and again before anybody looks, and often only their counts are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from headgate.measure.cells import Cell, Depth, both_counts, counts_alone, down_to, merge

HIGHEST = 32  # of a pile that is as high what lies in it is added up before more comes


class Pile:
    """One cell on top of those that came before; it never changes, whatever is put on it."""

    __slots__ = ("_counts", "_height", "_lying")

    def __init__(self, cell: Cell, below: Pile | None = None) -> None:
        """A cell alone, or on top of what lies there."""
        self._lying = cell, below
        self._counts: Cell | None = None
        self._height: int = 1 if below is None else below._height + 1

    def plus(self, cell: Cell) -> Pile:
        """With one more cell."""
        return Pile(cell, self if self._height < HIGHEST else Pile(self.cell))

    @property
    def cell(self) -> Cell:
        """The sum of all cells."""
        cell, below = self._lying
        if below is not None:
            cell = merge(self._cells())
            self._lying = cell, None  # at once: others may be reading
        return cell

    @property
    def counts(self) -> Cell:
        """The sum of their counts alone."""
        if self._counts is None:
            cell, below = self._lying
            alone = counts_alone(cell)
            self._counts = alone if below is None else both_counts(below.counts, alone)
        return self._counts

    @property
    def outcomes(self) -> int:
        """How many outcomes all cells count."""
        return self.counts.outcomes

    @property
    def requests(self) -> int:
        """How many requests all cells count."""
        return self.counts.requests

    def down_to(self, depth: Depth) -> Cell:
        """What is wanted of the sum."""
        return self.counts if depth == "counts" else down_to(depth, self.cell)

    def _cells(self) -> Iterator[Cell]:
        pile: Pile | None = self
        while pile is not None:
            cell, pile = pile._lying
            yield cell

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Pile, Cell)):
            return NotImplemented
        return self.cell == (other.cell if isinstance(other, Pile) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Pile({self.cell!r})"
