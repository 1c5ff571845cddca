"""Slots: counts and sums divided by the router's bucket, so that a user's requests lie together.

A router gives a user one bucket for a whole rollout. `bucket` modulo 32 deals the buckets of every
arm out to all slots alike, whatever the arm's weight: an arm of 5 % has 500 buckets, 15 or 16 in
each slot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isnan

import numpy as np

from headgate.measure.hdr import IntArray
from headgate.wire import ledger
from headgate.wire.ledger import SLOTS, Slots

# Names of `Slots` that are no measure's.
REQUESTS = "requests"
LATENCY_BINS = "latency_bins"

Name = tuple[str, str]  # a table of `Slots`, and a name in it
Part = tuple[tuple[Name, ...], IntArray]  # an array of shape (names, SLOTS)

_PARTS = 32  # a sum of more is worked out at once


class BySlot:
    """What `Slots` are on the wire, as rows of 32 integers.

    Most sums are never looked into: a sum keeps its parts, and is worked out when somebody asks, or
    at once where it has too many.
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: tuple[Part, ...] = ()) -> None:
        self._parts = parts if len(parts) <= _PARTS else (_total(parts),)

    @classmethod
    def of(cls, slots: Slots) -> BySlot:
        """Slots that were on the wire."""
        rows = {
            (table, name): row
            for table in Slots.__struct_fields__
            for name, row in getattr(slots, table).items()
        }
        return cls(((tuple(rows), np.array([*rows.values()], np.int64)),)) if rows else NO_SLOTS

    def on_the_wire(self) -> Slots:
        """In order of the names; one is there if any slot is not 0."""
        tables: dict[str, dict[str, tuple[int, ...]]] = {}
        for (table, name), row in sorted(self.rows.items()):
            if row.any():
                tables.setdefault(table, {})[name] = tuple(row.tolist())
        return Slots(**tables) if tables else ledger.NO_SLOTS

    @property
    def parts(self) -> tuple[Part, ...]:
        """What adds up to it."""
        return self._parts

    @property
    def rows(self) -> dict[Name, IntArray]:
        """The integers by slot of each name."""
        if len(self._parts) > 1:
            self._parts = (_total(self._parts),)
        return dict(zip(*self._parts[0], strict=True)) if self._parts else {}

    def __reduce__(self) -> tuple[Callable[[tuple[Part, ...]], BySlot], tuple[object, ...]]:
        """Copies of none are `NO_SLOTS` too, which a state leaves out."""
        return _of_parts, (self._parts,)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BySlot):
            return NotImplemented
        return self.on_the_wire() == other.on_the_wire()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"BySlot({self.on_the_wire()!r})"


NO_SLOTS = BySlot()


def _of_parts(parts: tuple[Part, ...]) -> BySlot:
    return BySlot(parts) if parts else NO_SLOTS


def slot_of(bucket: float | None) -> int:
    """The slot of a router's bucket; `SLOTS` for outcomes that carry none (None or NaN)."""
    return SLOTS if bucket is None or isnan(bucket) else int(bucket) % SLOTS


def add_slots(many: Iterable[BySlot]) -> BySlot:
    """The sum; associative and commutative."""
    filled = [one for one in many if one.parts]
    if len(filled) <= 1:
        return filled[0] if filled else NO_SLOTS
    return BySlot(tuple([part for one in filled for part in one.parts]))


def subtract_slots(newer: BySlot, older: BySlot) -> BySlot:
    """What `newer` counts beyond `older`; raises `ValueError` if a count went backwards."""
    if not older.parts:
        return newer
    less = [(names, -numbers) for names, numbers in older.parts]
    names, left = _total([*newer.parts, *less])
    if left.min() < 0:
        name = next(name for (_, name), row in zip(names, left, strict=True) if row.min() < 0)
        raise ValueError(f"slots of {name} went backwards")
    return BySlot(((names, left),)) if left.any() else NO_SLOTS


def _total(parts: Sequence[Part]) -> Part:
    """The sum of at least one part; most have the same names."""
    alike: dict[tuple[Name, ...], list[IntArray]] = {}
    for names, numbers in parts:
        alike.setdefault(names, []).append(numbers)
    rows: dict[Name, IntArray] = {}
    for names, found in alike.items():
        for name, row in zip(names, np.add.reduce(found), strict=True):
            rows[name] = rows[name] + row if name in rows else row
    return tuple(rows), np.array([*rows.values()])
