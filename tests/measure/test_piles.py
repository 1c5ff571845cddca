"""Piles: whenever somebody asks, a pile is the sum of its cells, and nobody changes it."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from headgate.measure.cells import Cell, counts_alone, down_to, merge
from headgate.measure.piles import HIGHEST, Pile

names = st.sampled_from(["timeout", "tokens"])
tables = st.dictionaries(names, st.integers(1, 9), max_size=2)
cells = st.builds(
    Cell,
    outcomes=st.integers(1, 9),
    requests=st.integers(0, 9),
    errors=tables,
    labelled=tables,
    sums=tables,
    counts=tables,
    safety_request_ids=st.sets(st.sampled_from("abc"), max_size=2).map(sorted).map(tuple),
)


def piled(found: list[Cell]) -> Pile:
    return reduce(Pile.plus, found[1:], Pile(found[0]))


@given(st.lists(cells, min_size=1, max_size=2 * HIGHEST + 2))
def test_a_pile_is_the_sum_of_its_cells_however_high_it_is(found: list[Cell]) -> None:
    pile, total = piled(found), merge(found)
    assert (pile.outcomes, pile.requests) == (total.outcomes, total.requests)
    assert pile.down_to("counts") == counts_alone(total)
    assert pile.down_to("sums") == down_to("sums", total)
    assert pile == total
    assert total == pile
    assert pile == piled(found)


@given(cells, cells, st.booleans())
def test_what_is_put_on_a_pile_changes_nothing_of_it(one: Cell, other: Cell, ask: bool) -> None:
    below = piled([one, other])
    if ask:
        assert below.counts == counts_alone(merge([one, other]))
    higher = below.plus(one)
    assert below == merge([one, other])
    assert higher == merge([one, other, one])
    assert higher.counts == counts_alone(higher.cell)
    assert higher != below
