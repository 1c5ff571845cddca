"""Slots: sums that are worked out late are what adding at once would show."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headgate.measure.slots import NO_SLOTS, BySlot, add_slots, subtract_slots
from headgate.wire.ledger import SLOTS, Slots

names = st.sampled_from(["timeout", "500", "429"])
numbers = st.dictionaries(names, st.integers(1, 1000), max_size=3)


def _slots(counts: dict[str, int]) -> BySlot:
    return BySlot.of(Slots(counts={name: (n,) * SLOTS for name, n in counts.items()}))


@given(st.lists(numbers, max_size=80))
def test_a_sum_is_right_however_many_parts_it_has(many: list[dict[str, int]]) -> None:
    total = NO_SLOTS
    for one in many:
        total = add_slots([total, _slots(one)])
    wanted = {name: sum(one.get(name, 0) for one in many) for one in many for name in one}
    assert total == _slots(wanted) == add_slots(map(_slots, many))
    assert list(total.on_the_wire().counts) == sorted(wanted)


def test_a_name_is_written_where_any_slot_is_not_0() -> None:
    rows = np.array([[0] * SLOTS, [0] * (SLOTS - 1) + [3]])
    names = ("errors", "timeout"), ("counts", "requests")
    slots = BySlot(((names, rows),))
    assert slots.on_the_wire() == Slots(counts={"requests": (0,) * (SLOTS - 1) + (3,)})
    assert BySlot.of(Slots()) is NO_SLOTS


def test_a_copy_of_no_slots_is_left_out_of_a_state_too() -> None:
    assert deepcopy(NO_SLOTS) is NO_SLOTS
    some = BySlot.of(Slots(counts={"requests": (1,) * SLOTS}))
    assert deepcopy(some) == some
    assert subtract_slots(NO_SLOTS, BySlot()) == NO_SLOTS
