"""Plain proof: suspect while crossed, a breach after `for`, unknown whenever it can't know."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.judge.looks import Arm, Look
from headgate.judge.policy import Trigger
from headgate.judge.threshold import assess_threshold
from headgate.judge.verdicts import Assessment, Memory
from headgate.measure.cells import Cell
from headgate.measure.metrics import CallerFaults
from headgate.vocabulary import Reason, Verdict

ERRORS: dict[str, Any] = {
    "name": "error_rate",
    "metric": "error_rate",
    "limit": {"above": 0.05},
    "severity": "critical",
    "action": "rollback",
    "proof": "threshold",
    "for": "10s",
    "min_samples": 50,
    "min_stable_samples": 50,
}
COST = {
    **ERRORS,
    "name": "cost",
    "metric": "cost_mean_usd",
    "limit": {"above_stable_times": 2},
}


def served(requests: int, errors: int = 0, cost_microusd: int = 0) -> Cell:
    return Cell(
        outcomes=requests,
        requests=requests,
        errors={"timeout": errors} if errors else {},
        sums={"cost_microusd": cost_microusd * requests},
        counts={"cost_microusd": requests} if cost_microusd else {},
    )


def arm(version: str, cell: Cell, same_split: Cell | None = None) -> Arm:
    return Arm(
        version, lambda _, **__: cell, lambda _, **__: cell if same_split is None else same_split
    )


def look(
    candidate: Cell,
    stable: Cell | None = None,
    *,
    now_ms: int = 0,
    blind: str = "",
    same_split: Cell | None = None,
) -> Look:
    return Look(
        now_ms=now_ms,
        candidate=arm("v2", candidate, same_split),
        stable=arm("v1", stable) if stable is not None else None,
        faults=CallerFaults(),
        blind=blind,
    )


def over_time(
    trigger: dict[str, Any], *looks: Look, memory: Memory | None = None
) -> list[Assessment]:
    memory, seen = memory or Memory(), []
    for one in looks:
        assessment, memory = assess_threshold(Trigger.model_validate(trigger), one, memory)
        seen.append(assessment)
    return seen


def test_a_crossed_limit_is_suspect_and_becomes_a_breach_after_its_time() -> None:
    bad = served(100, 10)
    seen = over_time(ERRORS, *(look(bad, now_ms=second * 1000) for second in (0, 9, 10)))
    assert [row.verdict for row in seen] == [Verdict.SUSPECT, Verdict.SUSPECT, Verdict.BREACH]
    assert seen[-1].reason is Reason.LIMIT_CROSSED_LASTING


def test_a_good_look_starts_the_time_again() -> None:
    bad, good = served(100, 10), served(100, 1)
    seen = over_time(
        ERRORS,
        look(bad, now_ms=0),
        look(good, now_ms=5_000),
        look(bad, now_ms=9_000),
        look(bad, now_ms=12_000),
    )
    assert seen[-1].verdict is Verdict.SUSPECT


def test_too_few_samples_are_unknown_and_forget_what_was_suspect() -> None:
    bad, few = served(100, 10), served(49, 49)
    seen = over_time(ERRORS, look(bad), look(few, now_ms=9_000), look(bad, now_ms=11_000))
    assert [row.verdict for row in seen] == [Verdict.SUSPECT, Verdict.UNKNOWN, Verdict.SUSPECT]
    assert seen[1].reason is Reason.TOO_FEW_SAMPLES
    assert "49 of 50 requests" in seen[1].sentence


def test_a_blind_look_is_unknown_whatever_the_numbers_say() -> None:
    (seen,) = over_time(ERRORS, look(served(100, 100), blind="Telemetry is stale."))
    assert (seen.verdict, seen.reason) == (Verdict.UNKNOWN, Reason.TELEMETRY_STALE)


def test_a_limit_exactly_met_is_not_crossed() -> None:
    (seen,) = over_time(ERRORS, look(served(100, 5)))
    assert seen.verdict is Verdict.OK


def test_calm_that_lasts_clears_the_evidence() -> None:
    good = served(100, 1)
    seen = over_time(ERRORS, look(good, now_ms=0), look(good, now_ms=10_000))
    assert [row.cleared for row in seen] == [False, True]


def test_without_a_stable_arm_a_relative_trigger_has_no_baseline() -> None:
    (seen,) = over_time(COST, look(served(100, cost_microusd=900)))
    assert (seen.verdict, seen.reason) == (Verdict.UNKNOWN, Reason.NO_BASELINE)


def test_with_too_few_stable_samples_a_relative_trigger_is_unknown() -> None:
    few = served(10, cost_microusd=100)
    (seen,) = over_time(COST, look(served(100, cost_microusd=900), few))
    assert (seen.verdict, seen.reason) == (Verdict.UNKNOWN, Reason.TOO_FEW_STABLE_SAMPLES)
    assert "needs from stable" in seen.sentence


@pytest.mark.parametrize(("cost", "verdict"), [(199, Verdict.OK), (201, Verdict.SUSPECT)])
def test_a_relative_limit_is_a_multiple_of_the_live_stable_arm(cost: int, verdict: Verdict) -> None:
    stable = served(100, cost_microusd=100)
    (seen,) = over_time(COST, look(served(100, cost_microusd=cost), stable))
    assert seen.verdict is verdict
    assert seen.evidence["limit"] == pytest.approx(0.0002)


BESIDE = {**ERRORS, "beside_stable": {"above_times": 1.25}}


def test_a_limit_that_stable_breaks_alike_is_an_outage_and_no_breach() -> None:
    bad = served(100, 40)
    seen = over_time(BESIDE, look(bad, bad, now_ms=0), look(bad, bad, now_ms=10_000))
    assert [row.verdict for row in seen] == [Verdict.SUSPECT, Verdict.SUSPECT]
    assert [row.hold for row in seen] == [False, True]
    assert seen[-1].reason is Reason.NOT_WORSE_THAN_STABLE


def test_a_limit_that_only_the_candidate_breaks_is_a_breach() -> None:
    bad, good = served(100, 40), served(100, 1)
    seen = over_time(BESIDE, look(bad, good), look(bad, good, now_ms=10_000))
    assert seen[-1].verdict is Verdict.BREACH
    assert "40.00% is over the limit 5.00% (stable: 1.00%)" in seen[-1].sentence


def test_only_what_was_served_under_the_same_split_is_compared_with_stable() -> None:
    """Bad before the split changed, as good as stable since: the comparison sees the latter."""
    now_good = served(100, 1)
    one = look(served(400, 100), now_good, same_split=now_good)
    (seen,) = over_time(BESIDE, one)
    assert seen.reason is Reason.NOT_WORSE_THAN_STABLE


def test_without_a_stable_arm_the_absolute_limit_decides_alone() -> None:
    bad = served(100, 40)
    seen = over_time(BESIDE, look(bad), look(bad, now_ms=10_000))
    assert seen[-1].verdict is Verdict.BREACH


RATING = {
    **ERRORS,
    "metric": "rating_mean",
    "limit": {"below": 3.5},
    "beside_stable": {"below_margin": 0.1},
}


def rated(tenths: int) -> Cell:
    return Cell(outcomes=100, sums={"rating_tenths": tenths * 100}, counts={"rating_tenths": 100})


@pytest.mark.parametrize(
    ("candidate", "stable", "reason"),
    [
        (36, 44, Reason.WITHIN_LIMIT),
        (32, 44, Reason.LIMIT_CROSSED),
        (32, 32, Reason.NOT_WORSE_THAN_STABLE),
        (32, 34, Reason.LIMIT_CROSSED),
    ],
)
def test_a_mean_below_its_limit_must_be_below_stables_too(
    candidate: int, stable: int, reason: Reason
) -> None:
    (seen,) = over_time(RATING, look(rated(candidate), rated(stable)))
    assert seen.reason is reason


def test_one_safety_violation_is_a_breach_at_once_and_names_its_request() -> None:
    safety = {
        **ERRORS,
        "metric": "safety_violations",
        "limit": {"above": 0},
        "for": "0s",
        "min_samples": 1,
    }
    cell = Cell(
        outcomes=1,
        labelled={"safety_violation": 1},
        flagged={"safety_violation": 1},
        safety_request_ids=("r9",),
    )
    (seen,) = over_time(safety, look(cell))
    assert (seen.verdict, seen.reason) == (Verdict.BREACH, Reason.SAFETY_VIOLATION)
    assert seen.evidence["request_ids"] == ["r9"]
    assert seen.sentence.startswith("1 safety violation of the candidate")
