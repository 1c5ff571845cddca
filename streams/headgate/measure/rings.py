"""Rings: panes by their start, in order of time, as far back as they are wanted.

What comes goes into the newest pane, over and over. That lies apart: the closed ones hardly ever
change, so they need neither be copied nor read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Generic, TypeVar

from headgate.measure.cells import Cell
from headgate.measure.piles import Pile

K = TypeVar("K")
V = TypeVar("V")
NEVER_MS = -1


class Ring(Mapping[int, dict[K, Pile]], Generic[K]):
    """Panes by their start in ms. `closed` are those before the newest; nothing of it changes.

    `before` is what `closed` was before its last pane closed, where no other has changed since: it
    lacks that one, and has those still that were let go of then.
    """

    __slots__ = ("before", "closed", "newest", "newest_ms")

    def __init__(
        self,
        closed: dict[int, dict[K, Pile]] | None = None,
        newest_ms: int = NEVER_MS,
        newest: dict[K, Pile] | None = None,
        before: dict[int, dict[K, Pile]] | None = None,
    ) -> None:
        """An empty one, unless told otherwise."""
        self.closed = closed if closed is not None else {}
        self.newest_ms = newest_ms
        self.newest = newest if newest is not None else {}
        self.before = before

    @classmethod
    def of(cls, panes: Mapping[int, dict[K, Pile]]) -> Ring[K]:
        """The ring of such panes, which are put in order."""
        closed = in_order(panes)
        return cls(closed, *closed.popitem()) if closed else cls()

    def plus(self, start_ms: int, key: K, cell: Cell, span_ms: int) -> Ring[K]:
        """The ring with a cell added; what lies more than `span_ms` before the newest goes."""
        if start_ms == self.newest_ms:
            return Ring(self.closed, start_ms, piled(self.newest, key, cell), self.before)
        if start_ms > self.newest_ms:
            return self._open(start_ms, {key: Pile(cell)}, span_ms)
        if start_ms < self.newest_ms - span_ms:
            return self
        late = piled(self.closed.get(start_ms, {}), key, cell)
        before = self.before if start_ms == next(reversed(self.closed), NEVER_MS) else None
        closed = with_pane(self.closed, start_ms, late)
        return Ring(closed, self.newest_ms, self.newest, before)

    def _open(self, start_ms: int, pane: dict[K, Pile], span_ms: int) -> Ring[K]:
        closed = self.closed.copy()  # in one piece; to unpack it would enter its panes one by one
        if self.newest_ms != NEVER_MS:
            closed[self.newest_ms] = self.newest
        forget_before(closed, start_ms - span_ms)
        return Ring(closed, start_ms, pane, self.closed)

    def __getitem__(self, start_ms: int) -> dict[K, Pile]:
        return self.newest if start_ms == self.newest_ms else self.closed[start_ms]

    def __iter__(self) -> Iterator[int]:
        yield from self.closed
        if self.newest_ms != NEVER_MS:
            yield self.newest_ms

    def __len__(self) -> int:
        return len(self.closed) + (self.newest_ms != NEVER_MS)

    def __repr__(self) -> str:
        return repr(dict(self))


def piled(piles: dict[K, Pile], key: K, cell: Cell) -> dict[K, Pile]:
    """The piles with one more cell on that of its key."""
    known = piles.get(key)
    added = piles.copy()
    added[key] = Pile(cell) if known is None else known.plus(cell)
    return added


def with_pane(panes: dict[int, V], start_ms: int, pane: V) -> dict[int, V]:
    """The panes with one that came late, in place of the one that began then, if there is one."""
    added = panes.copy()
    added[start_ms] = pane
    return added if start_ms in panes else in_order(added)


def forget_before(panes: dict[int, V], oldest_ms: int) -> None:
    """Let go of what is older, in place."""
    for start_ms in list(takewhile(oldest_ms.__gt__, panes)):
        del panes[start_ms]


def in_order(panes: Mapping[int, V]) -> dict[int, V]:
    """The panes in order of time."""
    return {start_ms: panes[start_ms] for start_ms in sorted(panes)}
