"""Slots: counts and sums divided by the router's bucket, so that a user's requests lie together.

A router gives a user one bucket for a whole rollout. `bucket` modulo 32 deals the buckets of every
arm out to all slots alike, whatever the arm's weight: an arm of 5 % has 500 buckets, 15 or 16 in
each slot.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan
from operator import add

from headgate.wire.ledger import NO_SLOTS, SLOTS, Slots

# Names of `Slots` that are no measure's.
REQUESTS = "requests"
LATENCY_BINS = "latency_bins"

Row = tuple[int, ...]
Table = dict[str, Row]


def slot_of(bucket: float | None) -> int:
    """The slot of a router's bucket; `SLOTS` for outcomes that carry none (None or NaN)."""
    return SLOTS if bucket is None or isnan(bucket) else int(bucket) % SLOTS


def add_slots(parts: Iterable[Slots]) -> Slots:
    """The sum; associative and commutative."""
    total = NO_SLOTS
    for part in parts:
        if total is NO_SLOTS or part is NO_SLOTS:
            total = part if total is NO_SLOTS else total
        else:
            total = _both(total, part)
    return total


def _both(one: Slots, other: Slots) -> Slots:
    return Slots(
        errors=_plus(one.errors, other.errors),
        labelled=_plus(one.labelled, other.labelled),
        flagged=_plus(one.flagged, other.flagged),
        sums=_plus(one.sums, other.sums),
        counts=_plus(one.counts, other.counts),
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


def _plus(one: Table, other: Table) -> Table:
    """The sum of two tables, whose names are in order."""
    if not one or not other:
        return one or other
    total = {**one, **other}
    for name in one.keys() & other.keys():
        total[name] = tuple(map(add, one[name], other[name]))
    return {name: total[name] for name in sorted(total)}


def _subtract(newer: Table, older: Table) -> Table:
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
