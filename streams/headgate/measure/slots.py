"""Slots: counts and sums divided by the router's bucket, so that a user's requests lie together.

A router gives a user one bucket for a whole rollout. `bucket` modulo 32 deals the buckets of every
arm out to all slots alike, whatever the arm's weight: an arm of 5 % has 500 buckets, 15 or 16 in
each slot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan

from headgate.measure.summed import Table
from headgate.wire.ledger import NO_SLOTS, SLOTS, Slots

# Names of `Slots` that are no measure's.
REQUESTS = "requests"
LATENCY_BINS = "latency_bins"

Row = tuple[int, ...]


def slot_of(bucket: float | None) -> int:
    """The slot of a router's bucket; `SLOTS` for outcomes that carry none (None or NaN)."""
    return SLOTS if bucket is None or isnan(bucket) else int(bucket) % SLOTS


def add_slots(parts: Iterable[Slots]) -> Slots:
    """The sum; associative and commutative."""
    filled = [part for part in parts if part is not NO_SLOTS]
    if len(filled) <= 1:
        return filled[0] if filled else NO_SLOTS
    return Slots(
        errors=_add([part.errors for part in filled]),
        labelled=_add([part.labelled for part in filled]),
        flagged=_add([part.flagged for part in filled]),
        sums=_add([part.sums for part in filled]),
        counts=_add([part.counts for part in filled]),
    )


def subtract_slots(newer: Slots, older: Slots) -> Slots:
    """What `newer` counts beyond `older`; raises `ValueError` if a count went backwards."""
    if older == NO_SLOTS:
        return newer
    return Slots(
        errors=_subtract(newer.errors, older.errors),
        labelled=_subtract(newer.labelled, older.labelled),
        flagged=_subtract(newer.flagged, older.flagged),
        sums=_subtract(newer.sums, older.sums),
        counts=_subtract(newer.counts, older.counts),
    )


def _add(tables: Sequence[Table[Row]]) -> dict[str, Row]:
    rows: dict[str, list[Row]] = {}
    for table in tables:
        for name, row in table.items():
            rows.setdefault(name, []).append(row)
    return {name: _total(rows[name]) for name in sorted(rows)}


def _total(rows: list[Row]) -> Row:
    return rows[0] if len(rows) == 1 else tuple(map(sum, zip(*rows, strict=True)))


def _subtract(newer: Table[Row], older: Table[Row]) -> dict[str, Row]:
    left = {}
    for name in sorted({*newer, *older}):
        before, now = older.get(name), newer.get(name)
        if before is None or now is None:
            row = now if now is not None else _less((0,) * SLOTS, before or (), name)
        else:
            row = _less(now, before, name)
        if any(row):
            left[name] = row
    return left


def _less(newer: Row, older: Row, name: str) -> Row:
    left = tuple(now - before for now, before in zip(newer, older, strict=True))
    if min(left) < 0:
        raise ValueError(f"slots of {name} went backwards")
    return left
