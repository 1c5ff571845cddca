"""A cell: everything counted for one version over some stretch, mergeable in any order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from headgate.measure import summed
from headgate.measure.adding import add, add_sketches, plus, some_ids
from headgate.measure.sketch import EMPTY, Sketch
from headgate.measure.slots import NO_SLOTS, BySlot, add_slots, subtract_slots
from headgate.wire.ledger import Snapshot


class Cell(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Counts of outcomes; all integers, so that sums are exact and differences too.

    `errors` counts by error type; `labelled` and `flagged` by label; `sums` and `counts` by
    measure (see `measures`); `sketches` holds the distributions; `safety_request_ids` names a few
    of the requests that violated safety; `slots` divides counts and sums by the router's bucket.
    """

    outcomes: int = 0
    requests: int = 0
    errors: dict[str, int] = {}
    labelled: dict[str, int] = {}
    flagged: dict[str, int] = {}
    sums: Mapping[str, int] = {}
    counts: Mapping[str, int] = {}
    sketches: Mapping[str, Sketch] = {}
    safety_request_ids: tuple[str, ...] = ()
    slots: BySlot = NO_SLOTS

    def sketch(self, measure: str) -> Sketch:
        """The distribution of `measure`, empty where nothing carried it."""
        return self.sketches.get(measure, EMPTY)


NOTHING = Cell()

# How much of cells is wanted. Each has what those before it have; `counts` are of outcomes,
# requests, errors and labels, with the ids that are kept.
Depth = Literal["counts", "sums", "distributions"]


class Counted(Snapshot, frozen=True, kw_only=True):
    """A snapshot that has not been on the wire: its counts are at hand as `cell`, and its own
    fields of counts are left out. Folding it is folding what `on_the_wire` gives, without the cost
    of encoding.
    """

    cell: Cell

    def on_the_wire(self) -> Snapshot:
        """The snapshot as ingest would publish it."""
        named = {name: getattr(self, name) for name in Snapshot.__struct_fields__}
        counts = {name: getattr(self.cell, name) for name in Cell.__struct_fields__}
        counts |= {name: summed.whole(counts[name]) for name in ("sums", "counts")}
        counts["sketches"] = {name: one.encode() for name, one in self.cell.sketches.items()}
        counts["slots"] = self.cell.slots.on_the_wire()
        return Snapshot(**{**named, **counts})


def cell_of(snapshot: Snapshot) -> Cell:
    """The counts of a cumulative snapshot; raises `ValueError` on an unreadable sketch."""
    if isinstance(snapshot, Counted):
        return snapshot.cell
    return Cell(
        outcomes=snapshot.outcomes,
        requests=snapshot.requests,
        errors=snapshot.errors,
        labelled=snapshot.labelled,
        flagged=snapshot.flagged,
        sums=snapshot.sums,
        counts=snapshot.counts,
        sketches={name: Sketch.decode(text) for name, text in snapshot.sketches.items()},
        safety_request_ids=snapshot.safety_request_ids,
        slots=BySlot.of(snapshot.slots),
    )


def down_to(depth: Depth, cell: Cell) -> Cell:
    """What is wanted of a cell."""
    if depth == "counts":
        return counts_alone(cell)
    return replace(cell, sketches={}) if depth == "sums" and cell.sketches else cell


def counts_alone(cell: Cell) -> Cell:
    """A cell without what is counted by measure."""
    return Cell(
        outcomes=cell.outcomes,
        requests=cell.requests,
        errors=cell.errors,
        labelled=cell.labelled,
        flagged=cell.flagged,
        safety_request_ids=cell.safety_request_ids,
    )


def both_counts(one: Cell, other: Cell) -> Cell:
    """The sum of two that have counts alone."""
    return Cell(
        outcomes=one.outcomes + other.outcomes,
        requests=one.requests + other.requests,
        errors=plus(one.errors, other.errors),
        labelled=plus(one.labelled, other.labelled),
        flagged=plus(one.flagged, other.flagged),
        safety_request_ids=some_ids([one.safety_request_ids, other.safety_request_ids]),
    )


def merge(cells: Iterable[Cell], *, distributions: Collection[str] | None = None) -> Cell:
    """The sum of cells: associative, commutative, with `NOTHING` as its zero.

    Sketches cost most of it: with `distributions` the sum has those of these measures alone.
    """
    cells = [cell for cell in cells if cell.outcomes]
    if len(cells) <= 1:
        return cells[0] if cells else NOTHING
    if len(cells) == 2 and not distributions:
        one, other = cells
        return both(one, other) if distributions is None else _both(one, other, {})
    return Cell(
        outcomes=sum([cell.outcomes for cell in cells]),
        requests=sum([cell.requests for cell in cells]),
        errors=add([cell.errors for cell in cells]),
        labelled=add([cell.labelled for cell in cells]),
        flagged=add([cell.flagged for cell in cells]),
        sums=add([cell.sums for cell in cells]),
        counts=add([cell.counts for cell in cells]),
        sketches=add_sketches([cell.sketches for cell in cells], distributions),
        safety_request_ids=some_ids([cell.safety_request_ids for cell in cells]),
        slots=add_slots([cell.slots for cell in cells]),
    )


def both(one: Cell, other: Cell) -> Cell:
    """The sum of two, which is what most sums are."""
    return _both(one, other, summed.plus(one.sketches, other.sketches, add_sketches))


def _both(one: Cell, other: Cell, sketches: Mapping[str, Sketch]) -> Cell:
    return Cell(
        outcomes=one.outcomes + other.outcomes,
        requests=one.requests + other.requests,
        errors=plus(one.errors, other.errors),
        labelled=plus(one.labelled, other.labelled),
        flagged=plus(one.flagged, other.flagged),
        sums=summed.plus(one.sums, other.sums, add),
        counts=summed.plus(one.counts, other.counts, add),
        sketches=sketches,
        safety_request_ids=some_ids([one.safety_request_ids, other.safety_request_ids]),
        slots=add_slots([one.slots, other.slots]),
    )


def difference(newer: Cell, older: Cell) -> Cell:
    """What `newer` counts beyond `older`; raises `ValueError` if a count went backwards."""
    if not older.outcomes:
        return newer
    return Cell(
        outcomes=_less(newer.outcomes, older.outcomes, "outcomes"),
        requests=_less(newer.requests, older.requests, "requests"),
        errors=_subtract(newer.errors, older.errors, "errors"),
        labelled=_subtract(newer.labelled, older.labelled, "labelled"),
        flagged=_subtract(newer.flagged, older.flagged, "flagged"),
        sums=_subtract(newer.sums, older.sums, "sums"),
        counts=_subtract(newer.counts, older.counts, "counts"),
        sketches=_subtract_sketches(newer.sketches, older.sketches),
        safety_request_ids=tuple(
            name for name in newer.safety_request_ids if name not in older.safety_request_ids
        ),
        slots=subtract_slots(newer.slots, older.slots),
    )


def _less(newer: int, older: int, name: str) -> int:
    if newer < older:
        raise ValueError(f"{name} went backwards, from {older} to {newer}")
    return newer - older


def _subtract(newer: Mapping[str, int], older: Mapping[str, int], name: str) -> dict[str, int]:
    if newer == older:
        return {}
    left = {key: newer.get(key, 0) - older.get(key, 0) for key in sorted({*newer, *older})}
    if min(left.values()) < 0:
        for key in left:
            _less(newer.get(key, 0), older.get(key, 0), f"{name}.{key}")
    return {key: count for key, count in left.items() if count}


def _subtract_sketches(
    newer: Mapping[str, Sketch], older: Mapping[str, Sketch]
) -> dict[str, Sketch]:
    left = {
        name: newer.get(name, EMPTY).minus(older.get(name, EMPTY))
        for name in sorted({*newer, *older})
    }
    return {name: sketch for name, sketch in left.items() if sketch.total}
