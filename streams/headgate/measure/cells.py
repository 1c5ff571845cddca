"""A cell: everything counted for one version over some stretch, mergeable in any order."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from headgate.measure.measures import MAX_SAFETY_IDS
from headgate.measure.sketch import EMPTY, Sketch
from headgate.measure.slots import add_slots, subtract_slots
from headgate.wire.ledger import NO_SLOTS, Slots, Snapshot


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
    sums: dict[str, int] = {}
    counts: dict[str, int] = {}
    sketches: dict[str, Sketch] = {}
    safety_request_ids: tuple[str, ...] = ()
    slots: Slots = NO_SLOTS

    def sketch(self, measure: str) -> Sketch:
        """The distribution of `measure`, empty where nothing carried it."""
        return self.sketches.get(measure, EMPTY)


NOTHING = Cell()


def cell_of(snapshot: Snapshot) -> Cell:
    """The counts of a cumulative snapshot; raises `ValueError` on an unreadable sketch."""
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
        slots=snapshot.slots,
    )


def merge(cells: Iterable[Cell]) -> Cell:
    """The sum of cells: associative, commutative, with `NOTHING` as its zero."""
    cells = [cell for cell in cells if cell.outcomes]
    if not cells:
        return NOTHING
    if len(cells) == 1:
        return cells[0]
    return Cell(
        outcomes=sum(cell.outcomes for cell in cells),
        requests=sum(cell.requests for cell in cells),
        errors=_add(cell.errors for cell in cells),
        labelled=_add(cell.labelled for cell in cells),
        flagged=_add(cell.flagged for cell in cells),
        sums=_add(cell.sums for cell in cells),
        counts=_add(cell.counts for cell in cells),
        sketches={
            name: Sketch.merge([cell.sketches[name] for cell in cells if name in cell.sketches])
            for name in sorted({name for cell in cells for name in cell.sketches})
        },
        safety_request_ids=_some_ids(cell.safety_request_ids for cell in cells),
        slots=add_slots([cell.slots for cell in cells]),
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


def _add(tables: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for table in tables:
        for name, count in table.items():
            total[name] = total.get(name, 0) + count
    return dict(sorted(total.items()))


def _some_ids(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for names in lists for name in names})[:MAX_SAFETY_IDS])


def _less(newer: int, older: int, name: str) -> int:
    if newer < older:
        raise ValueError(f"{name} went backwards, from {older} to {newer}")
    return newer - older


def _subtract(newer: dict[str, int], older: dict[str, int], name: str) -> dict[str, int]:
    left = {
        key: _less(newer.get(key, 0), older.get(key, 0), f"{name}.{key}")
        for key in sorted({*newer, *older})
    }
    return {key: count for key, count in left.items() if count}


def _subtract_sketches(newer: dict[str, Sketch], older: dict[str, Sketch]) -> dict[str, Sketch]:
    left = {
        name: newer.get(name, EMPTY).minus(older.get(name, EMPTY))
        for name in sorted({*newer, *older})
    }
    return {name: sketch for name, sketch in left.items() if sketch.total}
