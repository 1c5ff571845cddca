"""What the tests promise, in few runs: `benchmarks/ab_decisions.py` has the long ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ab_fleet import ALL, FAULTS, THREE, TWO, Fleet, cells, draw, first_verdicts, plan_of, recorded
from headgate.judge.ab import intervals
from headgate.judge.ab.readings import read_all
from headgate.measure.cells import Cell
from headgate.vocabulary import AbVerdict

LOOKS = range(1_000, 30_001, 1_000)


@pytest.fixture(scope="module")
def known() -> Cell:
    return recorded(1)


def declared(known: Cell, *, sticky: bool, runs: int, users: int = 3_000) -> float:
    """The share of tests without a difference that ever declare a winner."""
    plan = plan_of(THREE, ALL, known)
    fleet, ever = Fleet(sticky=sticky, users=users), 0
    for run in range(runs):
        found = first_verdicts(plan, fleet, (31, run), LOOKS)
        ever += any(said.verdict is AbVerdict.WINNER for said in found.values())
    return ever / runs


@pytest.mark.parametrize("sticky", [False, True])
def test_arms_alike_hardly_ever_differ_at_any_look(known: Cell, sticky: bool) -> None:
    assert declared(known, sticky=sticky, runs=20) <= 0.1


def test_without_the_design_effect_sticky_users_make_winners(
    known: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(samples: Any, *_: Any) -> Any:
        return np.ones(len(samples))

    monkeypatch.setattr(intervals, "design_effect", none)
    assert declared(known, sticky=True, runs=12) >= 0.5


@pytest.mark.parametrize("criterion", ALL, ids=lambda criterion: criterion.metric)
def test_twice_what_matters_is_found_within_the_forecast(known: Cell, criterion: Any) -> None:
    plan = plan_of(TWO, (criterion,), known)
    assert plan.needed is not None
    looks = np.linspace(0, plan.needed, 21)[1:].astype(int).tolist()
    ratio = 1 + 2 * criterion.matters
    moved = "latency" if criterion.metric.startswith("latency") else criterion.metric
    times = 1 / ratio if criterion.better == "lower" else ratio
    found = [
        first_verdicts(plan, Fleet(better={moved: times}), (32, run), looks) for run in range(25)
    ]
    won = [said.winner == "b" for row in found for said in row.values()]
    assert sum(won) >= 0.8 * len(found)


def test_the_simulation_reads_what_a_running_test_reads(known: Cell) -> None:
    plan = plan_of(THREE, ALL, known)
    fleet = Fleet(sticky=True, better={"cost_mean_usd": 0.5})
    found = first_verdicts(plan, fleet, (33, 0), [40_000])
    drawn = draw(np.random.default_rng((33, 0)), fleet, THREE, 40_000)
    (row,) = cells(drawn, [40_000], 3)
    counted = {arm.version: cell for arm, cell in zip(THREE, row, strict=True)}
    readings = read_all(plan, counted, FAULTS)
    settled = [reading for reading in readings if reading.verdict is not AbVerdict.NOT_ENOUGH]
    assert settled
    assert {(r.metric, r.one, r.other): r.winner for r in settled} == {
        key: said.winner for key, said in found.items()
    }
