"""Checkpoints: nothing is overwritten, the newest whole one counts, and old ones can go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from headgate.release import checkpoints
from headgate.release.checkpoints import (
    freeze,
    freeze_marker,
    outdated,
    read_keys,
    thaw_newest,
)
from headgate.release.fold import step
from headgate.release.state import PartitionState
from support.checkpoints import Table, frozen
from support.ledger import MODEL, LedgerBench, Traffic


def bench_with_traffic(seconds: float = 4) -> LedgerBench:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    bench.serve(seconds, v1=Traffic(rating=4.0), v2=Traffic(hallucination_rate=0.01))
    return bench


def save(table: Table, state: PartitionState, *, parts: bool = True, marker: bool = True) -> None:
    """Write a checkpoint, or only a piece of it, as a crash between two writes leaves it."""
    names, kept = frozen(state)
    if parts:
        table.update(kept)
    if marker:
        key, value = freeze_marker(state, names)
        table[key] = value


def same(one: PartitionState, other: PartitionState) -> bool:
    """Equal states freeze into equal names."""
    models = {"", *one.models, *other.models}
    return one.models.keys() == other.models.keys() and all(
        freeze(one, model)[0] == freeze(other, model)[0] for model in models
    )


def test_a_checkpoint_gives_back_the_state() -> None:
    state, table = bench_with_traffic().state, Table()
    save(table, state)
    loaded = thaw_newest(table, 0)
    assert loaded is not None
    assert same(loaded.state, state)
    assert loaded.state.models[MODEL].tables.totals == state.models[MODEL].tables.totals


def test_folding_on_from_a_checkpoint_gives_the_same_bytes() -> None:
    bench, table = bench_with_traffic(), Table()
    save(table, bench.state)
    start = bench.state.next_offset
    bench.serve(20, v1=Traffic(), v2=Traffic(error_rate=0.4))
    loaded = thaw_newest(table, 0)
    assert loaded is not None
    state = loaded.state
    effects = []
    for entry, at in bench.entries[start:]:
        state, made = step(state, entry, at)
        effects.extend(made)
    assert same(state, bench.state)
    published = [effect.event_id for effect in effects if hasattr(effect, "event_id")]
    assert published == [effect.event_id for effect in bench.published[-len(published) :]]


def test_a_state_too_large_for_one_record_is_cut_into_parts(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(checkpoints, "PART_BYTES", 500)
    state, table = bench_with_traffic().state, Table()
    save(table, state)
    assert max(map(len, table.values())) <= 1000
    assert len(table) > 4
    loaded = thaw_newest(table, 0)
    assert loaded is not None
    assert same(loaded.state, state)


def test_a_marker_whose_parts_are_not_all_there_is_passed_by() -> None:
    bench, table = bench_with_traffic(), Table()
    save(table, bench.state)
    older = bench.state
    bench.serve(2, v1=Traffic())
    save(table, bench.state, parts=False)
    loaded = thaw_newest(table, 0)
    assert loaded is not None
    assert loaded.state.next_offset == older.next_offset


@pytest.mark.parametrize("kept", [slice(0, -9), slice(0, 0), slice(9, None)])
def test_a_marker_whose_part_was_damaged_is_passed_by(kept: slice) -> None:
    bench, table = bench_with_traffic(), Table()
    save(table, bench.state)
    older, known = bench.state, set(table)
    bench.serve(2, v1=Traffic())
    save(table, bench.state)
    part = next(key for key in table if key not in known and b"-state" in key)
    table[part] = table[part][kept]
    loaded = thaw_newest(table, 0)
    assert loaded is not None
    assert loaded.state.next_offset == older.next_offset


def test_parts_without_a_marker_are_no_checkpoint() -> None:
    table = Table()
    save(table, bench_with_traffic().state, marker=False)
    assert thaw_newest(table, 0) is None


def test_another_partitions_and_another_tables_keys_are_passed_by() -> None:
    state, table = bench_with_traffic().state, Table()
    save(table, replace(state, ledger_partition=3))
    table[b"not a key"] = b"x"
    table[b'["other-table",0,1]'] = b"x"
    assert thaw_newest(table, 0) is None
    assert thaw_newest(table, 3) is not None
    assert read_keys(table, 0) == []


def test_a_checkpoint_before_a_moment_can_be_asked_for() -> None:
    bench, table = bench_with_traffic(), Table()
    save(table, bench.state)
    first = bench.state
    bench.serve(5, v1=Traffic())
    save(table, bench.state)
    loaded = thaw_newest(table, 0, before_ms=bench.state.time_ms)
    assert loaded is not None
    assert loaded.state.next_offset == first.next_offset
    assert thaw_newest(table, 0, before_ms=first.time_ms) is None


def test_only_what_the_newest_two_markers_do_not_need_may_go() -> None:
    bench, table = bench_with_traffic(), Table()
    saved = []
    for _ in range(4):
        save(table, bench.state)
        saved.append(bench.state)
        bench.serve(1, v1=Traffic())
    gone = outdated(table, 0)
    assert gone
    for key in gone:
        del table[key]
    for state in saved[-2:]:
        loaded = thaw_newest(table, 0, before_ms=state.time_ms + 1)
        assert loaded is not None
        assert same(loaded.state, state)
    assert thaw_newest(table, 0, before_ms=saved[-2].time_ms) is None
    assert outdated(table, 0) == []


BENCH = bench_with_traffic(8)
WHOLE = [PartitionState(ledger_partition=0)]
for _entry, _at in BENCH.entries:
    WHOLE.append(step(WHOLE[-1], _entry, _at)[0])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_owners_that_crash_anywhere_and_wake_late_never_spoil_the_state(
    data: st.DataObject,
) -> None:
    """Each owner loads, folds some way, and may crash at any write; deletions come in between."""
    table: Table = {}
    end = len(BENCH.entries)
    for _ in range(data.draw(st.integers(1, 6))):
        loaded = thaw_newest(table, 0)
        state = loaded.state if loaded else PartitionState(ledger_partition=0)
        assert same(state, WHOLE[state.next_offset])
        stop = data.draw(st.integers(state.next_offset, end))
        for entry, at in BENCH.entries[state.next_offset : stop]:
            state = step(state, entry, at)[0]
        crash = data.draw(st.sampled_from(["no", "before marker", "before parts"]))
        if crash == "before parts":
            continue
        save(table, state, marker=crash == "no")
        if data.draw(st.booleans()):
            for key in outdated(table, 0):
                del table[key]
        late = data.draw(st.integers(0, end))  # a former owner writes what it had
        if data.draw(st.booleans()):
            save(table, WHOLE[late])
    loaded = thaw_newest(table, 0)
    if loaded is not None:
        assert same(loaded.state, WHOLE[loaded.state.next_offset])
