"""Slots in virtual time: what was drawn at once is dealt out to the slots of its users' buckets.

Requests do not depend on their users here, so that every slot is as likely for each. Many looks are
dealt at once, since that costs much the same as one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from struct import Struct

import numpy as np
import numpy.typing as npt

from headgate.measure.compiled import compiled
from headgate.measure.hdr import Floats, IntArray, value_bounds
from headgate.measure.slots import LATENCY_BINS, REQUESTS, Row
from headgate.sim.batch import Batch, Columns
from headgate.sim.filled import Filled
from headgate.wire.ledger import NO_SLOTS, SLOTS, Slots

_LATENCY = "latency_us"
_ROW, _EMPTY = Struct(f"{SLOTS}q"), (0,) * SLOTS

Dealt = Iterator[tuple[str, str, IntArray]]  # table and name of `Slots`, shape (looks, SLOTS)


def slots_of(rng: np.random.Generator, batch: Batch) -> list[Slots]:
    """Slots of each look that agree with what it counts."""
    tables: defaultdict[str, dict[str, IntArray]] = defaultdict(dict)
    for dealt in (_counted(rng, batch), _measured(rng, batch)):
        for table, name, numbers in dealt:
            tables[table][name] = numbers
    looks = len(batch.outcomes)
    rows = zip(*[_rows(columns, looks) for columns in tables.values()], strict=True)
    return [Slots(**dict(zip(tables, row, strict=True))) if any(row) else NO_SLOTS for row in rows]


def both(one: Slots, other: Slots) -> Slots:
    """Slots of cells that count other things."""
    if other is NO_SLOTS or one is NO_SLOTS:
        return one if other is NO_SLOTS else other
    return Slots(
        errors={**one.errors, **other.errors},
        labelled={**one.labelled, **other.labelled},
        flagged={**one.flagged, **other.flagged},
        sums={**one.sums, **other.sums},
        counts={**one.counts, **other.counts},
    )


def _counted(rng: np.random.Generator, batch: Batch) -> Dealt:
    """Requests, errors and labels: who failed or was flagged is among those who were counted."""
    errors = {kind: _deal(rng, failed) for kind, failed in batch.errors.items()}
    for kind, failures in errors.items():
        yield "errors", kind, failures
    well = _deal(rng, batch.requests - sum(batch.errors.values()))
    yield "counts", REQUESTS, sum(errors.values(), well)
    for name, labelled in batch.labelled.items():
        flagged = _deal(rng, batch.flagged[name])
        yield "flagged", name, flagged
        yield "labelled", name, flagged + _deal(rng, labelled - batch.flagged[name])


def _measured(rng: np.random.Generator, batch: Batch) -> Dealt:
    """How many values of a measure each slot has, and what they add up to."""
    for measure, buckets in batch.filled.items():
        slots, worth = _slots(rng, buckets.counts), _worth(measure, buckets)
        counts, sums = _added(slots, buckets.counts, worth, buckets.ends)
        yield "counts", measure, counts
        name = LATENCY_BINS if measure == _LATENCY else measure
        yield "sums", name, np.rint(sums).astype(np.int64)


def _deal(rng: np.random.Generator, counts: IntArray) -> IntArray:
    """So many things of each look by slot."""
    ends, worthless = np.arange(1, len(counts) + 1), np.zeros(len(counts))
    return _added(_slots(rng, counts), counts, worthless, ends)[0]


def _slots(rng: np.random.Generator, counts: IntArray) -> npt.NDArray[np.uint8]:
    return rng.integers(SLOTS, size=int(counts.sum()), dtype=np.uint8)


def _worth(measure: str, buckets: Filled) -> Floats:
    """What a value in each bucket adds: of latencies the bucket's number."""
    if measure == _LATENCY:
        return buckets.indexes.astype(np.float64)
    lowest, highest = value_bounds(buckets.indexes)
    middles: Floats = (lowest + highest) / 2
    return middles


@compiled("Tuple((i8[:,::1], f8[:,::1]))(u1[::1], i8[::1], f8[::1], i8[::1])")
def _added(
    slots: npt.NDArray[np.uint8], counts: IntArray, worth: Floats, ends: IntArray
) -> tuple[IntArray, Floats]:
    """Values by slot, and what they add up to: `slots` has one for each value, of which each look
    has `counts` of every worth, up to its end.
    """
    numbers, sums = np.zeros((len(ends), SLOTS), np.int64), np.zeros((len(ends), SLOTS))
    place = value = 0
    for look in range(len(ends)):
        while place < ends[look]:
            for _ in range(counts[place]):
                numbers[look, slots[value]] += 1
                sums[look, slots[value]] += worth[place]
                value += 1
            place += 1
    return numbers, sums


def _rows(columns: Columns, looks: int) -> list[dict[str, Row]]:
    """A table per look; a name is there if any slot is not 0."""
    tables: list[dict[str, Row]] = [{} for _ in range(looks)]
    for name, numbers in columns.items():
        for table, row in zip(tables, _ROW.iter_unpack(numbers.data), strict=True):
            if row != _EMPTY:
                table[name] = row
    return tables
