"""The fold of a source partition against a plain single pass with `record_value`."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.measure import panes
from headgate.measure.source import Folded, SourcePartition
from headgate.wire.codec import encode
from headgate.wire.ledger import Snapshot
from support.outcome_records import Record, RowKey, records, single_pass


def fold(source: SourcePartition, batch: list[Record], first: int) -> Folded:
    return source.fold(
        [record.value for record in batch],
        list(range(first, first + len(batch))),
        [record.timestamp_ms for record in batch],
    )


def fold_all(
    rows: list[Record], cuts: list[int], *, peek: bool = False, max_pairs: int = 512
) -> tuple[list[Snapshot], list[Snapshot], list[int]]:
    """Final snapshots, those seen on the way with `peek`, and the offsets of bad records."""
    source = SourcePartition(3, max_pairs)
    final: list[Snapshot] = []
    seen: list[Snapshot] = []
    bad: list[int] = []
    edges = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    for first, end in pairwise(edges):
        folded = fold(source, rows[first:end], first)
        bad += [first + record.index for record in folded.bad]
        for pane in folded.closed:
            final += pane.snapshots(final=True)
        if peek and source.open:
            seen += source.open.snapshots(final=False)
    if source.open:
        final += source.open.snapshots(final=True)
    return final, seen, sorted(bad)


def key_of(snapshot: Snapshot) -> RowKey:
    return (snapshot.pane_start_ms, snapshot.model, snapshot.version, snapshot.revision)


CUTS = st.lists(st.integers(1, 120), max_size=12)


@settings(deadline=None, max_examples=150)
@given(records(), CUTS)
def test_snapshots_equal_a_plain_single_pass_bit_for_bit(
    rows: list[Record], cuts: list[int]
) -> None:
    final, _, bad = fold_all(rows, cuts)
    expected, expected_bad = single_pass(rows)
    assert bad == expected_bad
    assert {key_of(snapshot) for snapshot in final} == set(expected)
    for snapshot in final:
        row = expected[key_of(snapshot)]
        assert snapshot.first_offset == row.first_offset
        assert (snapshot.outcomes, snapshot.requests) == (row.outcomes, row.requests)
        assert snapshot.errors == row.errors
        assert (snapshot.labelled, snapshot.flagged) == (row.labelled, row.flagged)
        assert (snapshot.sums, snapshot.counts) == (row.sums, row.counts)
        assert snapshot.sketches == row.sketches()
        assert list(snapshot.safety_request_ids) == row.safety_request_ids
        assert json.loads(encode(snapshot.slots)) == row.slots


@settings(deadline=None, max_examples=150)
@given(records(), CUTS, CUTS, st.integers(1, 4))
def test_any_batching_gives_the_same_snapshots(
    rows: list[Record], cuts: list[int], others: list[int], max_pairs: int
) -> None:
    one, _, bad = fold_all(rows, cuts, max_pairs=max_pairs)
    other, _, other_bad = fold_all(rows, others, peek=True, max_pairs=max_pairs)
    assert [encode(snapshot) for snapshot in one] == [encode(snapshot) for snapshot in other]
    assert bad == other_bad


@settings(deadline=None, max_examples=60)
@given(records(), st.booleans())
def test_one_by_one_equals_columns(rows: list[Record], columns_first: bool) -> None:
    found = []
    usual = panes._BATCH_PAYS_FROM
    try:
        for threshold in (1, 10**9) if columns_first else (10**9, 1):
            panes._BATCH_PAYS_FROM = threshold
            found.append([encode(snapshot) for snapshot in fold_all(rows, [50])[0]])
    finally:
        panes._BATCH_PAYS_FROM = usual
    assert found[0] == found[1]


@settings(deadline=None, max_examples=100)
@given(records(), CUTS)
def test_snapshots_on_the_way_join_to_the_final_ones(rows: list[Record], cuts: list[int]) -> None:
    final, seen, _ = fold_all(rows, cuts, peek=True)
    joined: dict[RowKey, Snapshot] = {}
    for snapshot in seen + final:
        known = joined.get(key_of(snapshot))
        if known is None or known.last_offset <= snapshot.last_offset:
            joined[key_of(snapshot)] = snapshot
    assert joined == {key_of(snapshot): snapshot for snapshot in final}
    assert all(snapshot.final for snapshot in final)


@settings(deadline=None, max_examples=100)
@given(records(), CUTS)
def test_reading_again_from_the_opening_record_rebuilds_the_pane(
    rows: list[Record], cuts: list[int]
) -> None:
    source = SourcePartition(3, 512)
    fold(source, rows, 0)
    if source.open is None:
        return
    first = source.open.first_offset
    again = SourcePartition(3, 512)
    closed = fold(again, rows[first:], first).closed
    assert closed == []
    assert again.open is not None
    assert again.open.snapshots(final=True) == source.open.snapshots(final=True)
    assert again.pane_time_ms == source.pane_time_ms


def outcome(offset: int, version: str, **more: object) -> Record:
    fields = {"request_id": f"r{offset}", "model": "chat", "version": version, **more}
    return Record(json.dumps(fields).encode(), 5_000, fields)


def test_pairs_beyond_the_cap_become_bad_records_that_name_it() -> None:
    rows = [outcome(i, f"v{i % 4}", latency_ms=1.0) for i in range(100)]
    source = SourcePartition(0, 3)
    folded = fold(source, rows, 0)
    assert [bad.index for bad in folded.bad] == list(range(3, 100, 4))
    assert {(bad.error.path, bad.error.reason) for bad in folded.bad} == {
        ("$.version", "over 3 (model, version) pairs in one pane")
    }
    assert source.open is not None
    assert sum(snapshot.outcomes for snapshot in source.open.snapshots(final=True)) == 75
    assert source.open.last_offset == 99


def test_invented_revisions_cannot_fill_the_memory() -> None:
    source = SourcePartition(0, 3)
    folded = fold(source, [outcome(i, "v1", revision=i) for i in range(50)], 0)
    assert {bad.error.path for bad in folded.bad} == {"$.revision"}
    assert source.open is not None and source.open.rows == 12


def test_bad_records_alone_advance_the_pane() -> None:
    source = SourcePartition(0, 3)
    bad = [Record(b"x", at_ms, None) for at_ms in (1_000, 2_000, 11_000)]
    folded = fold(source, bad, 7)
    assert len(folded.bad) == 3
    assert [pane.first_offset for pane in folded.closed] == [7]
    assert source.open is not None and source.open.first_offset == 9
    assert (source.next_offset, source.pane_time_ms) == (10, 11_000)
    assert source.open.snapshots(final=True) == []


def test_an_unchanged_row_is_not_published_again() -> None:
    source = SourcePartition(0, 512)
    fold(source, [outcome(0, "v1"), outcome(1, "v2")], 0)
    assert source.open is not None
    assert len(source.open.snapshots(final=False)) == 2
    fold(source, [outcome(2, "v2", rating=4)], 2)
    (changed,) = source.open.snapshots(final=False)
    assert (changed.version, changed.outcomes, changed.last_offset) == ("v2", 2, 2)
    assert source.open.snapshots(final=False) == []


def test_a_late_label_is_an_outcome_but_no_request() -> None:
    source = SourcePartition(0, 512)
    fold(source, [outcome(0, "v1", latency_ms=3), outcome(1, "v1", rating=2.5)], 0)
    assert source.open is not None
    (snapshot,) = source.open.snapshots(final=False)
    assert (snapshot.outcomes, snapshot.requests, snapshot.sums["rating_tenths"]) == (2, 1, 25)
