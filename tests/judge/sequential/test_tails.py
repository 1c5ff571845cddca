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
from headgate.judge.sequential.observing import observe
from headgate.judge.sequential.state import Evidence, Split
from headgate.judge.sequential.tails import tails_of, with_tails
from headgate.measure.cells import Cell, merge
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


def test_without_any_block_none_is_odd() -> None:
    assert not blocks.is_odd(_alone().tails.counts)


def test_tails_count_what_is_slower_than_each_trigger_tolerates() -> None:
    names = [(tail.name, tail.limit) for tail in tails_of(HELD)]
    assert ("latency_p95", 1_500_000.0) in names
    evidence = with_tails(HELD, _alone(), "v2", [(0, [_cell(40, 3)]), (10_000, [_cell(60, 5)])],
                          FAULTS)  # fmt: skip
    place = 1 + [name for name, _ in names].index("latency_p95")
    assert evidence.tails.counts[:, 0].tolist() == [[40, 60], [0, 0]]
    assert evidence.tails.counts[:, place].tolist() == [[40, 60], [3, 5]]


def test_beside_stable_tails_are_counted_beyond_stables_quantile() -> None:
    (tail, *_) = [tail for tail in tails_of(POLICY) if tail.name == "latency_p95"]
    assert tail.limit is None
    place = 1 + tails_of(POLICY).index(tail)
    bare = with_tails(POLICY, _alone(), "v1", [(0, [_cell(40, 3)])], FAULTS)
    assert bare.tails.counts[:, place].tolist() == [[0], [0]]  # nothing is known of stable yet
    known = _alone(references={"latency_p95": 1_000_000.0})
    told = with_tails(POLICY, known, "v1", [(0, [_cell(40, 3)])], FAULTS)
    assert told.tails.counts[:, place].tolist() == [[40], [3]]


def test_a_block_is_counted_anew_when_more_of_it_comes() -> None:
    evidence = with_tails(HELD, _alone(), "v2", [(0, [_cell(40, 3)])], FAULTS)
    panes = [(0, [_cell(40, 3), _cell(10, 1)]), (10_000, [_cell(60, 5)])]
    evidence = with_tails(HELD, evidence, "v2", panes, FAULTS)
    assert evidence.tails.starts_ms.tolist() == [0, 10_000]
    assert evidence.tails.counts[0, 0].tolist() == [50, 60]


def test_tails_of_another_version_or_of_other_limits_are_forgotten() -> None:
    evidence = with_tails(HELD, _alone(), "v2", [(0, [_cell(40, 3)])], FAULTS)
    other = with_tails(HELD, evidence, "v1", [(10_000, [_cell(60, 5)])], FAULTS)
    assert other.tails.starts_ms.tolist() == [10_000]
    strict = alone(POLICY, "v0", (("latency_p95_ms", 900.0),))
    told = with_tails(strict, evidence, "v2", [(10_000, [_cell(60, 5)])], FAULTS)
    assert told.tails.starts_ms.tolist() == [10_000]


def test_tails_are_kept_for_as_many_blocks_as_rates() -> None:
    evidence = _alone()
    for number in range(BLOCKS + 5):
        panes = [(number * BLOCK_MS, [_cell(10, 1)])]
        evidence = with_tails(HELD, evidence, "v2", panes, FAULTS)
    assert evidence.tails.counts.shape[-1] == BLOCKS
    assert evidence.tails.starts_ms[0] == 5 * BLOCK_MS


def test_effects_of_a_policy_without_quantiles_need_no_tails() -> None:
    triggers = tuple(row for row in POLICY.triggers if row.metric == "error_rate")
    rates = POLICY.model_copy(update={"triggers": triggers})
    assert tails_of(rates) == ()
    evidence = _alone()
    assert with_tails(rates, evidence, "v2", [(0, [_cell(40, 3)])], FAULTS) is evidence


def test_what_came_late_into_the_pane_before_is_counted_with_the_next_one() -> None:
    late = replace(_cell(10, 10), requests=0)  # such as times to the first token alone
    evidence = with_tails(HELD, _alone(), "v2", [(0, [_cell(40, 3)])], FAULTS)
    panes = [(0, [_cell(40, 3), late]), (10_000, [_cell(60, 5)])]
    evidence = with_tails(HELD, evidence, "v2", panes, FAULTS)
    place = 1 + [tail.name for tail in tails_of(HELD)].index("latency_p95")
    assert evidence.tails.counts[:, place].tolist() == [[50, 60], [13, 5]]
