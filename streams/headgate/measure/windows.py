"""The windowed per-version tables: rings of merged panes.

Panes of 10 s are kept for 5 minutes, minutes for an hour, and a total for as long as the version
is heard of. Nothing is ever closed, so late snapshots count. `reading` reads them as windows.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from headgate.measure.cells import NOTHING, Cell, difference, merge
from headgate.measure.measures import BUCKET
from headgate.wire.ledger import NO_SLOTS

MINUTE_MS = 60_000
FINE_SPAN_MS = 5 * MINUTE_MS
COARSE_SPAN_MS = 60 * MINUTE_MS

K = TypeVar("K")
V = TypeVar("V")
Row = tuple[str, int]  # version, revision (0: outcomes that carry none)
Ring = dict[int, dict[Row, Cell]]  # start of the pane or minute in ms -> its cells


class SourcePane(Struct, frozen=True, kw_only=True):
    """The newest pane heard of from one source partition, with its latest snapshots."""

    pane_start_ms: int
    first_offset: int
    rows: dict[Row, tuple[int, Cell]]  # row -> last_offset and the cumulative counts up to it


class Tables(Struct, frozen=True, kw_only=True, eq=False):
    """All that is counted for one model.

    `blocks` keeps, for an hour, the counts by version, without distributions, of each pane before
    the newest: what bursts are estimated from. `fresh` is what has come since the last look took
    it. Rings are in order of time.
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
    sources = {**tables.sources, source_partition: source}
    if not delta.outcomes:
        return replace(tables, sources=sources)
    return _add_delta(tables, sources, row, pane_start_ms, delta)


def _add_delta(
    tables: Tables, sources: dict[int, SourcePane], row: Row, pane_start_ms: int, delta: Cell
) -> Tables:
    minute_ms = pane_start_ms - pane_start_ms % MINUTE_MS
    version, kept = row[0], _without_routing(delta)
    return Tables(
        sources=sources,
        fine=_add_to_ring(tables.fine, pane_start_ms, row, kept, FINE_SPAN_MS),
        coarse=_add_to_ring(tables.coarse, minute_ms, row, kept, COARSE_SPAN_MS),
        totals=_with(tables.totals, version, kept),
        blocks=_blocks(tables, pane_start_ms, version, delta),
        fresh=_with(tables.fresh, row, delta),
    )


def _blocks(tables: Tables, start_ms: int, version: str, delta: Cell) -> dict[int, dict[str, Cell]]:
    """The blocks that have closed: the newest pane closes when a newer one comes."""
    open_ms = open_block_ms(tables)
    if start_ms == open_ms or open_ms < 0:
        return tables.blocks
    if start_ms < open_ms:
        return _add_to_ring(tables.blocks, start_ms, version, _light(delta), COARSE_SPAN_MS)
    oldest_ms, closed = start_ms - COARSE_SPAN_MS, dict[str, Cell]()
    for (name, _), cell in tables.fine[open_ms].items():
        closed = _with(closed, name, _light(cell))
    blocks = tables.blocks.copy()
    blocks[open_ms] = closed
    for outdated_ms in list(takewhile(oldest_ms.__gt__, blocks)):
        del blocks[outdated_ms]
    return blocks


def open_block_ms(tables: Tables) -> int:
    """The start of the newest pane, which is no closed block yet; -1 before the first."""
    return next(reversed(tables.fine), -1)


def _with(cells: dict[K, Cell], key: K, delta: Cell) -> dict[K, Cell]:
    known = cells.get(key)
    added = cells.copy()
    added[key] = delta if known is None else merge((known, delta))
    return added


def _without_routing(cell: Cell) -> Cell:
    """Without what only the next look needs: buckets, and what is divided by them."""
    if BUCKET not in cell.counts:
        return cell if cell.slots is NO_SLOTS else replace(cell, slots=NO_SLOTS)
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
    added = ring.copy()  # in one piece; to unpack it would enter its panes one by one
    if cells is not None:
        added[start_ms] = _with(cells, row, delta)
        return added
    newest_ms = next(reversed(ring), start_ms)
    oldest_ms = max(start_ms, newest_ms) - span_ms
    if start_ms < oldest_ms:
        return ring
    added[start_ms] = {row: delta}
    if start_ms < newest_ms:  # it came late
        added = _in_order(added)
    for outdated_ms in ring:
        if outdated_ms >= oldest_ms:
            break
        del added[outdated_ms]
    return added


def _in_order(ring: dict[int, V]) -> dict[int, V]:
    return {start_ms: ring[start_ms] for start_ms in sorted(ring)}


def put_in_order(tables: Tables) -> Tables:
    """Tables out of a checkpoint, whose rings may be older than the rule that they are in order."""
    if all(list(ring) == sorted(ring) for ring in (tables.fine, tables.coarse, tables.blocks)):
        return tables
    return replace(
        tables,
        fine=_in_order(tables.fine),
        coarse=_in_order(tables.coarse),
        blocks=_in_order(tables.blocks),
    )


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


def newest_pane_ms(tables: Tables) -> int | None:
    """The start of the newest pane that any source partition has reported."""
    return max((source.pane_start_ms for source in tables.sources.values()), default=None)
