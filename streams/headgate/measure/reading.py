"""Windows: what the tables count of a version over a stretch of time.

A window is a merge at read. Who judges reads the same window at every look: its newest pane
changes all the time and now and then it goes on by one, so that the sum of the older ones is kept.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import takewhile
from typing import NamedTuple

from headgate.measure.cells import Cell, Depth, both, both_counts, difference, merge
from headgate.measure.kept import Kept
from headgate.measure.piles import Pile
from headgate.measure.rings import NEVER_MS
from headgate.measure.windows import (
    FINE_SPAN_MS,
    MINUTE_MS,
    Ring,
    Row,
    Tables,
)
from headgate.vocabulary import PANE_MS

_RARE = 50

Pane = dict[Row, Pile]


def read_window(
    tables: Tables,
    version: str,
    *,
    now_ms: int,
    window_ms: int,
    from_ms: int = 0,
    since_revision: int = 0,
    depth: Depth = "distributions",
) -> Cell:
    """The counts of `version` in the panes that end within the last `window_ms`.

    `since_revision` and `from_ms` narrow it to what was served under that split and after that
    moment; outcomes without a revision are judged by the moment alone. Windows up to 5 minutes
    are read to the pane, longer ones to the minute. A read of unchanged tables costs nothing, and
    one of counts little.
    """
    ring, grain_ms = _ring(tables, window_ms)
    first_ms = max(now_ms - window_ms, from_ms) // grain_ms * grain_ms
    asked = _Asked(version, since_revision, depth, window_ms, from_ms)
    known = _read.get(ring, (first_ms, asked))
    return known or _read.keep(ring, (first_ms, asked), _read_ring(ring, first_ms, asked))


class _Asked(NamedTuple):
    """What is asked for: of a pane, and over which window."""

    version: str
    since_revision: int
    depth: Depth
    window_ms: int
    from_ms: int

    def of(self, pane: Pane) -> Cell:
        """What one pane counts of it."""
        found = [
            pile.down_to(self.depth)
            for (version, revision), pile in pane.items()
            if version == self.version and (revision >= self.since_revision or not revision)
        ]
        return found[0] if len(found) == 1 else merge(found)

    def plus(self, total: Cell, pane: Pane) -> Cell:
        """A sum with what one pane more counts of it."""
        add = both_counts if self.depth == "counts" else both
        return add(total, self.of(pane))


_read = Kept[Cell](64)


def _read_ring(ring: Ring, first_ms: int, asked: _Asked) -> Cell:
    """The newest pane changes all the time, the others do not."""
    closed = _sum_closed(ring, first_ms, asked)
    return asked.plus(closed, ring.newest) if ring.newest_ms >= first_ms else closed


# Of closed panes: the moment from which on they were summed, and their sum.
_summed = Kept[tuple[int, Cell]](128)


def _sum_closed(ring: Ring, first_ms: int, asked: _Asked) -> Cell:
    """The sum of the closed panes; from what is known of it, where one pane more has closed."""
    known = _summed.get(ring.closed, asked)
    if known is not None and known[0] == first_ms:
        return known[1]
    total = _slid(ring.closed, first_ms, asked)
    if total is None and ring.before is not None and ring.closed:
        oldest_ms = next(iter(ring.closed))  # some may have been let go of since
        total = _slid(ring.before, max(first_ms, oldest_ms), asked)
        last_ms = next(reversed(ring.closed), NEVER_MS)
        if total is not None and last_ms >= first_ms:
            total = asked.plus(total, ring.closed[last_ms])
    if total is None:
        panes = [pane for start_ms, pane in ring.closed.items() if start_ms >= first_ms]
        total = merge([asked.of(pane) for pane in panes])
    return _summed.keep(ring.closed, asked, (first_ms, total))[1]


def _slid(closed: dict[int, Pane], first_ms: int, asked: _Asked) -> Cell | None:
    """What is known of panes without those that the window has left behind; None where that cannot
    be told: a few of the ids are kept, so that they cannot go.
    """
    known = _summed.get(closed, asked)
    if known is None or known[0] > first_ms:
        return None
    since_ms, total = known
    left = [closed[ms] for ms in takewhile(first_ms.__gt__, closed) if ms >= since_ms]
    gone = merge([asked.of(pane) for pane in left])
    return None if gone.outcomes and total.safety_request_ids else difference(total, gone)


def covered_ms(tables: Tables, version: str, *, now_ms: int, window_ms: int) -> int:
    """How much of a window `version` has been heard in: from its first pane there until now."""
    ring, grain_ms = _ring(tables, window_ms)
    first_ms = (now_ms - window_ms) // grain_ms * grain_ms
    heard = [
        start_ms
        for start_ms, cells in ring.items()
        if start_ms >= first_ms and any(name == version for name, _ in cells)
    ]
    return now_ms - min(heard) if heard else 0


def closed_panes(tables: Tables, version: str, from_ms: int) -> list[tuple[int, list[Cell]]]:
    """The panes of `version` from `from_ms` on that have closed, with their starts; of the last
    five minutes at the most.
    """
    latest = takewhile(lambda pane: pane[0] >= from_ms, reversed(tables.fine.closed.items()))
    return [(start_ms, _cells_of(version, pane)) for start_ms, pane in [*latest][::-1]]


def _cells_of(version: str, pane: Pane) -> list[Cell]:
    return [pile.cell for (name, _), pile in pane.items() if name == version]


def recent_requests(
    tables: Tables, version: str, requests: int, distributions: Collection[str] | None = None
) -> Cell:
    """The last panes of `version` that have closed, up to about so many requests; five minutes of
    them at the most, or an hour where the version is rare. `distributions`: see `merge`.
    """
    for ring in (tables.fine, tables.coarse):
        found: list[Cell] = []
        heard = 0
        for pane in reversed(ring.closed.values()):
            cells = _cells_of(version, pane)
            heard += sum(cell.requests for cell in cells)
            found += cells
            if heard >= requests:
                break
        cell = merge(found, distributions=distributions)
        if cell.requests >= _RARE:
            return cell
    return cell


def _ring(tables: Tables, window_ms: int) -> tuple[Ring, int]:
    """The ring that a window of that length is read from, and its grain."""
    if window_ms > FINE_SPAN_MS:
        return tables.coarse, MINUTE_MS
    return tables.fine, PANE_MS
