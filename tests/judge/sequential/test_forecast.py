"""Forecasts: what a policy's triggers need, held against the figures that the proof promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headgate.judge.policy import Policy, parse_policy
from headgate.judge.sequential.forecast import Forecast, Trial, forecast, forecast_trigger
from headgate.judge.sequential.supposing import RATINGS, log_normal, rating_shares, slower

ALONE = Trial(weight=10_000)
CANARY = Trial(weight=1_000)


def policy(*triggers: dict[str, Any], **proof: Any) -> Policy:
    rows = [
        {"name": f"t{place}", "severity": "critical", "action": "rollback", **trigger}
        for place, trigger in enumerate(triggers)
    ]
    return parse_policy({"name": "mine", "proof": proof, "triggers": rows})


ERRORS = {"metric": "error_rate", "limit": {"above": 0.05}}
HALLUCINATIONS = {"metric": "hallucination_rate", "limit": {"above": 0.02}}
RATING = {"metric": "rating_mean", "limit": {"below": 3.5}}
LATENCY = {"metric": "latency_p95_ms", "limit": {"above_stable_times": 1.5}}
TOKENS = {"metric": "tokens_mean", "limit": {"above_stable_times": 1.5}}


def first(rules: Policy, trial: Trial) -> Forecast:
    return forecast(rules, trial)[0]


@pytest.mark.parametrize(
    ("trigger", "median", "p95"),
    [(ERRORS, 350, 700), (HALLUCINATIONS, 850, 1_900), (RATING, 300, 600)],
)
def test_the_least_degree_takes_what_the_proof_promises(
    trigger: dict[str, Any], median: int, p95: int
) -> None:
    case = first(policy(trigger), ALONE).cases[0]
    assert case.median == pytest.approx(median, rel=0.25)
    assert case.p95 == pytest.approx(p95, rel=0.25)


def test_what_is_worse_is_caught_sooner() -> None:
    for trigger in (ERRORS, HALLUCINATIONS, RATING, LATENCY, TOKENS):
        medians = [case.median or 0 for case in first(policy(trigger), CANARY).cases]
        assert medians == sorted(medians, reverse=True)
        assert medians[0] > medians[-1] > 0


def test_the_same_seed_gives_the_same_forecast() -> None:
    rules = policy(ERRORS, LATENCY)
    assert forecast(rules, CANARY) == forecast(rules, CANARY)


def test_a_trigger_among_many_needs_more_evidence_and_more_requests() -> None:
    many = policy(ERRORS, HALLUCINATIONS, RATING, LATENCY)
    alone, among = first(policy(ERRORS), ALONE), first(many, ALONE)
    assert alone.evidence == pytest.approx(100)
    assert among.evidence == pytest.approx(400)
    assert (among.cases[0].median or 0) > (alone.cases[0].median or 0)


def test_a_warning_has_an_alpha_of_its_own() -> None:
    warning = {**TOKENS, "severity": "warning", "action": "alert"}
    rules = policy(ERRORS, warning, false_warning=0.05)
    assert forecast(rules, CANARY)[1].evidence == pytest.approx(20)


def test_beside_stable_alone_nothing_is_known_without_a_stable_arm() -> None:
    assert first(policy(LATENCY), ALONE).cases == ()


def test_a_small_stable_arm_makes_a_comparison_slow() -> None:
    few, many = (first(policy(LATENCY), Trial(weight)).cases[0] for weight in (9_500, 1_000))
    assert (few.median or 0) > 5 * (many.median or 0)


def test_what_is_not_within_the_horizon_is_no_number() -> None:
    rare = {"metric": "error_rate", "limit": {"above": 0.0001}}
    case = first(policy(rare), Trial(10_000, horizon=1_000)).cases[0]
    assert case.median is None
    assert case.p95 is None


def test_labels_are_told_from_requests() -> None:
    assert not first(policy(ERRORS), CANARY).of_labels
    assert first(policy(RATING), CANARY).of_labels


def test_fewer_degrees_are_the_least_ones() -> None:
    rules = policy(ERRORS)
    found = forecast_trigger(rules, rules.triggers[0], Trial(10_000, degrees=1))
    assert [case.worse for case in found.cases] == [2.0]


def test_a_rating_cannot_lie_below_the_lowest() -> None:
    low = {"metric": "rating_mean", "limit": {"below": 1.2}}
    assert all(case.candidate > 1 for case in first(policy(low), ALONE).cases)


def test_a_rate_cannot_lie_above_one() -> None:
    high = {"metric": "error_rate", "limit": {"above": 0.4}}
    assert [case.candidate for case in first(policy(high), ALONE).cases] == [0.8, 1.0, 1.0]


@pytest.mark.parametrize("mean", [1.1, 2.5, 3.5, 4.2, 4.9])
def test_supposed_ratings_have_the_mean_that_was_asked_for(mean: float) -> None:
    shares = rating_shares(mean)
    assert shares.sum() == pytest.approx(1)
    assert shares @ RATINGS == pytest.approx(mean, abs=1e-6)


def test_supposed_values_have_the_mean_and_the_spread_of_a_log_normal() -> None:
    values, shares = log_normal(3.0, 1.0)
    assert values @ shares == pytest.approx(3.0)
    logs = np.log(values)
    assert np.sqrt(shares @ (logs - shares @ logs) ** 2) == pytest.approx(1.0, rel=0.01)


def test_what_is_as_slow_as_allowed_exceeds_the_value_as_often_as_allowed() -> None:
    assert slower([1.0, 2.0], 0.95)[0] == pytest.approx(0.05)
    assert slower([1.0, 2.0], 0.95)[1] > 0.3
