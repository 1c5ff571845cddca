"""The scenarios as drawn from seeds: good before they turn, bad in the way they say after."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from headgate.contract import contract_file
from headgate.judge.policy import parse_policy
from headgate.problems import read_yaml
from headgate.sim.arms import Measurements
from headgate.sim.scenarios import SCENARIOS, Scenario, UnknownScenarioError, find_scenario
from headgate.sim.traces import check_row

DRAWS = 1_500


def draw(scenario: Scenario, version: str, elapsed_s: float, seed: int = 5) -> list[Measurements]:
    arm = scenario.arms("v1", "v2", 10.0)[version]
    rng = np.random.default_rng(seed)
    return [arm.draw(rng, elapsed_s) for _ in range(DRAWS)]


def rate(rows: Iterable[Measurements], name: str) -> float:
    seen = [row[name] for row in rows if name in row]
    return sum(map(bool, seen)) / len(seen)


def mean(rows: Iterable[Measurements], name: str) -> float:
    return float(np.mean([row[name] for row in rows if name in row]))


def error_rate(rows: list[Measurements]) -> float:
    return sum("error_type" in row for row in rows) / len(rows)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_drawn_outcome_fits_the_contract(name: str) -> None:
    for elapsed_s in (0.0, 20.0):
        for version in ("v1", "v2"):
            for row in draw(SCENARIOS[name], version, elapsed_s):
                assert check_row(row) == row


@pytest.mark.parametrize("name", SCENARIOS)
def test_before_it_turns_the_candidate_is_as_good_as_stable(name: str) -> None:
    assert draw(SCENARIOS[name], "v2", 9.9) == draw(SCENARIOS["healthy"], "v1", 0.0)


def test_the_same_seed_draws_the_same_outcomes() -> None:
    scenario = SCENARIOS["default"]
    assert draw(scenario, "v2", 20.0) == draw(scenario, "v2", 20.0)
    assert draw(scenario, "v2", 20.0) != draw(scenario, "v2", 20.0, seed=6)


def test_each_scenario_turns_bad_in_its_own_way() -> None:
    good = draw(SCENARIOS["healthy"], "v2", 20.0)
    bad = {name: draw(row, "v2", 20.0) for name, row in SCENARIOS.items()}
    p95 = {
        name: np.percentile([r["latency_ms"] for r in rows if "latency_ms" in r], 95)
        for name, rows in bad.items()
    }
    assert p95["latency"] > 2 * p95["healthy"]
    assert p95["default"] > 2 * p95["healthy"]
    assert rate(bad["default"], "hallucination") > 0.08
    assert rate(bad["hallucination"], "hallucination") > 0.08
    assert error_rate(bad["errors"]) > 0.15
    assert mean(bad["rating"], "rating") < 3.0
    assert rate(bad["safety"], "safety_violation") > 0.0
    assert mean(bad["cost"], "cost_usd") == pytest.approx(3 * mean(good, "cost_usd"), rel=0.01)


def test_an_outage_strikes_both_versions() -> None:
    rows = {version: draw(SCENARIOS["outage"], version, 20.0) for version in ("v1", "v2")}
    assert all(error_rate(drawn) > 0.2 for drawn in rows.values())


def test_the_demo_policy_has_a_trigger_for_every_scenario() -> None:
    policy = parse_policy(read_yaml(contract_file("config", "policies", "demo.yaml")))
    known = {trigger.name for trigger in policy.triggers}
    assert {name for row in SCENARIOS.values() for name in row.triggers} <= known


def test_an_unknown_scenario_names_those_that_there_are() -> None:
    with pytest.raises(UnknownScenarioError, match="default, errors"):
        find_scenario("eruption")
