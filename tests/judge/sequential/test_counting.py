"""Counting blocks: what is written of them one by one is what counting all of them anew gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from decision_rollouts import FAULTS, default_policy
from headgate.judge.sequential.counting import (
    COUNTED,
    OUTCOMES,
    REQUESTS,
    Block,
    Blocks,
    counting_of,
    with_closed,
    with_late,
)
from headgate.judge.sequential.state import BlockCounts, Evidence, Split
from headgate.measure.cells import Cell
from headgate.vocabulary import PANE_MS

COUNTING = counting_of(default_policy(), "v1", FAULTS)


def block(requests: int, version: str = "v1") -> Block:
    failed = requests // 3
    return {version: Cell(outcomes=requests, requests=requests, errors={"timeout": failed})}


def told(evidence: Evidence, blocks: Blocks) -> Evidence:
    """After the last of the blocks closed."""
    counts = with_closed(
        COUNTING,
        evidence,
        blocks,
        lambda from_ms: [(start_ms, []) for start_ms in blocks if start_ms >= from_ms],
    )
    return replace(evidence, blocks=counts, block_ms=next(reversed(blocks)) + PANE_MS)


def unheard() -> Evidence:
    return Evidence(started_ms=0, planned=10_000, splits=(Split(1, 0, 1_000, 9_000),))


def anew(blocks: Blocks) -> list[list[int]]:
    found: list[list[int]] = told(unheard(), blocks).blocks.lines.tolist()
    return found


def of(sizes: list[int]) -> Blocks:
    return {place * PANE_MS: block(size) for place, size in enumerate(sizes)}


def test_of_each_rate_samples_and_hits_are_counted() -> None:
    (line,) = anew({20_000: block(30)})
    errors = COUNTED + 2 * COUNTING.named.index("")
    assert line[: REQUESTS + 1] == [20_000, 30, 30]
    assert line[errors : errors + 2] == [30, 10]


@given(st.lists(st.integers(0, 99), min_size=1, max_size=40), st.integers(1, 8))
def test_blocks_that_come_one_by_one_count_as_all_at_once(sizes: list[int], at_once: int) -> None:
    blocks, evidence = of(sizes), unheard()
    for end in range(1, len(sizes) + at_once, at_once):
        evidence = told(evidence, of(sizes[:end]))
    assert evidence.blocks.lines.tolist() == anew(blocks)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=20), st.integers(0), st.integers(1, 9))
def test_what_comes_late_into_any_block_is_found(sizes: list[int], place: int, more: int) -> None:
    known = told(unheard(), of(sizes)).blocks
    assert with_late(COUNTING, known, of(sizes)) is known
    sizes[place % len(sizes)] += more
    assert with_late(COUNTING, known, of(sizes)).lines.tolist() == anew(of(sizes))


def test_a_block_that_comes_late_as_a_whole_is_found() -> None:
    blocks = of([5, 7, 9])
    without = {start_ms: block for start_ms, block in blocks.items() if start_ms != PANE_MS}
    known = told(unheard(), without).blocks
    assert with_late(COUNTING, known, blocks).lines.tolist() == anew(blocks)


def test_what_came_late_changes_no_tails() -> None:
    blocks = of([5, 7, 9])
    known = told(unheard(), blocks).blocks
    lines = known.lines.copy()
    lines[:, COUNTING.tails_begin :] = 3
    late = with_late(
        COUNTING, BlockCounts("v1", known.named, lines, 0), {**blocks, PANE_MS: block(8)}
    )
    assert late.lines[:, OUTCOMES].tolist() == [5, 8, 9]
    assert (late.lines[:, COUNTING.tails_begin :] == 3).all()


def test_without_any_blocks_nothing_came_late() -> None:
    known = BlockCounts("v1", COUNTING.named, told(unheard(), of([5])).blocks.lines[:0])
    assert with_late(COUNTING, known, {}) is known


def test_two_stories_that_part_do_not_see_each_other_s_blocks() -> None:
    common = told(unheard(), of([5, 7, 9]))
    one, other = told(common, of([5, 7, 9, 30])), told(common, of([5, 7, 9, 60]))
    assert one.blocks.lines.tolist() == anew(of([5, 7, 9, 30]))
    assert other.blocks.lines.tolist() == anew(of([5, 7, 9, 60]))
    assert common.blocks.lines.tolist() == anew(of([5, 7, 9]))
