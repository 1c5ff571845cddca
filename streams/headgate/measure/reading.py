"""Windows: what the tables count of a version over a stretch of time.

A window is a merge at read. Who judges reads the same window at every look: its newest pane
changes all the time and now and then it goes on by one, so that the sum of the older ones is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import NamedTuple

from msgspec.structs import replace

from headgate.measure.cells import Cell, difference, merge
from headgate.measure.windows import (
    FINE_SPAN_MS,
    MINUTE_MS,
    Ring,
    Row,
    Tables,
    open_block_ms,
)
from headgate.vocabulary import PANE_MS

_RARE = 50
_KEPT, _KEPT_READS = 128, 64

Pane = dict[Row, Cell]


def read_window(
    tables: Tables,
    version: str,
    *,
    now_ms: int,
    window_ms: int,
    from_ms: int = 0,
    since_revision: int = 0,
    distributions: bool = True,
) -> Cell:
    """The counts of `version` in the panes that end within the last `window_ms`.

    `since_revision` and `from_ms` narrow it to what was served under that split and after that
    moment; outcomes without a revision are judged by the moment alone. Windows up to 5 minutes
    are read to the pane, longer ones to the minute. A read of unchanged tables costs nothing.
    Without `distributions` what is read has no sketches.
    """
    ring, grain_ms = _ring(tables, window_ms)
    first_ms = max(now_ms - window_ms, from_ms) // grain_ms * grain_ms
    asked = _Asked(version, since_revision, distributions)
    known = _read.get((id(ring), first_ms, asked))
    if known is not None:
        return known[1]
    cell = _read_panes(ring, first_ms, asked)
    _read[id(ring), first_ms, asked] = ring, cell
    while len(_read) > _KEPT_READS:
        _read.popitem(last=False)
    return cell


class _Asked(NamedTuple):
    """What of a pane is asked for."""

    version: str
    since_revision: int
    distributions: bool

    def of(self, pane: Pane) -> Cell:
        """What one pane counts of it."""
        found = [
            cell
            for (version, revision), cell in pane.items()
            if version == self.version and (revision >= self.since_revision or not revision)
        ]
        cell = self.sum(found)
        return cell if self.distributions or not cell.sketches else replace(cell, sketches={})

    def sum(self, cells: list[Cell]) -> Cell:
        """The sum of such cells."""
        return merge(cells, distributions=None if self.distributions else ())


# By the ring's identity: the ring itself, which keeps it alive, and what was read of it.
_read: OrderedDict[tuple[int, int, _Asked], tuple[Ring, Cell]] = OrderedDict()


def _read_panes(ring: Ring, first_ms: int, asked: _Asked) -> Cell:
    panes = list(ring.values())
    for start_ms in ring:
        if start_ms >= first_ms:
            break
        del panes[0]
    if len(panes) <= 2:
        return asked.sum([asked.of(pane) for pane in panes])
    newest = asked.of(panes.pop())
    return asked.sum([_sum_of_older(panes, asked), newest])


# By the last pane's identity: the panes themselves, which keeps them alive, and their sum.
_summed: OrderedDict[tuple[int, _Asked], tuple[list[Pane], Cell]] = OrderedDict()


def _sum_of_older(panes: list[Pane], asked: _Asked) -> Cell:
    """The sum of at least two panes; kept for the next read of the same ones, or of one further."""
    known = _summed.get((id(panes[-1]), asked))
    if known is not None and known[0] == panes:  # of the same objects no field is compared
        return known[1]
    before = _summed.get((id(panes[-2]), asked))
    if before is not None and before[0] == panes[:-1]:
        total = asked.sum([before[1], asked.of(panes[-1])])
    elif before is not None and _slides(*before, panes):
        left = difference(before[1], asked.of(before[0][0]))
        total = asked.sum([left, asked.of(panes[-1])])
    else:
        total = asked.sum([asked.of(pane) for pane in panes])
    _summed[id(panes[-1]), asked] = panes, total
    while len(_summed) > _KEPT:
        _summed.popitem(last=False)
    return total


def _slides(before: list[Pane], total: Cell, panes: list[Pane]) -> bool:
    """Whether one pane goes and one comes; a few of the ids are kept, so that they cannot go."""
    return before[1:] == panes[:-1] and not total.safety_request_ids


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
    open_ms = open_block_ms(tables)
    return [
        (start_ms, [cell for (name, _), cell in rows.items() if name == version])
        for start_ms, rows in tables.fine.items()
        if from_ms <= start_ms < open_ms
    ]


def recent_requests(
    tables: Tables, version: str, requests: int, distributions: Collection[str] | None = None
) -> Cell:
    """The last panes of `version` that have closed, up to about so many requests; five minutes of
    them at the most, or an hour where the version is rare. `distributions`: see `merge`.
    """
    for ring in (tables.fine, tables.coarse):
        found: list[Cell] = []
        heard = 0
        for start_ms in list(ring)[-2::-1]:
            pane = [cell for (name, _), cell in ring[start_ms].items() if name == version]
            heard += sum(cell.requests for cell in pane)
            found += pane
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
