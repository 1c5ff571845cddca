"""Rings: a mapping of panes in order of time, whose newest lies apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from headgate.measure.cells import Cell
from headgate.measure.rings import Ring

SPAN_MS = 10
ONE = Cell(outcomes=1)
heard = st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab")), max_size=40)


def counted(ring: Ring[str]) -> dict[int, dict[str, int]]:
    return {ms: {key: pile.outcomes for key, pile in pane.items()} for ms, pane in ring.items()}


@given(heard)
def test_a_ring_counts_what_came_in_its_span_in_any_order(cells: list[tuple[int, str]]) -> None:
    ring, expected = Ring[str](), dict[int, dict[str, int]]()
    for start_ms, key in cells:
        ring = ring.plus(start_ms, key, ONE, SPAN_MS)
        oldest_ms = max([start_ms, *expected]) - SPAN_MS
        pane = expected.setdefault(start_ms, {})
        pane[key] = pane.get(key, 0) + 1
        expected = {ms: expected[ms] for ms in sorted(expected) if ms >= oldest_ms}
        assert counted(ring) == expected
        assert list(ring) == list(expected) and len(ring) == len(expected)
        assert ring.newest_ms == max(expected)
        assert Ring.of(dict(ring)) == ring


@given(heard)
def test_before_is_what_closed_was_before_its_last_pane(cells: list[tuple[int, str]]) -> None:
    ring = Ring[str]()
    for start_ms, key in cells:
        ring = ring.plus(start_ms, key, ONE, SPAN_MS)
        if ring.before is None or not ring.closed:
            continue
        last_ms = max(ring.closed)
        kept = {ms: pane for ms, pane in ring.before.items() if ms >= min(ring.closed)}
        assert {ms: pane for ms, pane in ring.closed.items() if ms != last_ms} == kept


def test_an_empty_ring_has_no_panes() -> None:
    ring = Ring[str]()
    assert (len(ring), list(ring), ring.newest_ms) == (0, [], -1)
    assert Ring.of({}) == ring == {}
