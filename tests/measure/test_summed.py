"""Sums that are worked out late: whoever looks sees what adding at once would show."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from headgate.measure.adding import add
from headgate.measure.summed import PARTS, Summed, plus, whole

names = st.sampled_from(["latency_us", "tokens", "ttft_us"])
tables = st.dictionaries(names, st.integers(1, 1000), max_size=3)


def summed(parts: list[dict[str, int]]) -> object:
    return reduce(lambda one, other: plus(one, other, add), parts, {})


@given(st.lists(tables, max_size=3 * PARTS))
def test_a_sum_is_what_adding_at_once_gives_however_many_parts_it_has(
    parts: list[dict[str, int]],
) -> None:
    assert summed(parts) == add(parts)


@given(st.lists(tables, max_size=6), st.lists(tables, max_size=6))
def test_looking_into_a_sum_changes_nothing(
    one: list[dict[str, int]], other: list[dict[str, int]]
) -> None:
    looked_into = summed(one)
    assert repr(looked_into) == repr(add(one)) or len([table for table in one if table]) == 1
    assert plus(looked_into, summed(other), add) == add([*one, *other])  # type: ignore[type-var,arg-type]


def test_a_sum_reads_like_a_table_whose_names_are_in_order() -> None:
    total = plus({"tokens": 1, "cost": 2}, {"tokens": 3}, add)
    assert isinstance(total, Summed)
    assert list(total) == ["cost", "tokens"] and len(total) == 2
    assert (total["tokens"], total.get("cost"), total.get("ttft_us", 0)) == (4, 2, 0)
    assert "cost" in total and "ttft_us" not in total
    assert dict(total.items()) == whole(total) == {"cost": 2, "tokens": 4}


def test_nothing_is_summed_with_nothing() -> None:
    table = {"tokens": 1}
    assert plus(table, {}, add) is table
    assert plus({}, table, add) is table
