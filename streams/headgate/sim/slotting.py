"""Slots in virtual time: what was drawn at once is dealt out to the slots of its users' buckets.

Requests do not depend on their users here, so that every slot is as likely for each. Many looks are
dealt at once, since that costs much the same as one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from headgate.measure.compiled import compiled
from headgate.measure.hdr import Floats, IntArray, value_bounds
from headgate.measure.slots import LATENCY_BINS, REQUESTS, BySlot, Name
from headgate.sim.batch import Batch
from headgate.sim.filled import Filled
from headgate.wire.ledger import SLOTS

_LATENCY = "latency_us"

Dealt = Iterator[tuple[Name, IntArray]]  # of shape (looks, SLOTS)


def slots_of(rng: np.random.Generator, batch: Batch) -> list[BySlot]:
    """Slots of each look that agree with what it counts."""
    names, columns = zip(*_counted(rng, batch), *_measured(rng, batch), strict=True)
    return [BySlot(((names, numbers),)) for numbers in np.stack(columns, 1)]


def _counted(rng: np.random.Generator, batch: Batch) -> Dealt:
    """Requests, errors and labels: who failed or was flagged is among those who were counted."""
    errors = {kind: _deal(rng, failed) for kind, failed in batch.errors.items()}
    for kind, failures in errors.items():
        yield ("errors", kind), failures
    well = _deal(rng, batch.requests - sum(batch.errors.values()))
    yield ("counts", REQUESTS), sum(errors.values(), well)
    for name, labelled in batch.labelled.items():
        flagged = _deal(rng, batch.flagged[name])
        yield ("flagged", name), flagged
        yield ("labelled", name), flagged + _deal(rng, labelled - batch.flagged[name])


def _measured(rng: np.random.Generator, batch: Batch) -> Dealt:
    """How many values of a measure each slot has, and what they add up to."""
    for measure, buckets in batch.filled.items():
        counts, sums = _dealt(rng, buckets.counts, _worth(measure, buckets), buckets.ends)
        yield ("counts", measure), counts
        name = LATENCY_BINS if measure == _LATENCY else measure
        yield ("sums", name), np.rint(sums).astype(np.int64)


def _deal(rng: np.random.Generator, counts: IntArray) -> IntArray:
    """So many things of each look by slot."""
    ends, worthless = np.arange(1, len(counts) + 1), np.zeros(len(counts))
    return _dealt(rng, counts, worthless, ends)[0]


def _dealt(
    rng: np.random.Generator, counts: IntArray, worth: Floats, ends: IntArray
) -> tuple[IntArray, Floats]:
    """Values by slot, and what they add up to: each look has `counts` of every worth, up to its
    end.
    """
    slots = rng.integers(SLOTS, size=int(counts.sum()), dtype=np.uint8)
    numbers, sums = np.zeros((len(ends), SLOTS), np.int64), np.zeros((len(ends), SLOTS))
    _add(slots, counts, worth, ends, numbers, sums)
    return numbers, sums


def _worth(measure: str, buckets: Filled) -> Floats:
    """What a value in each bucket adds: of latencies the bucket's number."""
    if measure == _LATENCY:
        return buckets.indexes.astype(np.float64)
    lowest, highest = value_bounds(buckets.indexes)
    middles: Floats = (lowest + highest) / 2
    return middles


@compiled("void(u1[::1], i8[::1], f8[::1], i8[::1], i8[:,::1], f8[:,::1])")
def _add(  # noqa: PLR0917 - of plain arrays
    slots: npt.NDArray[np.uint8],
    counts: IntArray,
    worth: Floats,
    ends: IntArray,
    numbers: IntArray,
    sums: Floats,
) -> None:
    """Add each value, which has a slot of its own in `slots`, in place."""
    place = value = 0
    for look in range(len(ends)):
        while place < ends[look]:
            for _ in range(counts[place]):
                numbers[look, slots[value]] += 1
                sums[look, slots[value]] += worth[place]
                value += 1
            place += 1
