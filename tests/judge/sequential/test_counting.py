"""Counting blocks: what is remembered of them is what counting them anew gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headgate.judge.sequential import counting
from headgate.judge.sequential.samples import SAMPLED
from headgate.measure.cells import Cell
from headgate.measure.metrics import CallerFaults

TAKES = (SAMPLED["error_rate"].take, SAMPLED["hallucination_rate"].take)
FAULTS = CallerFaults()


def block(requests: int) -> counting.Block:
    failed = requests // 3
    return {"v1": Cell(outcomes=requests, requests=requests, errors={"timeout": failed})}


def counts_of(blocks: list[counting.Block]) -> list[list[list[int]]]:
    found: list[list[list[int]]] = counting.count_blocks(blocks, TAKES, "v1", FAULTS).tolist()
    return found


def anew(blocks: list[counting.Block]) -> list[list[list[int]]]:
    return counts_of([dict(kept) for kept in blocks])  # other objects: nothing is known of them


@given(st.lists(st.integers(0, 99), min_size=1, max_size=40), st.integers(1, 8))
def test_blocks_that_come_one_by_one_count_as_all_at_once(sizes: list[int], kept: int) -> None:
    blocks = [block(size) for size in sizes]
    for end in range(1, len(blocks) + 1):
        telling = blocks[max(0, end - kept) : end]
        assert counts_of(telling) == anew(telling)


def test_more_blocks_than_there_is_room_for_count_too() -> None:
    blocks = [block(size) for size in range(2 * counting.ROOM + 9)]
    for end in range(1, len(blocks) + 1):
        counted = counts_of(blocks[:end])
    assert counted == anew(blocks)


def test_two_stories_that_part_do_not_see_each_other_s_blocks() -> None:
    common = [block(size) for size in (5, 7, 9)]
    counts_of(common)
    one, other = [*common, block(30)], [*common, block(60)]
    first, second = counts_of(one), counts_of(other)
    assert (first, second) == (anew(one), anew(other))
    assert counts_of([*one, block(3)]) == anew([*one, block(3)])
