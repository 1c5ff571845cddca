"""Slots in virtual time: what was drawn at once is dealt out to the slots of its users' buckets.

Requests do not depend on their users here, so that every slot is as likely for each. Many looks are
dealt at once, since that costs much the same as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec.structs import replace

from headgate.measure.cells import Cell
from headgate.measure.hdr import IntArray, value_bounds
from headgate.measure.slots import LATENCY_BINS, REQUESTS, Row
from headgate.wire.ledger import NO_SLOTS, SLOTS, Slots

_LATENCY = "latency_us"
_COMPARED = (_LATENCY, "tokens", "cost_microusd", "rating_tenths")

Dealt = dict[tuple[str, str], IntArray]  # by table and name of `Slots`: shape (cells, SLOTS)


def slotted(rng: np.random.Generator, cells: Sequence[Cell]) -> list[Cell]:
    """The cells with slots that agree with what each counts."""
    dealt = _counted(rng, cells)
    for measure in _COMPARED:
        dealt |= _measured(rng, cells, measure)
    slots = _told(dealt, len(cells))
    return [replace(cell, slots=its) for cell, its in zip(cells, slots, strict=True)]


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


def _counted(rng: np.random.Generator, cells: Sequence[Cell]) -> Dealt:
    """Requests, errors and labels: who failed or was flagged is among those who were counted."""
    dealt: Dealt = {
        ("errors", kind): _deal(rng, [cell.errors.get(kind, 0) for cell in cells])
        for kind in _names(cell.errors for cell in cells)
    }
    well = _deal(rng, [cell.requests - sum(cell.errors.values()) for cell in cells])
    dealt["counts", REQUESTS] = sum(dealt.values(), well)
    for name in _names(cell.labelled for cell in cells):
        labelled = [cell.labelled.get(name, 0) for cell in cells]
        flagged = [cell.flagged.get(name, 0) for cell in cells]
        good = [count - hits for count, hits in zip(labelled, flagged, strict=True)]
        dealt["flagged", name] = _deal(rng, flagged)
        dealt["labelled", name] = dealt["flagged", name] + _deal(rng, good)
    return dealt


def _measured(rng: np.random.Generator, cells: Sequence[Cell], measure: str) -> Dealt:
    """How many values of a measure each slot has, and what they add up to."""
    sketches = [cell.sketch(measure) for cell in cells]
    places = _places(rng, [sketch.total for sketch in sketches])
    indexes = np.concatenate([sketch.indexes for sketch in sketches])
    counts = np.concatenate([sketch.counts for sketch in sketches])
    name = LATENCY_BINS if measure == _LATENCY else measure
    values = _values(measure, indexes).repeat(counts)
    return {
        ("counts", measure): _by_slot(np.bincount(places, minlength=len(cells) * SLOTS)),
        ("sums", name): _by_slot(np.bincount(places, values, len(cells) * SLOTS)),
    }


def _deal(rng: np.random.Generator, counts: Sequence[int]) -> IntArray:
    return _by_slot(np.bincount(_places(rng, counts), minlength=len(counts) * SLOTS))


def _places(rng: np.random.Generator, counts: Sequence[int]) -> IntArray:
    """A slot for each of so many things of every cell; those of a cell begin at its own place."""
    begins = np.repeat(np.arange(len(counts)) * SLOTS, counts)
    places: IntArray = begins + rng.integers(SLOTS, size=len(begins), dtype=np.uint8)
    return places


def _by_slot(numbers: np.ndarray) -> IntArray:
    whole: IntArray = np.rint(numbers).astype(np.int64)
    return whole.reshape(-1, SLOTS)


def _values(measure: str, indexes: IntArray) -> np.ndarray:
    """What a value in each bucket adds: of latencies the bucket's number."""
    if measure == _LATENCY:
        return indexes.astype(np.float64)
    lowest, highest = value_bounds(indexes)
    middles: np.ndarray = (lowest + highest) / 2
    return middles


def _names(tables: Iterable[Mapping[str, int]]) -> list[str]:
    return sorted({name for table in tables for name in table})


def _told(dealt: Dealt, cells: int) -> list[Slots]:
    """What was dealt, cell by cell; a name is there if any slot is not 0."""
    told: list[dict[str, dict[str, Row]]] = [{} for _ in range(cells)]
    for (table, name), numbers in dealt.items():
        for tables, row in zip(told, numbers.tolist(), strict=True):
            if any(row):
                tables.setdefault(table, {})[name] = tuple(row)
    return [Slots(**tables) if tables else NO_SLOTS for tables in told]
