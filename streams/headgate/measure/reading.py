"""Windows: what the tables count of a version over a stretch of time.

A window is a merge at read. Who judges reads the same window at every look: its newest pane
changes all the time and now and then it goes on by one, so that the sum of the older ones is kept.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import takewhile
from typing import NamedTuple

from headgate.measure.cells import NOTHING, Cell, Depth, difference, merge
from headgate.measure.kept import Kept
from headgate.measure.piles import Pile
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
    asked = _Asked(version, since_revision, depth)
    known = _read.get(ring, (first_ms, asked))
    return known or _read.keep(ring, (first_ms, asked), _read_ring(ring, first_ms, asked))


class _Asked(NamedTuple):
    """What of a pane is asked for."""

    version: str
    since_revision: int
    depth: Depth

    def of(self, pane: Pane) -> Cell:
        """What one pane counts of it."""
        return merge(
            [
                pile.down_to(self.depth)
                for (version, revision), pile in pane.items()
                if version == self.version and (revision >= self.since_revision or not revision)
            ]
        )


_read = Kept[Cell](64)
_closed = Kept[Cell](64)


def _read_ring(ring: Ring, first_ms: int, asked: _Asked) -> Cell:
    """The newest pane changes all the time, the others do not."""
    closed = _closed.get(ring.closed, (first_ms, asked))
    if closed is None:
        panes = _panes_from(ring.closed, first_ms)
        closed = _closed.keep(ring.closed, (first_ms, asked), _sum_of(panes, asked))
    return merge((closed, asked.of(ring.newest))) if ring.newest_ms >= first_ms else closed


def _panes_from(closed: dict[int, Pane], first_ms: int) -> list[Pane]:
    panes = list(closed.values())
    return panes[sum(1 for _ in takewhile(first_ms.__gt__, closed)) :]


# By the last pane: the panes and their sum.
_summed = Kept[tuple[list[Pane], Cell]](128)


def _sum_of(panes: list[Pane], asked: _Asked) -> Cell:
    """The sum of panes; kept for the next read of the same ones, or of one further."""
    if len(panes) <= 1:
        return merge([asked.of(pane) for pane in panes])
    total = _slid(panes, asked)
    if total is None:
        total = merge([asked.of(pane) for pane in panes])
    return _summed.keep(panes[-1], asked, (panes, total))[1]


def _slid(panes: list[Pane], asked: _Asked) -> Cell | None:
    """Their sum from what is known, where one pane at the most goes and one comes. A few of the
    ids are kept, so that they cannot go.
    """
    for end in (len(panes), len(panes) - 1):
        had, total = _summed.get(panes[end - 1], asked) or ([], NOTHING)
        same = panes[:end]
        if had[1:] == same and not total.safety_request_ids:
            total = difference(total, asked.of(had[0]))
        elif had != same:  # of the same objects no field is compared
            continue
        return merge((total, *[asked.of(pane) for pane in panes[end:]]))
    return None


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
