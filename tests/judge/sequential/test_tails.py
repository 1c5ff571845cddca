"""Slow spells are bursts: what a quantile is held against is judged by how bursty slowness is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from decision_rollouts import FAULTS, Rollout, Served, default_policy
from decision_scenarios import SlowSpells
from headgate.judge.policy import Policy
from headgate.judge.recorded import alone
from headgate.judge.sequential import blocks
from headgate.judge.sequential.arms import Observed
from headgate.judge.sequential.blocks import with_block
from headgate.judge.sequential.bursts import BLOCKS
from headgate.judge.sequential.combining import combine
from headgate.judge.sequential.counting import BEGUN, REQUESTS, counting_of, with_closed
from headgate.judge.sequential.observing import observe
from headgate.judge.sequential.state import Evidence, Split
from headgate.judge.sequential.tails import tails_of
from headgate.measure.cells import Cell, counts_alone, merge
from headgate.measure.hdr import bucket_index
from headgate.measure.sketch import Sketch

BLOCK_MS, TICK_MS, TICKS_A_BLOCK = 10_000, 500, 20
BEGUN_MS = 1_000_000_000
FAST_US, SLOW_US = 600_000, 1_800_000
RECORDED = (("latency_p95_ms", 1000.0), ("latency_p99_ms", 2000.0))
POLICY = default_policy()
HELD: Policy = alone(POLICY, "v0", RECORDED)  # against 1.5 times what is recorded of v0


def _cell(requests: int, slow: int) -> Cell:
    indexes = bucket_index(np.array([FAST_US, SLOW_US]))
    counts = np.array([requests - slow, slow])
    some = counts > 0
    return Cell(
        outcomes=requests,
        requests=requests,
        sums={"latency_us": int(counts @ (FAST_US, SLOW_US))},
        counts={"latency_us": requests},
        sketches={"latency_us": Sketch(indexes[some], counts[some])},
    )


def _alone(**fields: Any) -> Evidence:
    splits = (Split(1, 0, 10_000, 0),)
    return Evidence(started_ms=0, planned=100_000, splits=splits, **fields)


def _spells(seed: int, mean: float, rho: float) -> Iterator[Cell]:
    """Ticks of 50 requests; in each block another share of them is slow."""
    rng = np.random.Generator(np.random.PCG64(seed))
    times = (1 - rho) / rho
    while True:
        share = rng.beta(mean * times, (1 - mean) * times)
        for _ in range(TICKS_A_BLOCK):
            yield _cell(50, int(rng.binomial(50, share)))


def _first_proof(seed: int, *, spells: Iterator[Cell], blocks_before: int = 40) -> int | None:
    """At which tick of five minutes a version without stable is proven slow by what is recorded."""
    panes: dict[int, list[Cell]] = {}
    told: dict[int, dict[str, Cell]] = {}
    evidence = _alone()
    for tick in range(-blocks_before * TICKS_A_BLOCK, 600):
        now_ms = BEGUN_MS + (tick + 1) * TICK_MS
        start_ms = (now_ms - TICK_MS) // BLOCK_MS * BLOCK_MS
        cell = next(spells)
        panes.setdefault(start_ms, []).append(cell)
        told[start_ms] = {"v2": Cell(outcomes=1, requests=50 * len(panes[start_ms]))}
        if tick >= 0:
            seen = Observed(
                now_ms=now_ms,
                fresh={("v2", 1): cell},
                candidate="v2",
                stable="",
                faults=FAULTS,
                ended=frozenset(),
            )
            evidence = observe(HELD, evidence, seen)
            if "latency_p95" in combine(HELD, evidence).proven:
                return tick
        if tick >= -1:
            evidence = _told(evidence, panes, told, start_ms)
    return None


def _told(
    evidence: Evidence,
    panes: dict[int, list[Cell]],
    told: dict[int, dict[str, Cell]],
    open_ms: int,
) -> Evidence:
    return with_block(
        HELD,
        evidence,
        {start: block for start, block in told.items() if start < open_ms},
        lambda: merge([cell for cells in list(panes.values())[-5:] for cell in cells]),
        lambda from_ms: [row for row in panes.items() if from_ms <= row[0] < open_ms][-30:],
        open_ms=open_ms,
        stable="v2",
        faults=FAULTS,
    )


def _rolled_back(seeds: range) -> int:
    runs = [Rollout(seed, SlowSpells(0.3, (50, 450)), 600, weight=1_000) for seed in seeds]
    return sum(run.run() is not None for run in runs)


def test_identical_arms_with_slow_spells_of_their_own_are_not_rolled_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _rolled_back(range(3)) == 0
    monkeypatch.setattr(blocks, "tail_effects", lambda *_: {})
    assert _rolled_back(range(3)) >= 2  # that is what counts taken at their face would do


def test_a_version_twice_as_slow_is_found_beside_slow_spells() -> None:
    def serve(rng: np.random.Generator, tick: int) -> tuple[Served, Served]:
        mine, other = alike(rng, tick)
        return (replace_slower(mine, 2.5), other) if tick >= 0 else (mine, other)

    def replace_slower(served: Served, times: float) -> Served:
        return Served(served.requests, slower=(served.slower or 1.0) * times)

    for seed in range(3):
        alike = SlowSpells(0.1, (20, 180))
        assert Rollout(seed, serve, 600, weight=1_000).run() is not None


@pytest.mark.parametrize("rho", [0.03, 0.1])
def test_a_version_alone_is_not_rolled_back_for_spells_that_it_always_had(rho: float) -> None:
    """3 % are slower than one in twenty may be."""
    found = [_first_proof(seed, spells=_spells(seed, 0.03, rho)) for seed in range(6)]
    assert found == [None] * 6


def test_a_version_that_turns_slow_among_its_spells_is_found() -> None:
    for seed in range(3):
        before, after = _spells(seed, 0.02, 0.03), _spells(seed, 0.5, 0.03)
        spells = (next(before if number < 800 else after) for number in range(2_000))
        assert _first_proof(seed, spells=spells) is not None


def _counted(
    evidence: Evidence, version: str, cells: dict[int, list[Cell]], policy: Policy = HELD
) -> Evidence:
    """After a pane closed, the last one."""
    told = {start: {version: counts_alone(merge(several))} for start, several in cells.items()}
    counts = with_closed(
        counting_of(policy, version, FAULTS),
        evidence,
        told,
        lambda from_ms: [row for row in cells.items() if row[0] >= from_ms],
    )
    return replace(evidence, blocks=counts, block_ms=max(cells) + BLOCK_MS)


def _tail(evidence: Evidence, name: str = "latency_p95", policy: Policy = HELD) -> list[list[int]]:
    """Samples and hits, by block."""
    counting = counting_of(policy, "v2", FAULTS)
    place = [tail.name for tail in counting.tails].index(name)
    begin = counting.tails_begin + 2 * place
    found: list[list[int]] = evidence.blocks.lines[:, begin : begin + 2].tolist()
    return found


def _starts(evidence: Evidence) -> list[int]:
    found: list[int] = evidence.blocks.lines[:, BEGUN].tolist()
    return found


def test_without_any_block_none_is_odd() -> None:
    assert not blocks.is_odd(_counted(_alone(), "v2", {0: []}).blocks.lines[:0], 3, 5)


def test_tails_count_what_is_slower_than_each_trigger_tolerates() -> None:
    assert ("latency_p95", 1_500_000.0) in [(tail.name, tail.limit) for tail in tails_of(HELD)]
    evidence = _counted(_alone(), "v2", {0: [_cell(40, 3)], 10_000: [_cell(60, 5)]})
    assert evidence.blocks.lines[:, REQUESTS].tolist() == [40, 60]
    assert _tail(evidence) == [[40, 3], [60, 5]]


def test_beside_stable_tails_are_counted_beyond_stables_quantile() -> None:
    (tail, *_) = [tail for tail in tails_of(POLICY) if tail.name == "latency_p95"]
    assert tail.limit is None
    bare = _counted(_alone(), "v1", {0: [_cell(40, 3)]}, POLICY)
    assert _tail(bare, policy=POLICY) == [[0, 0]]  # nothing is known of stable yet
    known = _alone(references={"latency_p95": 1_000_000.0})
    assert _tail(_counted(known, "v1", {0: [_cell(40, 3)]}, POLICY), policy=POLICY) == [[40, 3]]


def test_after_an_estimate_the_pane_before_is_counted_beyond_the_new_quantile() -> None:
    evidence = _alone(references={"latency_p95": 2_000_000.0})
    evidence = _counted(evidence, "v2", {0: [_cell(40, 3)]}, POLICY)
    told = replace(evidence, estimated_ms=10_000, references={"latency_p95": 1_000_000.0})
    panes = {0: [_cell(40, 3)], 10_000: [_cell(60, 5)]}
    assert _tail(_counted(told, "v2", panes, POLICY), policy=POLICY) == [[40, 3], [60, 5]]


def test_a_block_is_counted_anew_when_more_of_it_comes() -> None:
    evidence = _counted(_alone(), "v2", {0: [_cell(40, 3)]})
    before = evidence.blocks.lines.tolist()
    panes = {0: [_cell(40, 3), _cell(10, 1)], 10_000: [_cell(60, 5)]}
    more = _counted(evidence, "v2", panes)
    assert _starts(more) == [0, 10_000]
    assert more.blocks.lines[:, REQUESTS].tolist() == [50, 60]
    assert _tail(more) == [[50, 4], [60, 5]]
    assert evidence.blocks.lines.tolist() == before


def test_tails_of_another_version_or_of_other_limits_are_forgotten() -> None:
    evidence = _counted(_alone(), "v2", {0: [_cell(40, 3)]})
    strict = alone(POLICY, "v0", (("latency_p95_ms", 900.0),))
    for version, policy in (("v1", HELD), ("v2", strict)):
        other = _counted(evidence, version, {10_000: [_cell(60, 5)]}, policy)
        assert _starts(other) == [10_000]
        assert (other.blocks.version, other.blocks.tails_from_ms) == (version, 10_000)


def test_blocks_from_before_tails_are_counted_tell_of_rates_alone() -> None:
    counting = counting_of(HELD, "v2", FAULTS)
    told = {start: {"v2": _cell(40, 3)} for start in range(0, 50_000, BLOCK_MS)}
    counts = with_closed(counting, _alone(), told, lambda _: [(40_000, [_cell(40, 3)])])
    assert counts.lines[:, BEGUN].tolist() == list(told)
    assert counts.tails_from_ms == 40_000


def test_a_line_is_kept_of_as_many_blocks_as_tell() -> None:
    evidence = _alone()
    for number in range(BLOCKS + 5):
        evidence = _counted(evidence, "v2", {number * BLOCK_MS: [_cell(10, 1)]})
    assert len(evidence.blocks.lines) == BLOCKS
    assert _starts(evidence)[0] == 5 * BLOCK_MS


def test_effects_of_a_policy_without_quantiles_need_no_tails() -> None:
    triggers = tuple(row for row in POLICY.triggers if row.metric == "error_rate")
    rates = POLICY.model_copy(update={"triggers": triggers})
    assert tails_of(rates) == ()
    evidence = _counted(_alone(), "v2", {0: [_cell(40, 3)]}, rates)
    assert evidence.blocks.lines.tolist() == [[0, 40, 40, 40, 0]]


def test_what_came_late_into_the_pane_before_is_counted_with_the_next_one() -> None:
    late = replace(_cell(10, 10), requests=0)  # such as times to the first token alone
    evidence = _counted(_alone(), "v2", {0: [_cell(40, 3)]})
    panes = {0: [_cell(40, 3), late], 10_000: [_cell(60, 5)]}
    assert _tail(_counted(evidence, "v2", panes)) == [[50, 13], [60, 5]]
