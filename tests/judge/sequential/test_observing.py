"""Observing: which counts reach which test, and what the evidence says of them."""

from __future__ import annotations

from itertools import product
from math import log
from typing import Any

import numpy as np
import pytest

from headgate.judge.policy import parse_policy
from headgate.judge.promoting import promotion
from headgate.judge.sequential.bank import Kind, bank_of
from headgate.judge.sequential.columns import columns_of
from headgate.judge.sequential.combining import weights_of
from headgate.judge.sequential.looks import over
from headgate.judge.sequential.plan import plan_of
from headgate.judge.sequential.state import Sample, WarmUp
from headgate.measure import hdr
from headgate.measure import sketch as sketches
from headgate.vocabulary import Reason, Verdict
from support.evidence import CANDIDATE, STABLE, Phase, cell, labels, ratings, sketch
from support.ledger import START_MS, policy_content
from support.mutants import mutant

GOOD, BAD = cell(50, 0), cell(50, 25)
HOUR = 3600.0


def _looked(phase: Phase, trigger: str, kind: Kind) -> bool:
    return phase.known(trigger).spent[kind] >= 0


def test_a_tick_without_news_returns_the_same_object() -> None:
    phase = Phase()
    phase.both(GOOD, GOOD)
    before = phase.evidence
    assert phase.look() is before
    assert phase.look({}, seconds=HOUR) is before


def test_what_lies_beyond_a_critical_limit_is_suspect_however_little_that_proves() -> None:
    phase = Phase()
    phase.both(cell(50, 3), cell(50, 0))
    seen = phase.verdicts["error_rate"]
    assert phase.combined.log_e["error_rate"] < 0
    assert (seen.verdict, seen.reason) == (Verdict.SUSPECT, Reason.NOT_PROVEN)
    assert "6.00% (stable: 0.00%) over 50 requests is over the limit 5.00%: not" in seen.sentence
    assert seen.cleared  # it keeps no incident open
    phase.both(cell(50, 0), cell(50, 0))
    assert phase.verdicts["error_rate"].verdict is Verdict.OK


def test_a_breach_needs_both_tests_beside_stable() -> None:
    phase = Phase()
    for _ in range(20):
        phase.both(BAD, GOOD)
    assert phase.verdicts["error_rate"].verdict is Verdict.BREACH
    shared = Phase()
    for _ in range(20):
        shared.both(BAD, BAD)
    absolute, relative, *_ = shared.combined.tests["error_rate"]
    assert absolute > log(100) > relative
    assert not shared.combined.proven


def test_a_look_stays_open_until_both_arms_have_enough() -> None:
    phase = Phase(weight=1_000)
    phase.both(cell(19), cell(400))
    assert not _looked(phase, "error_rate", Kind.RELATIVE)
    phase.both(cell(1), cell(0))
    assert _looked(phase, "error_rate", Kind.RELATIVE)
    assert not phase.known("error_rate").looks
    phase = Phase(weight=1_000)
    phase.both(cell(100), cell(179))  # the split gives stable nine times as many
    assert not _looked(phase, "error_rate", Kind.RELATIVE)
    phase.both(cell(0), cell(1))
    assert _looked(phase, "error_rate", Kind.RELATIVE)


def test_a_look_closes_after_a_minute_when_both_arms_have_something() -> None:
    phase = Phase()
    phase.both(cell(3), cell(3))
    assert phase.look(seconds=59) is phase.look(seconds=0)
    assert not _looked(phase, "error_rate", Kind.RELATIVE)
    phase.look(seconds=1)
    assert _looked(phase, "error_rate", Kind.RELATIVE)
    lonely = Phase()
    lonely.look({(CANDIDATE, 1): cell(500, 500)})
    lonely.look({(CANDIDATE, 1): cell(500, 500)}, seconds=HOUR)
    assert not _looked(lonely, "error_rate", Kind.RELATIVE)


def test_relative_looks_never_join_two_revisions() -> None:
    phase = Phase()
    phase.look({(CANDIDATE, 1): cell(50, 25)})
    phase.split(2, 9_000)
    phase.look({(STABLE, 2): cell(50)})
    phase.look({(STABLE, 2): cell(50)}, seconds=HOUR)
    assert not _looked(phase, "error_rate", Kind.RELATIVE)
    assert sorted(phase.known("error_rate").looks) == [1, 2]


@pytest.mark.parametrize("seed", range(8))
def test_a_ramp_while_both_arms_get_three_times_worse_proves_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    phase = Phase(weight=1_000)
    for number in range(400):
        if number == 200:
            phase.split(2, 5_000)
        revision, share = (1, 0.1) if number < 200 else (2, 0.5)
        rate = 0.01 if number < 200 else 0.03
        mine, other = int(200 * share), int(200 * (1 - share))
        phase.both(
            cell(mine, int(rng.binomial(mine, rate))),
            cell(other, int(rng.binomial(other, rate))),
            revision,
        )
        assert not phase.combined.proven


def test_late_labels_count_in_the_look_of_their_own_revision_hours_later() -> None:
    phase = Phase(weight=1_000)
    phase.both(GOOD, cell(450))
    phase.split(2, 9_000)
    phase.both(cell(450), GOOD, 2)
    before = phase.combined.tests["hallucination"]
    mine, other = labels("hallucination", 30, 12), labels("hallucination", 270, 3)
    phase.both(mine, other, 1, seconds=5 * HOUR)
    after = phase.combined.tests["hallucination"]
    assert after[Kind.RELATIVE] > before[Kind.RELATIVE]
    assert after[Kind.RELATIVE] > log(10)
    assert phase.evidence.label_delay_ms >= 5 * HOUR * 1000
    assert not phase.known("hallucination").looks


def test_labels_of_an_earlier_phase_count_nowhere() -> None:
    phase = Phase()
    phase.both(labels("hallucination", 50, 50), labels("hallucination", 50, 0), 99)
    assert not _looked(phase, "hallucination", Kind.ABSOLUTE)


def test_outcomes_without_a_revision_count_in_absolute_tests_alone_until_settled() -> None:
    phase = Phase()
    phase.both(BAD, GOOD, 0)
    assert _looked(phase, "error_rate", Kind.ABSOLUTE)
    assert not _looked(phase, "error_rate", Kind.RELATIVE)
    assert not phase.known("error_rate").looks
    phase.tell(settled_ms=phase.now_ms + 10_000)
    phase.both(BAD, GOOD, 0, seconds=9)
    assert not _looked(phase, "error_rate", Kind.RELATIVE)
    phase.both(BAD, GOOD, 0, seconds=1)
    assert _looked(phase, "error_rate", Kind.RELATIVE)


def test_labels_without_a_revision_wait_for_the_longest_delay_seen() -> None:
    phase = Phase()
    phase.tell(settled_ms=phase.now_ms, label_delay_ms=60_000)
    flagged, fine = labels("hallucination", 50, 25), labels("hallucination", 50, 0)
    phase.both(flagged, fine, 0)
    assert _looked(phase, "hallucination", Kind.ABSOLUTE)
    assert not _looked(phase, "hallucination", Kind.RELATIVE)
    phase.both(flagged, fine, 0, seconds=60)
    assert _looked(phase, "hallucination", Kind.RELATIVE)


def _just_started(phase: Phase, rate: float = 50.0, until_s: float = 20.0) -> None:
    until_ms = phase.now_ms + int(until_s * 1000)
    phase.tell(warm_up=WarmUp(phase.now_ms, until_ms, routed_per_s=rate))


def test_fast_failures_before_slow_successes_prove_nothing() -> None:
    phase = Phase()
    _just_started(phase)
    for number in range(20):  # one of 100 requests fails at once; no success has finished yet
        phase.both(cell(1, 1) if number % 4 == 0 else cell(0), cell(25, number % 4 == 0))
    assert not phase.combined.proven
    blind = Phase()
    for number in range(20):
        blind.both(cell(1, 1) if number % 4 == 0 else cell(0), cell(25, number % 4 == 0))
    assert blind.combined.tests["error_rate"][Kind.ABSOLUTE] > log(100)


def test_half_failing_is_caught_while_traffic_has_just_started() -> None:
    phase = Phase()
    _just_started(phase)
    for _ in range(4):
        phase.both(cell(13, 13), cell(25))
    assert "error_rate" in phase.combined.proven


def test_traffic_that_just_started_proves_nothing_good() -> None:
    phase = Phase()
    _just_started(phase)
    for _ in range(39):
        phase.both(cell(500, latency_us=[1000] * 500), cell(500, latency_us=[1000] * 500))
    for trigger, kind in product(("error_rate", "latency_p95"), (Kind(2), Kind(3))):
        assert not _looked(phase, trigger, kind) or phase.combined.tests[trigger][kind] < -900


def test_a_look_opened_in_the_warm_up_is_no_proof_of_good_when_it_closes_later() -> None:
    phase = Phase()
    _just_started(phase, until_s=5)
    phase.both(cell(5), cell(5))
    phase.look({(CANDIDATE, 1): cell(1)}, seconds=5)
    phase.both(cell(100), cell(100))  # closes the look that holds the warm-up's outcomes
    assert _looked(phase, "error_rate", Kind.RELATIVE)
    assert not _looked(phase, "error_rate", Kind.GOOD_RELATIVE)
    phase.both(cell(100), cell(100))
    assert _looked(phase, "error_rate", Kind.GOOD_RELATIVE)


def test_what_divides_a_relative_look_is_fixed_when_it_opens() -> None:
    found = []
    for late in ((1.0, 1.0), (4.0, 4.0)):
        phase = Phase()
        phase.tell(effects={"error_rate": (2.0, 2.0)})
        phase.both(cell(10, 5), cell(10))
        phase.tell(effects={"error_rate": late})
        phase.both(cell(10, 5), cell(10))
        found.append(phase.combined.tests["error_rate"][Kind.RELATIVE])
    assert found[0] == found[1]


def test_when_stable_vanishes_the_relative_is_unknown_and_the_absolute_decides() -> None:
    phase = Phase()
    phase.both(GOOD, GOOD)
    phase.split(2, 10_000)
    for _ in range(10):
        phase.look({(CANDIDATE, 2): cell(50, 25, latency_us=[10**6] * 25)}, stable="")
    verdicts = phase.verdicts
    assert verdicts["error_rate"].verdict is Verdict.BREACH
    assert verdicts["latency_p95"].verdict is Verdict.UNKNOWN
    assert verdicts["latency_p95"].reason is Reason.NO_BASELINE


def test_no_verdict_says_ok_of_what_its_sentence_calls_beyond_the_limit() -> None:
    phase = Phase()
    for _ in range(2):
        phase.both(cell(50, 1), cell(100, 1))  # 2 % beside 1 %, of few
    seen = phase.verdicts["regression_errors"]
    assert (seen.verdict, seen.reason) == (Verdict.SUSPECT, Reason.NOT_PROVEN)
    assert "is over the limit 1.25%: not proven (evidence " in seen.sentence
    assert seen.cleared
    for row in phase.verdicts.values():
        assert row.verdict is not Verdict.OK or "is over" not in row.sentence


def test_a_warning_is_quiet_when_the_trigger_it_names_says_it_all() -> None:
    phase = Phase()
    for _ in range(60):
        phase.both(BAD, GOOD)
    assert phase.verdicts["regression_errors"].reason is Reason.SAID_ELSEWHERE
    assert phase.verdicts["regression_errors"].verdict is Verdict.SUSPECT
    minor = Phase()
    for _ in range(200):
        minor.both(cell(50, 2), cell(100, 1))  # 4 % beside 1 %, under the limit of 5 %
    assert minor.verdicts["regression_errors"].verdict is Verdict.BREACH
    assert minor.verdicts["error_rate"].verdict is not Verdict.BREACH


def test_a_warning_has_an_alpha_of_its_own() -> None:
    content = policy_content()
    content["proof"] = {"false_warning": 0.2, "false_rollback": 1e-6}
    phase = Phase(parse_policy(content))
    while not phase.combined.proven:
        phase.both(cell(50, 2), cell(100, 1))
        assert phase.now_ms < START_MS + 600_000
    assert phase.combined.proven == {"regression_errors"}
    assert phase.combined.needed["regression_errors"] == pytest.approx(5)
    assert phase.combined.needed["error_rate"] > 1e6


def test_the_weights_of_what_can_roll_back_sum_to_1_with_or_without_data() -> None:
    content = policy_content()
    for number, row in enumerate(content["triggers"]):
        row["weight"] = 0.3 + number
    weights = weights_of(parse_policy(content))
    assert sum(weights.values()) == pytest.approx(1)
    assert set(weights) == {"error_rate", "latency_p95", "rating", "hallucination"}
    phase = Phase()
    phase.both(BAD, GOOD)
    combined = phase.combined
    share = np.exp(combined.log_e["error_rate"]) / 4
    assert combined.total == pytest.approx(share)


def _healthy(phase: Phase, looks: int = 60) -> None:
    latency = [800_000] * 45 + [1_100_000] * 5
    phase.tell(references={"latency_p95": 1_000_000.0, "latency_p99": 1_200_000.0})
    for _ in range(looks):
        phase.both(cell(50, latency_us=latency), cell(50, 1, latency_us=latency))


def test_promotion_says_what_it_lacks_and_has() -> None:
    phase = Phase()
    assert len(promotion(phase.policy, phase.evidence, safety_checked=None).lacking) == 2
    assert len(promotion(phase.policy, phase.evidence, safety_checked=0).lacking) == 3
    _healthy(phase)
    assert promotion(phase.policy, phase.evidence, safety_checked=1_000).proven
    few = promotion(phase.policy, phase.evidence, safety_checked=999)
    assert not few.proven
    assert few.sentence == "safety: 999 of 1,000 checked answers, about 1 more checked answers"
    few_labels = labels("hallucination", 3, 0)
    phase.both(few_labels, few_labels)  # now it is reported
    lacking = promotion(phase.policy, phase.evidence, safety_checked=1_000).lacking
    assert [row.trigger for row in lacking] == ["hallucination"]


def test_a_latency_on_its_limit_is_hardly_ever_proven_good_and_one_like_stables_is() -> None:
    proven = {1.0: 0, 1.5: 0}
    for slower, seed in product(proven, range(10)):
        rng, phase = np.random.default_rng(seed), Phase()
        p95_us = 800_000 * np.exp(1.6448536 * 0.6)
        phase.tell(references={"latency_p95": float(p95_us)})
        needed, known = log(1 / phase.policy.proof.false_promotion), -1e3
        for _ in range(60):
            both = rng.lognormal(np.log(800_000), 0.6, (2, 50)) * [[slower], [1.0]]
            mine, other = (cell(50, latency_us=arm.astype(int)) for arm in both)
            phase.both(mine, other)
            known = max(known, phase.combined.tests["latency_p95"][Kind.GOOD_RELATIVE])
        proven[slower] += known >= needed
    assert proven[1.0] == 10
    assert proven[1.5] <= 2


def test_unknown_never_promotes() -> None:
    phase = Phase()
    for _ in range(60):
        phase.both(cell(50), cell(50, 1))  # no latency at all
    lacking = promotion(phase.policy, phase.evidence, safety_checked=1_000).lacking
    assert [row.trigger for row in lacking] == ["latency_p95"]


def test_a_lean_towards_a_breach_forbids_promotion() -> None:
    phase = Phase()
    _healthy(phase)
    for _ in range(8):
        phase.both(ratings([1] * 5), ratings([5] * 5))
    promoted = promotion(phase.policy, phase.evidence, safety_checked=1_000)
    assert not promoted.proven


def claim_edges(module: Any) -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        values = rng.lognormal(13, 1, 300).astype(np.int64)
        value = int(rng.lognormal(13, 1))
        mine = module.Sketch(*np.unique(hdr.bucket_index(values), return_counts=True))
        hits, reaching = mine.counts_over(value)
        assert hits <= int((values > value).sum()) <= reaching
        assert reaching - hits < 30
    # Values up to the end of a bin are not above it, nor reach above it.
    mine = module.Sketch(np.array([200, 201]), np.array([1, 1]))
    assert mine.counts_over(200) == (1, 1)
    mine = module.Sketch(*np.unique(hdr.bucket_index(np.array([1_000, 1_003])), return_counts=True))
    assert mine.counts_over(1_001) == (0, 2)
    assert mine.counts_over(900) == (2, 2)
    mine = module.Sketch(*np.unique(hdr.bucket_index(np.array([1_000, 2_000])), return_counts=True))
    assert mine.counts_over(1_501) == (1, 1)


@pytest.mark.parametrize(
    ("fragment", "instead"),
    [
        ("indexes[place] > bucket", "indexes[place] >= bucket"),
        ("indexes[place] > bucket", "indexes[place] > bucket + 50"),
        ("return above, above + counts[place]", "return above, above"),
        ("if is_edge or place < 0", "if place < 0"),
        ("or indexes[place] != bucket", ""),
    ],
)
def test_a_wrong_bin_edge_fails_its_claim(fragment: str, instead: str) -> None:
    with pytest.raises(AssertionError):
        claim_edges(mutant(sketches, fragment, instead))


def test_rounding_to_bins_never_helps_a_proof() -> None:
    claim_edges(sketches)
    assert over(Sample(), 5.0) == Sample()
    parts = Sample(n=4, sketches=(sketch([1_000, 3_000]), sketch([1_000, 1_003])))
    assert over(parts, 1_001.0) == Sample(n=4, hits=1, reaching=4)
    assert over(parts, 1_001.0, exact=True) == Sample(n=4, hits=1, reaching=1)


# Bad input


ODD = {
    "all failed": (cell(50, 50), cell(50, 50)),
    "all passed": (cell(50), cell(50)),
    "one request": (cell(1, 1), cell(1)),
    "a million": (cell(10**6, 10**6), cell(10**6)),
    "a million beside one": (cell(10**6, 10**6), cell(1)),
    "ratings over 5": (ratings([9, 9, 9, 9, 9]), ratings([9, 9, 9, 9, 9])),
    "ratings under 1": (ratings([0, 0, 0, 0, 0]), ratings([0, 0, 0, 0, 0])),
    "costs of 0": (cell(50, cost_microusd=[0] * 50), cell(50, cost_microusd=[0] * 50)),
    "a huge cost": (cell(50, cost_microusd=[10**9] * 50), cell(50, cost_microusd=[1] * 50)),
    "latency of 0": (cell(50, latency_us=[0] * 50), cell(50, latency_us=[0] * 50)),
    "more errors than requests": (cell(5, 50), cell(5, 50)),
    "more flagged than labelled": (labels("task_success", 5, 50), labels("task_success", 5, 50)),
    "an empty arm": (cell(50, 50), cell(0)),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("weight", [0, 1, 5_000, 10_000])
def test_odd_looks_leave_numbers_and_a_reason(name: str, weight: int) -> None:
    phase = Phase(weight=weight)
    known = {"rating": 42.0, "regression_rating": 42.0, "cost": 0.0, "latency_p95": 0.0}
    phase.tell(references=known)
    for number in range(30):
        phase.both(*ODD[name], seconds=30)
        if number == 15:
            phase.tell(references=dict.fromkeys(known, 1.0))
        wealth = columns_of(bank_of(phase.policy), phase.evidence).wealth
        assert np.isfinite(wealth).all()
        assert all(np.isfinite(at) for row in phase.combined.tests.values() for at in row)
        for verdict in phase.verdicts.values():
            assert verdict.reason in Reason
            assert verdict.sentence
            numbers = [x for x in verdict.evidence.values() if isinstance(x, float)]
            assert np.isfinite(numbers).all()


def test_ratings_outside_the_scale_count_as_its_ends() -> None:
    odd, ends = Phase(), Phase()
    for phase in (odd, ends):
        phase.tell(references={"rating": 40.0, "regression_rating": 40.0})
    for _ in range(4):
        odd.both(ratings([0, 0, 4, 9, 9]), ratings([4, 4, 9, 9, 0]))
        ends.both(ratings([1, 1, 4, 5, 5]), ratings([4, 4, 5, 5, 1]))
    both = [columns_of(bank_of(phase.policy), phase.evidence).wealth for phase in (odd, ends)]
    assert (both[0] == both[1]).all()
    assert both[0].max() > -900


def test_a_label_flagged_more_often_than_given_proves_nothing() -> None:
    phase = Phase()
    for _ in range(50):
        phase.both(labels("hallucination", 5, 50), labels("hallucination", 50, 0))
    assert all(np.isfinite(phase.combined.tests["hallucination"]))


def test_a_policy_that_proves_nothing_by_evidence_has_none() -> None:
    content = policy_content()
    content["triggers"] = [row for row in content["triggers"] if row["name"] == "safety"]
    phase = Phase(parse_policy(content))
    for _ in range(3):
        phase.both(BAD, GOOD)
    assert phase.evidence.requests == 150
    assert not phase.verdicts
    assert not phase.combined.proven


def test_every_trigger_of_the_default_policy_has_a_plan() -> None:
    bank = bank_of(Phase().policy)
    assert [plan_of(trigger) for trigger in bank.triggers] == list(bank.plans)


def test_what_proves_a_breach_in_one_look_took_the_time_since_the_look_before() -> None:
    phase = Phase()
    phase.both(GOOD, GOOD)
    for _ in range(20):
        phase.both(BAD, GOOD)
        if "error_rate" in phase.combined.proven:
            break
    evidence = phase.verdicts["error_rate"].evidence
    looks = evidence["candidate_samples"] // 50
    assert evidence["took_ms"] == 500 * looks > 0
