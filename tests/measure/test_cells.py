"""Cells: mergeable in any order, and differences give back what was added."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from headgate.measure.cells import NOTHING, Cell, difference, merge
from headgate.measure.slots import BySlot
from headgate.wire.ledger import Slots

names = st.sampled_from(["timeout", "500", "429"])
tables = st.dictionaries(names, st.integers(1, 1000), max_size=3)
rows = st.binary(min_size=32, max_size=32).filter(any).map(tuple)  # drawn as one, not 32 times
by_slot = st.dictionaries(names, rows, max_size=2)
slots = st.builds(
    Slots, errors=by_slot, labelled=by_slot, flagged=by_slot, sums=by_slot, counts=by_slot
).map(BySlot.of)
cells = st.builds(
    Cell,
    outcomes=st.integers(1, 1000),
    requests=st.integers(0, 1000),
    errors=tables,
    labelled=tables,
    flagged=tables,
    sums=tables,
    counts=tables,
    slots=slots,
)


@given(cells, cells, cells)
def test_merging_is_associative_and_commutative(a: Cell, b: Cell, c: Cell) -> None:
    assert merge([merge([a, b]), c]) == merge([c, merge([b, a])]) == merge([a, b, c])


@given(cells)
def test_nothing_changes_nothing(a: Cell) -> None:
    assert merge([a, NOTHING]) == a == merge([NOTHING, a])
    assert difference(a, NOTHING) == a


@given(cells, cells)
def test_a_difference_gives_back_what_was_added(a: Cell, b: Cell) -> None:
    assert difference(merge([a, b]), b) == merge([a])


@given(cells)
def test_counts_that_went_backwards_are_refused_by_name(a: Cell) -> None:
    more = merge([a, Cell(outcomes=1)])
    with pytest.raises(ValueError, match="outcomes went backwards"):
        difference(a, more)


@given(slots)
def test_slots_that_went_backwards_are_refused_by_name(a: BySlot) -> None:
    less = Cell(outcomes=1, slots=a)
    tokens = BySlot.of(Slots(sums={"tokens": (0,) * 31 + (1,)}))
    more = merge([less, Cell(outcomes=1, slots=tokens)])
    with pytest.raises(ValueError, match="slots of tokens went backwards"):
        difference(replace(less, outcomes=2), more)


def test_the_ids_of_safety_violations_are_kept_to_a_few() -> None:
    many = [Cell(outcomes=1, safety_request_ids=(f"r{n}",)) for n in range(20)]
    assert len(merge(many).safety_request_ids) == 8
