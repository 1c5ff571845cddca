"""The windowed per-version tables: rings of merged panes, read as windows.

Panes of 10 s are kept for 5 minutes, minutes for an hour, and a total for as long as the version
is heard of. A window is a merge at read; nothing is ever closed, so late snapshots count.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from headgate.measure.cells import NOTHING, Cell, difference, merge, merge_sliding
from headgate.measure.measures import BUCKET
from headgate.vocabulary import PANE_MS
from headgate.wire.ledger import NO_SLOTS

MINUTE_MS = 60_000
FINE_SPAN_MS = 5 * MINUTE_MS
COARSE_SPAN_MS = 60 * MINUTE_MS
_RARE = 50

K = TypeVar("K")
Row = tuple[str, int]  # version, revision (0: outcomes that carry none)
Ring = dict[int, dict[Row, Cell]]  # start of the pane or minute in ms -> its cells


class SourcePane(Struct, frozen=True, kw_only=True):
    """The newest pane heard of from one source partition, with its latest snapshots."""

    pane_start_ms: int
    first_offset: int
    rows: dict[Row, tuple[int, Cell]]  # row -> last_offset and the cumulative counts up to it


class Tables(Struct, frozen=True, kw_only=True, eq=False):
    """All that is counted for one model.

    `blocks` keeps, for an hour, the counts of each pane by version without distributions: what
    bursts are estimated from. `fresh` is what has come since the last look took it.
    """

    fine: Ring = {}
    coarse: Ring = {}
    totals: dict[str, Cell] = {}
    sources: dict[int, SourcePane] = {}
    blocks: dict[int, dict[str, Cell]] = {}
    fresh: dict[Row, Cell] = {}


def add_snapshot(
    tables: Tables,
    *,
    row: Row,
    source_partition: int,
    pane_start_ms: int,
    first_offset: int,
    last_offset: int,
    cell: Cell,
) -> Tables:
    """The tables with a cumulative snapshot joined in; the same object if it is a repeat.

    Snapshots of one pane join by the higher `last_offset`; one of a later pane replaces all of
    the earlier one's; an older pane is a repeat. Raises `ValueError` where counts go backwards.
    """
    source = tables.sources.get(source_partition)
    if source is not None and pane_start_ms < source.pane_start_ms:
        return tables
    if source is None or pane_start_ms > source.pane_start_ms:
        source = SourcePane(pane_start_ms=pane_start_ms, first_offset=first_offset, rows={})
    if first_offset > source.first_offset:
        return tables  # a pane that was not rebuilt from its first record
    seen_offset, seen = source.rows.get(row, (-1, NOTHING))
    if last_offset <= seen_offset:
        return tables
    delta = difference(cell, seen)
    source = replace(source, rows={**source.rows, row: (last_offset, cell)})
    tables = replace(tables, sources={**tables.sources, source_partition: source})
    return _add_delta(tables, row, pane_start_ms, delta) if delta.outcomes else tables


def _add_delta(tables: Tables, row: Row, pane_start_ms: int, delta: Cell) -> Tables:
    minute_ms = pane_start_ms - pane_start_ms % MINUTE_MS
    version, kept = row[0], _without_routing(delta)
    return replace(
        tables,
        fine=_add_to_ring(tables.fine, pane_start_ms, row, kept, FINE_SPAN_MS),
        coarse=_add_to_ring(tables.coarse, minute_ms, row, kept, COARSE_SPAN_MS),
        totals=_with(tables.totals, version, kept),
        blocks=_add_to_ring(tables.blocks, pane_start_ms, version, _light(delta), COARSE_SPAN_MS),
        fresh=_with(tables.fresh, row, delta),
    )


def _with(cells: dict[K, Cell], key: K, delta: Cell) -> dict[K, Cell]:
    known = cells.get(key)
    return {**cells, key: delta if known is None else merge([known, delta])}


def _without_routing(cell: Cell) -> Cell:
    """Without what only the next look needs: buckets, and what is divided by them."""
    if BUCKET not in cell.counts:
        return cell
    tables = (cell.sums, cell.counts, cell.sketches)
    sums, counts, sketches = ({k: v for k, v in t.items() if k != BUCKET} for t in tables)
    return replace(cell, sums=sums, counts=counts, sketches=sketches, slots=NO_SLOTS)


def _light(cell: Cell) -> Cell:
    """The counts alone."""
    return Cell(
        outcomes=cell.outcomes,
        requests=cell.requests,
        errors=cell.errors,
        labelled=cell.labelled,
        flagged=cell.flagged,
    )


def without_fresh(tables: Tables) -> Tables:
    """The tables after a look that took what was fresh."""
    return replace(tables, fresh={}) if tables.fresh else tables


def _add_to_ring(
    ring: dict[int, dict[K, Cell]], start_ms: int, row: K, delta: Cell, span_ms: int
) -> dict[int, dict[K, Cell]]:
    cells = ring.get(start_ms)
    if cells is not None:
        return {**ring, start_ms: _with(cells, row, delta)}
    oldest_ms = max(start_ms, max(ring, default=0)) - span_ms
    if start_ms < oldest_ms:
        return ring
    added = {**ring, start_ms: {row: delta}}
    for outdated_ms in [start for start in ring if start < oldest_ms]:
        del added[outdated_ms]
    return added


def forget_idle(tables: Tables, *, now_ms: int, keep: frozenset[str]) -> Tables:
    """Without the versions that are not in `keep` and that the last hour says nothing of."""
    coarse = {s: cells for s, cells in tables.coarse.items() if s >= now_ms - COARSE_SPAN_MS}
    heard = {version for cells in coarse.values() for version, _ in cells}
    totals = {v: cell for v, cell in tables.totals.items() if v in heard or v in keep}
    if len(totals) == len(tables.totals):
        return tables
    blocks = {
        start_ms: {version: cell for version, cell in cells.items() if version in totals}
        for start_ms, cells in tables.blocks.items()
        if start_ms >= now_ms - COARSE_SPAN_MS
    }
    return replace(tables, coarse=coarse, totals=totals, blocks=blocks)


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


def newest_pane_ms(tables: Tables) -> int | None:
    """The start of the newest pane that any source partition has reported."""
    return max((source.pane_start_ms for source in tables.sources.values()), default=None)


@lru_cache(maxsize=64)  # each keeps the whole tables that it was read from
def _read(
    tables: Tables,
    version: str,
    first_ms: int,
    since_revision: int,
    kind: tuple[bool, bool],
) -> Cell:
    coarse, distributions = kind
    ring = tables.coarse if coarse else tables.fine
    found = [
        cell
        for start_ms, cells in ring.items()
        if start_ms >= first_ms
        for (name, revision), cell in cells.items()
        if name == version and (revision >= since_revision or not revision)
    ]
    return merge_sliding(found, distributions=distributions)


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
    _, grain_ms = _ring(tables, window_ms)
    first_ms = max(now_ms - window_ms, from_ms) // grain_ms * grain_ms
    coarse = window_ms > FINE_SPAN_MS
    return _read(tables, version, first_ms, since_revision, (coarse, distributions))


def recent_requests(
    tables: Tables, version: str, requests: int, distributions: Collection[str] | None = None
) -> Cell:
    """The last panes of `version` that have closed, up to about so many requests; five minutes of
    them at the most, or an hour where the version is rare. `distributions`: see `merge`.
    """
    for ring in (tables.fine, tables.coarse):
        found: list[Cell] = []
        for start_ms in sorted(ring)[-2::-1]:
            found += [cell for (name, _), cell in ring[start_ms].items() if name == version]
            if sum(cell.requests for cell in found) >= requests:
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
