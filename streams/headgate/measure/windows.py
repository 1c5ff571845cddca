"""The windowed per-version tables: rings of merged panes.

Panes of 10 s are kept for 5 minutes, minutes for an hour, and a total for as long as the version
is heard of. Nothing is ever closed, so late snapshots count. `reading` reads them as windows.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from headgate.measure import rings
from headgate.measure.cells import NOTHING, Cell, Depth, both, counts_alone, difference
from headgate.measure.measures import BUCKET
from headgate.measure.piles import Pile
from headgate.measure.rings import forget_before, in_order, piled, with_pane
from headgate.measure.slots import NO_SLOTS

MINUTE_MS = 60_000
FINE_SPAN_MS = 5 * MINUTE_MS
COARSE_SPAN_MS = 60 * MINUTE_MS

K = TypeVar("K")
Row = tuple[str, int]  # version, revision (0: outcomes that carry none)
Ring = rings.Ring[Row]  # of panes or of minutes
Blocks = dict[int, dict[str, Cell]]


class SourcePane(Struct, frozen=True, kw_only=True):
    """The newest pane heard of from one source partition, with its latest snapshots."""

    pane_start_ms: int
    first_offset: int
    rows: dict[Row, tuple[int, Cell]]  # row -> last_offset and the cumulative counts up to it


class Tables(Struct, frozen=True, kw_only=True, eq=False):
    """All that is counted for one model.

    `blocks` keeps, for an hour, the counts by version, without distributions, of each pane before
    the newest: what bursts are estimated from. `fresh` is what has come since the last look took
    it. Rings and blocks are in order of time.
    """

    fine: Ring = Ring()
    coarse: Ring = Ring()
    totals: dict[str, Pile] = {}
    sources: dict[int, SourcePane] = {}
    blocks: Blocks = {}
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
        fine=tables.fine.plus(pane_start_ms, row, kept, FINE_SPAN_MS),
        coarse=tables.coarse.plus(minute_ms, row, kept, COARSE_SPAN_MS),
        totals=piled(tables.totals, version, kept),
        blocks=_blocks(tables, pane_start_ms, version, delta),
        fresh=_plus(tables.fresh, row, delta),
    )


def _blocks(tables: Tables, start_ms: int, version: str, delta: Cell) -> Blocks:
    """The blocks that have closed: the newest pane closes when a newer one comes."""
    open_ms = open_block_ms(tables)
    if start_ms == open_ms or open_ms < 0:
        return tables.blocks
    if start_ms < open_ms:
        return _with_late(tables.blocks, start_ms, version, _unnamed(counts_alone(delta)))
    closed = dict[str, Cell]()
    for (name, _), pile in tables.fine.newest.items():
        closed = _plus(closed, name, _unnamed(pile.counts))
    blocks = tables.blocks.copy()
    blocks[open_ms] = closed
    forget_before(blocks, start_ms - COARSE_SPAN_MS)
    return blocks


def _with_late(blocks: Blocks, start_ms: int, version: str, delta: Cell) -> Blocks:
    newest_ms = next(reversed(blocks), start_ms)
    if start_ms < newest_ms - COARSE_SPAN_MS:
        return blocks
    added = with_pane(blocks, start_ms, _plus(blocks.get(start_ms, {}), version, delta))
    forget_before(added, start_ms - COARSE_SPAN_MS)
    return added


def open_block_ms(tables: Tables) -> int:
    """The start of the newest pane, which is no closed block yet; -1 before the first."""
    return tables.fine.newest_ms


def _without_routing(cell: Cell) -> Cell:
    """Without what only the next look needs: buckets, and what is divided by them."""
    if BUCKET not in cell.counts:
        return cell if cell.slots is NO_SLOTS else replace(cell, slots=NO_SLOTS)
    tables = (cell.sums, cell.counts, cell.sketches)
    sums, counts, sketches = ({k: v for k, v in t.items() if k != BUCKET} for t in tables)
    return replace(cell, sums=sums, counts=counts, sketches=sketches, slots=NO_SLOTS)


def _unnamed(counts: Cell) -> Cell:
    """Counts that name no requests."""
    return replace(counts, safety_request_ids=()) if counts.safety_request_ids else counts


def _plus(cells: dict[K, Cell], key: K, cell: Cell) -> dict[K, Cell]:
    known = cells.get(key)
    added = cells.copy()
    added[key] = cell if known is None else both(known, cell)
    return added


def total_of(tables: Tables, version: str, depth: Depth = "distributions") -> Cell:
    """All that was ever counted of a version."""
    pile = tables.totals.get(version)
    return pile.down_to(depth) if pile is not None else NOTHING


def without_fresh(tables: Tables) -> Tables:
    """The tables after a look that took what was fresh."""
    return replace(tables, fresh={}) if tables.fresh else tables


def put_in_order(tables: Tables) -> Tables:
    """Tables out of a checkpoint; its blocks may be older than the rule that they are in order."""
    if list(tables.blocks) == sorted(tables.blocks):
        return tables
    return replace(tables, blocks=in_order(tables.blocks))


def forget_idle(tables: Tables, *, now_ms: int, keep: frozenset[str]) -> Tables:
    """Without the versions that are not in `keep` and that the last hour says nothing of."""
    if tables.totals.keys() <= keep:
        return tables
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
    return replace(tables, coarse=Ring.of(coarse), totals=totals, blocks=blocks)


def newest_pane_ms(tables: Tables) -> int | None:
    """The start of the newest pane that any source partition has reported."""
    return max((source.pane_start_ms for source in tables.sources.values()), default=None)
