"""Policies: what is shipped holds together, and every problem is told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.judge.policy import PolicyError, digest_of, parse_policy, policy_in_force
from headgate.judge.proofs import PROOFS
from headgate.vocabulary import Severity
from support.ledger import POLICIES, policy_content

MATRIX = {
    "error_rate": ("critical", "rollback", 0, 60_000),
    "latency_p95": ("critical", "rollback", 0, 60_000),
    "rating": ("critical", "rollback", 15 * 60_000, 5 * 60_000),
    "hallucination": ("critical", "rollback", 30 * 60_000, 5 * 60_000),
    "safety": ("critical", "rollback", 0, 60_000),
    "silent": ("critical", "rollback", 0, 60_000),
    "latency_p99": ("warning", "alert", 0, 300_000),
    "cost": ("warning", "alert", 0, 300_000),
    "tokens": ("warning", "alert", 0, 300_000),
    "regression_errors": ("warning", "alert", 0, 300_000),
    "regression_rating": ("warning", "alert", 0, 300_000),
    "regression_success": ("warning", "alert", 0, 300_000),
}
LIMITS = {
    "error_rate": ("error_rate", {"above": 0.05}),
    "latency_p95": ("latency_p95_ms", {"above_stable_times": 1.5}),
    "rating": ("rating_mean", {"below": 3.5}),
    "hallucination": ("hallucination_rate", {"above": 0.02}),
    "safety": ("safety_violations", {"above": 0}),
    "silent": ("answered_share", {"below": 0.5}),
    "latency_p99": ("latency_p99_ms", {"above_stable_times": 2}),
    "cost": ("cost_mean_usd", {"above_stable_times": 2}),
    "tokens": ("tokens_mean", {"above_stable_times": 1.5}),
    "regression_errors": ("error_rate", {"above_stable_times": 1.25}),
    "regression_rating": ("rating_mean", {"below_stable_by": 0.1}),
    "regression_success": ("task_failure_rate", {"above_stable_times": 1.25}),
}


def test_the_default_policy_is_the_rollback_decision_matrix() -> None:
    triggers = {row.name: row for row in parse_policy(policy_content()).triggers}
    found = {
        name: (row.severity, row.action, row.act_within, row.recovered_within)
        for name, row in triggers.items()
    }
    assert found == MATRIX
    limits = {
        name: (row.metric, row.limit.model_dump(exclude_none=True))
        for name, row in triggers.items()
    }
    assert limits == LIMITS


def test_errors_hallucinations_and_ratings_are_compared_beside_stable() -> None:
    beside = {row.name: row.beside_stable for row in parse_policy(policy_content()).triggers}
    assert {name for name, rule in beside.items() if rule} == {
        "error_rate",
        "rating",
        "hallucination",
    }


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_policy_holds_together(path: Path) -> None:
    policy = parse_policy(yaml.safe_load(path.read_text()))
    assert policy.name == path.stem
    assert any(row.severity is Severity.CRITICAL for row in policy.triggers)


def _broken(**changes: Any) -> dict[str, Any]:
    content = policy_content()
    content["triggers"][0].update(changes)
    return content


@pytest.mark.parametrize(
    ("changes", "path", "rule"),
    [
        ({"metric": "speed"}, "triggers.0", "metric 'speed' is unknown"),
        ({"limit": {"above": 1, "below": 2}}, "triggers.0.limit", "exactly one"),
        ({"limit": {"above": float("nan")}}, "triggers.0.limit", "as a finite number"),
        ({"beside_stable": {}}, "triggers.0.beside_stable", "exactly one"),
        ({"act_within": "soon"}, "triggers.0.act_within", "is no duration"),
        ({"act_within": 15}, "triggers.0.act_within", "with its unit"),
        ({"act_within": ["1w"]}, "triggers.0.act_within", "with its unit"),
        ({"act_within": False}, "triggers.0.act_within", "with its unit"),
        ({"act_within": "99999w"}, "triggers.0.act_within", "too long; at most 53w"),
        ({"window": "2h"}, "triggers.0", "window must be"),
        ({"severity": "warning"}, "triggers.0", "must be critical"),
        ({"min_samples": 0}, "triggers.0.min_samples", "greater than or equal to 1"),
        ({"proof": "hope"}, "triggers.0.proof", "'threshold'"),
        ({"windw": "1m"}, "triggers.0.windw", "Extra inputs"),
        ({"name": "latency_p95"}, "$", "twice: latency_p95"),
    ],
)
def test_a_broken_policy_says_where_and_which_rule(
    changes: dict[str, Any], path: str, rule: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(_broken(**changes))
    assert any(where.startswith(path) and rule in what for where, what in caught.value.problems)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ({"proof": {"planned_requests": 10**30}}, "64-bit"),
        ({1: "a key that is no text"}, "key must be str"),
        ({"description": b"no text"}, "not JSON serializable"),
    ],
)
def test_what_no_json_can_hold_is_refused_as_a_mistake_of_the_policy(
    content: dict[Any, Any], rule: str
) -> None:
    with pytest.raises(PolicyError, match=rule):
        parse_policy(policy_content() | content)


def test_all_problems_are_told_at_once() -> None:
    content = _broken(metric="speed", act_within="soon")
    content["triggers"][1]["min_samples"] = 0
    with pytest.raises(PolicyError) as caught:
        parse_policy(content)
    assert len(caught.value.problems) >= 2


def test_a_digest_depends_on_the_content_and_not_on_its_order() -> None:
    content = policy_content()
    assert digest_of(content) == digest_of(dict(reversed(content.items())))
    assert digest_of(content) != digest_of({**content, "name": "other"})


def test_every_kind_of_proof_that_a_policy_may_ask_for_exists() -> None:
    kinds = {row.proof for row in parse_policy(policy_content()).triggers}
    assert kinds <= set(PROOFS)


def test_a_policy_in_force_is_one_object_and_another_content_another() -> None:
    content, other = policy_content(), {**policy_content(), "name": "other"}
    known = policy_in_force(digest_of(content), content)
    assert policy_in_force(digest_of(content), content) is known
    assert known == parse_policy(content)
    assert policy_in_force(digest_of(content), other).name == "other"


def test_every_part_of_a_policy_is_told_apart_by_identity() -> None:
    one = parse_policy(policy_content())
    for part in (one, one.canary, one.proof, one.triggers[0]):
        assert part != part.model_copy()
        assert hash(part) == object.__hash__(part)
