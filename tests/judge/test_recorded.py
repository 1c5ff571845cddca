"""Limits without a live stable arm, and a watch that never ends: what it finds, and what not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headgate.judge.policy import parse_policy
from headgate.judge.recorded import HeldTrigger, Recorded, alone, for_pinned, in_production
from headgate.judge.sequential.arms import Observed
from headgate.judge.sequential.bank import bank_of
from headgate.judge.sequential.columns import columns_of
from headgate.judge.sequential.combining import combine
from headgate.judge.sequential.observing import observe
from headgate.judge.sequential.state import Evidence, Sample, Split
from headgate.judge.sequential.table import LookTable
from headgate.judge.sequential.verdicts import assess_sequential
from headgate.judge.verdicts import Assessment
from headgate.measure.cells import Cell
from headgate.vocabulary import Reason, Verdict
from support.evidence import cell
from support.ledger import policy_content

POLICY = parse_policy(policy_content())
RECORDED: Recorded = (
    ("cost_mean_usd", 0.002),
    ("error_rate", 0.01),
    ("latency_p95_ms", 1_500.0),
    ("latency_p99_ms", 2_100.0),
    ("rating_mean", 4.2),
    ("tokens_mean", 600.0),
)
HELD = in_production(POLICY, "v1", RECORDED)
MONTH = 1_000_000
STARS = {4.2: (0.03, 0.05, 0.12, 0.29, 0.51), 3.2: (0.18, 0.14, 0.20, 0.26, 0.22)}


class Watch:
    """A production version that is looked at 500 requests at a time."""

    def __init__(self, seed: int) -> None:
        self.rng, self.now_ms = np.random.default_rng(seed), 1_000
        split = Split(1, 0, candidate=10_000, stable=0)
        self.evidence = Evidence(started_ms=0, planned=MONTH, forever=True, splits=(split,))

    def serve(
        self, requests: int, *, errors: float = 0.01, latency: float = 800, rating: float = 4.2
    ) -> int:
        """Requests until a critical breach; -1 without one."""
        for look in range(requests // 500):
            self.now_ms += 2_500
            self._look(self._cell(errors, latency, rating))
            if combine(HELD, self.evidence).proven & {"error_rate", "latency_p95", "rating"}:
                return 500 * (look + 1)
        return -1

    def _cell(self, errors: float, latency: float, rating: float) -> Cell:
        failed = int(self.rng.binomial(500, errors))
        served = self.rng.lognormal(np.log(latency * 1_000), 0.4, 500 - failed).astype(np.int64)
        stars = 10 * (self.rng.choice(5, 50, p=STARS[rating]) + 1)
        return cell(500, failed, latency_us=served, rating_tenths=stars)

    def _look(self, fresh: Cell) -> None:
        seen = Observed(self.now_ms, {("v2", 1): fresh}, "v2", "", HELD.caller_faults.rules())
        self.evidence = observe(HELD, self.evidence, seen)

    @property
    def verdicts(self) -> dict[str, Assessment]:
        return assess_sequential(HELD, self.evidence)


def _trigger(policy: Any, name: str) -> Any:
    return next(row for row in policy.triggers if row.name == name)


def test_a_limit_beside_stable_becomes_one_on_the_recorded_value() -> None:
    assert _trigger(HELD, "latency_p95").limit.above == pytest.approx(2_250)
    assert _trigger(HELD, "latency_p99").limit.above == pytest.approx(4_200)
    assert _trigger(HELD, "cost").limit.above == pytest.approx(0.004)
    assert _trigger(HELD, "regression_rating").limit.below == pytest.approx(4.1)
    assert _trigger(HELD, "error_rate").limit.above == 0.05  # its own limit, alone
    assert _trigger(HELD, "regression_success").limit.above is None  # nothing is recorded
    assert all(isinstance(row, HeldTrigger) for row in HELD.triggers)


def test_production_has_no_choices_to_compare_and_takes_two_violations() -> None:
    assert "silent" not in {row.name for row in HELD.triggers}
    assert "silent" in {row.name for row in alone(POLICY, "v1", RECORDED).triggers}
    safety = _trigger(HELD, "safety")
    assert (safety.limit.above, safety.window) == (1, 600_000)


@pytest.mark.parametrize("nothing", [(), (("error_rate", 0.0),), (("rating_mean", 1.05),)])
def test_what_is_not_recorded_or_cannot_be_held_against_waits_for_a_stable_arm(
    nothing: Recorded,
) -> None:
    held = in_production(POLICY, "v1", nothing)
    for name in ("latency_p95", "regression_errors", "regression_rating"):
        assert _trigger(held, name).limit is _trigger(POLICY, name).limit


def test_one_object_per_answer() -> None:
    assert in_production(POLICY, "v1", RECORDED) is HELD
    assert in_production(POLICY, "v0", RECORDED) is not HELD


def test_a_deprecated_version_is_held_against_itself_and_called_what_it_is() -> None:
    held = for_pinned(POLICY, "v1", RECORDED)
    assert for_pinned(POLICY, "v1", RECORDED) is held
    for trigger in held.triggers:
        assert isinstance(trigger, HeldTrigger)
        assert (trigger.subject, trigger.of) == ("the deprecated version", "v1")
        assert trigger.limit.model_dump() == _trigger(HELD, trigger.name).limit.model_dump()
    assert [row.name for row in held.triggers] == [row.name for row in HELD.triggers]


def test_without_a_recorded_value_the_verdict_is_unknown_and_says_why() -> None:
    watch = Watch(1)
    watch.serve(1_000)
    seen = watch.verdicts["regression_success"]
    assert (seen.verdict, seen.reason) == (Verdict.UNKNOWN, Reason.NO_BASELINE)
    assert "nothing is recorded of v1" in seen.sentence


def test_the_sentence_names_whose_performance_was_recorded() -> None:
    watch = Watch(2)
    assert watch.serve(5_000, latency=2_400) > 0
    sentence = watch.verdicts["latency_p95"].sentence
    assert "1.5 times the recorded performance of v1" in sentence


@pytest.mark.parametrize("seed", range(6))
def test_a_healthy_version_is_left_alone_over_300000_requests(seed: int) -> None:
    assert Watch(seed).serve(300_000) == -1


@pytest.mark.parametrize(
    ("bad", "within"),
    [({"errors": 0.1}, 4_000), ({"latency": 1_600.0}, 1_000), ({"rating": 3.2}, 12_000)],
)
def test_a_version_that_turns_bad_after_50000_requests_is_found(
    bad: dict[str, float], within: int
) -> None:
    for seed in range(3):
        watch = Watch(seed)
        assert watch.serve(50_000) == -1
        assert 0 < watch.serve(30_000, **bad) <= within


def test_the_budget_of_a_watch_is_its_part_of_the_month_and_has_no_end() -> None:
    bank = bank_of(HELD)
    unbegun = columns_of(bank, Evidence(started_ms=0, planned=MONTH))
    for before in (-1, 10 * MONTH):
        table, columns = LookTable(bank), unbegun.copy()
        columns.spent[0] = before
        table.absolute(0, Sample(), 0.0, 1.0, proves_good=False)  # a look that says nothing
        table.apply(columns, max(before, 0) + 500, MONTH, forever=True)
        assert columns.wealth[0] == pytest.approx(np.log(500 / MONTH))
        assert (columns.spent[0], set(columns.spent[1:])) == (max(before, 0) + 500, {-1})


def test_a_multiple_beyond_all_numbers_holds_nobody_to_anything() -> None:
    content = policy_content()
    rows = (row for row in content["triggers"] if "above_stable_times" in row["limit"])
    for row in rows:
        row.update(proof="threshold", proven_good="no", limit={"above_stable_times": 1e308})
    held = in_production(parse_policy(content), "v1", RECORDED)
    latency = next(row for row in held.triggers if row.name == "latency_p95")
    assert latency.limit.above_stable_times == 1e308
