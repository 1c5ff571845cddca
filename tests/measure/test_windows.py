"""Windows: snapshots join by offset, repeats change nothing, and nothing counts twice."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from headgate.measure.cells import Cell
from headgate.measure.reading import read_window
from headgate.measure.slots import BySlot
from headgate.measure.windows import (
    Tables,
    add_snapshot,
    forget_idle,
    newest_pane_ms,
    open_block_ms,
    put_in_order,
    without_fresh,
)
from headgate.wire.ledger import Slots

BASE_MS = 1_700_000_040_000
HOUR_MS = 3_600_000


def add(tables: Tables, pane: int, last: int, outcomes: int, **more: object) -> Tables:
    fields = {
        "row": ("v1", 7),
        "source_partition": 0,
        "pane_start_ms": BASE_MS + pane * 10_000,
        "first_offset": pane * 1000,
        "last_offset": last,
        "cell": Cell(outcomes=outcomes),
        **more,
    }
    return add_snapshot(tables, **fields)  # type: ignore[arg-type]


def total(tables: Tables, version: str = "v1") -> int:
    return tables.totals[version].outcomes


def test_a_newer_snapshot_of_a_pane_adds_the_difference() -> None:
    tables = add(add(Tables(), 0, 10, 5), 0, 20, 9)
    assert total(tables) == 9


def test_a_repeat_changes_nothing_at_all() -> None:
    tables = add(Tables(), 0, 10, 5)
    assert add(tables, 0, 10, 5) is tables
    assert add(tables, 0, 9, 4) is tables


def test_a_snapshot_of_an_older_pane_is_a_repeat() -> None:
    tables = add(add(Tables(), 0, 10, 5), 1, 1010, 3)
    assert add(tables, 0, 500, 400) is tables


def test_a_later_pane_starts_anew_for_every_version() -> None:
    tables = add(add(Tables(), 0, 10, 5), 0, 10, 7, row=("v2", 7))
    tables = add(add(tables, 1, 1010, 2), 1, 1010, 1, row=("v2", 7))
    assert (total(tables), total(tables, "v2")) == (7, 8)


def test_a_pane_that_was_not_rebuilt_from_its_first_record_is_ignored() -> None:
    tables = add(Tables(), 0, 10, 5)
    assert add(tables, 0, 30, 2, first_offset=11) is tables


def test_counts_that_go_backwards_are_refused() -> None:
    with pytest.raises(ValueError, match="backwards"):
        add(add(Tables(), 0, 10, 5), 0, 20, 4)


def test_a_window_reads_the_panes_that_it_covers() -> None:
    tables = Tables()
    for pane in range(30):
        tables = add(tables, pane, pane * 1000 + 9, 10)
    now_ms = BASE_MS + 30 * 10_000
    assert read_window(tables, "v1", now_ms=now_ms, window_ms=60_000).outcomes == 60
    assert read_window(tables, "v1", now_ms=now_ms, window_ms=300_000).outcomes == 300
    assert read_window(tables, "v1", now_ms=now_ms, window_ms=HOUR_MS).outcomes == 300
    assert read_window(tables, "v2", now_ms=now_ms, window_ms=HOUR_MS).outcomes == 0


def test_a_window_narrows_to_a_split_and_keeps_outcomes_without_a_revision() -> None:
    tables = add(Tables(), 0, 10, 5, row=("v1", 7))
    tables = add(tables, 0, 10, 3, row=("v1", 8))
    tables = add(tables, 0, 10, 2, row=("v1", 0))
    now_ms = BASE_MS + 10_000
    read = read_window(tables, "v1", now_ms=now_ms, window_ms=60_000, since_revision=8)
    assert read.outcomes == 5
    late = read_window(tables, "v1", now_ms=now_ms, window_ms=60_000, from_ms=now_ms)
    assert late.outcomes == 0


def test_the_rings_let_go_of_what_no_window_reads() -> None:
    tables = Tables()
    for pane in range(0, 800, 6):
        tables = add(tables, pane, pane * 1000 + 9, 1)
    assert len(tables.fine) <= 31
    assert len(tables.coarse) <= 61
    assert total(tables) == len(range(0, 800, 6))


def test_a_pane_too_late_for_any_window_counts_in_the_total() -> None:
    tables = add(Tables(), 1000, 1_000_010, 5)
    tables = add(tables, 0, 10, 3, source_partition=1)
    assert total(tables) == 8


def test_rings_are_in_order_of_time_whatever_came_late() -> None:
    tables = Tables()
    for source, pane in enumerate((40, 12, 30, 41, 13, 300, 299, 10)):
        tables = add(tables, pane, pane * 1000 + 9, 1, source_partition=source)
        for ring in (tables.fine, tables.coarse, tables.blocks):
            assert list(ring) == sorted(ring)
    assert list(tables.fine) == [BASE_MS + pane * 10_000 for pane in (299, 300)]
    mixed = replace(tables, blocks=dict(reversed(tables.blocks.items())))
    assert list(put_in_order(mixed).blocks) == list(tables.blocks)
    assert put_in_order(tables) is tables


heard = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["v1", "v2"]), st.integers(7, 8)), max_size=30
)


@given(heard)
def test_a_block_has_closed_once_a_newer_pane_came_and_counts_what_comes_late(
    outcomes: list[tuple[int, str, int]],
) -> None:
    tables, counted = Tables(), dict[int, dict[str, int]]()
    for source, (pane, version, revision) in enumerate(outcomes):
        tables = add(tables, pane, 1, 1, source_partition=source, row=(version, revision))
        block = counted.setdefault(BASE_MS + pane * 10_000, {})
        block[version] = block.get(version, 0) + 1
        counted = {start_ms: counted[start_ms] for start_ms in sorted(counted)}
    assert open_block_ms(tables) == next(reversed(counted), -1)
    counted.pop(open_block_ms(tables), None)
    found = {
        start_ms: {version: cell.outcomes for version, cell in block.items()}
        for start_ms, block in tables.blocks.items()
    }
    assert found == counted and list(found) == list(counted)


def test_a_version_that_nobody_named_is_forgotten_after_an_hour() -> None:
    tables = add(Tables(), 0, 10, 5)
    later_ms = BASE_MS + HOUR_MS + 120_000
    assert forget_idle(tables, now_ms=BASE_MS, keep=frozenset()) is tables
    assert forget_idle(tables, now_ms=later_ms, keep=frozenset({"v1"})) is tables
    assert forget_idle(tables, now_ms=later_ms, keep=frozenset()).totals == {}


def test_the_newest_pane_is_that_of_the_source_that_is_furthest() -> None:
    assert newest_pane_ms(Tables()) is None
    tables = add(add(Tables(), 3, 3010, 1), 1, 1010, 1, source_partition=1)
    assert newest_pane_ms(tables) == BASE_MS + 30_000


@dataclass
class Source:
    """One source partition's true history: per pane, cumulative counts at publications."""

    panes: list[list[int]]


histories = st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), min_size=1, max_size=6)


@settings(deadline=None, max_examples=200)
@given(histories, st.data())
def test_repeats_and_overtaken_snapshots_never_change_the_total(
    panes: list[list[int]], data: st.DataObject
) -> None:
    """Finals reach the ledger before the next pane; everything else may repeat at any time."""
    sent: list[tuple[int, int, int]] = []
    tables = Tables()
    for pane, steps in enumerate(panes):
        outcomes = 0
        for number, count in enumerate(steps):
            outcomes += count
            sent.append((pane, pane * 1000 + number, outcomes))
            tables = add(tables, *sent[-1])
            for repeat in data.draw(st.lists(st.sampled_from(sent), max_size=3)):
                tables = add(tables, *repeat)
    assert total(tables) == sum(map(sum, panes))


def test_slots_are_kept_for_the_next_look_alone() -> None:
    slots = BySlot.of(Slots(counts={"requests": (1,) * 32}))
    cell = Cell(outcomes=32, sums={"bucket": 9}, counts={"bucket": 32}, slots=slots)
    tables = add(Tables(), 0, 40, 32, cell=cell)
    assert tables.fresh["v1", 7].slots == slots
    assert tables.totals["v1"] == Cell(outcomes=32)
    rings = [*tables.fine.values(), *tables.coarse.values(), *tables.blocks.values()]
    assert all(kept == Cell(outcomes=32) for cells in rings for kept in cells.values())
    twice = Cell(
        outcomes=64,
        sums={"bucket": 18},
        counts={"bucket": 64},
        slots=BySlot.of(Slots(counts={"requests": (2,) * 32})),
    )
    tables = add(without_fresh(tables), 0, 80, 64, cell=twice)
    assert tables.fresh["v1", 7].slots == slots
