"""Slots in virtual time: what was drawn at once is dealt out to the slots of its users' buckets.

Requests do not depend on their users here, so that every slot is as likely for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from msgspec.structs import replace

from headgate.measure.cells import Cell
from headgate.measure.hdr import value_bounds
from headgate.measure.sketch import Sketch
from headgate.measure.slots import LATENCY_BINS, REQUESTS, Row
from headgate.wire.ledger import SLOTS, Slots

_ALIKE = np.full(SLOTS, 1 / SLOTS)
_LATENCY, _TENTHS = "latency_us", "rating_tenths"
_COMPARED = (_LATENCY, "tokens", "cost_microusd", _TENTHS)


def slotted(rng: np.random.Generator, cell: Cell) -> Cell:
    """The cell with slots that agree with what it counts."""
    errors = {kind: _deal(rng, [count]) for kind, count in cell.errors.items()}
    flagged = {name: _deal(rng, [count]) for name, count in cell.flagged.items()}
    well = cell.requests - sum(cell.errors.values())
    counts = {REQUESTS: sum(errors.values(), _deal(rng, [well]))}
    labelled = {
        name: _deal(rng, [count - cell.flagged.get(name, 0)]) + flagged.get(name, 0)
        for name, count in cell.labelled.items()
    }
    sums = {}
    for measure in _COMPARED:
        sketch = cell.sketches.get(measure)
        if sketch is not None:
            slots = rng.integers(SLOTS, size=sketch.total)
            values = _values(measure, sketch).repeat(sketch.counts)
            counts[measure] = np.bincount(slots, minlength=SLOTS)
            name = LATENCY_BINS if measure == _LATENCY else measure
            sums[name] = np.rint(np.bincount(slots, values, SLOTS)).astype(np.int64)
    parts = (errors, labelled, flagged, sums, counts)
    told = [dict(_told(part.items())) for part in parts]
    return replace(
        cell,
        slots=Slots(
            errors=told[0], labelled=told[1], flagged=told[2], sums=told[3], counts=told[4]
        ),
    )


def _deal(rng: np.random.Generator, counts: list[int]) -> np.ndarray:
    dealt: np.ndarray = rng.multinomial(counts, _ALIKE).sum(axis=0)
    return dealt


def _values(measure: str, sketch: Sketch) -> np.ndarray:
    """What a value in each filled bucket adds: of latencies the bucket's number."""
    if measure == _LATENCY:
        return sketch.indexes.astype(np.float64)
    lowest, highest = value_bounds(sketch.indexes)
    middles: np.ndarray = (lowest + highest) / 2
    return middles


def _told(rows: Iterable[tuple[str, np.ndarray]]) -> Iterator[tuple[str, Row]]:
    return ((name, tuple(row.tolist())) for name, row in rows if row.any())
