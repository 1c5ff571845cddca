"""A/B tests: fixed arms, verdicts that hold at any reading, guards for every arm, and an end."""

from __future__ import annotations

from dataclasses import replace

from headgate.release.courses.comparing import of_rollout
from headgate.release.status import model_status
from headgate.vocabulary import AbVerdict, AlertKind, AlertState, Mode, Status, Topic
from headgate.wire.messages import AUDIT
from headgate.wire.reports import TestCriterion, TestReport
from headgate.wire.rollout_requests import (
    Advance,
    Pause,
    Promote,
    Resume,
    Rollback,
    SetMode,
    SetWeight,
    Skip,
    StopTest,
)
from support.courses import ERRORS, GOOD, RATING, adopted, start_ab, start_canary, weights
from support.ledger import LedgerBench, Traffic

RATED = Traffic(requests=40, error_rate=0.02, rating=4.0, slotted=True)
BETTER = replace(RATED, rating=4.6)
FAILING = replace(RATED, error_rate=0.3)


def _report(bench: LedgerBench) -> TestReport:
    comparing = of_rollout(bench.model)
    assert comparing is not None
    assert comparing.report is not None
    return comparing.report


def _tested(*arms: tuple[str, int]) -> LedgerBench:
    bench = adopted()
    bench.serve(10, v1=RATED)
    answer = start_ab(bench, *(arms or (("v2", 5_000), ("v1", 5_000))))
    assert answer.event == "accepted", answer.sentence
    return bench


def test_a_better_version_wins_and_somebody_stops_the_test() -> None:
    bench = _tested()
    bench.serve(120, v1=RATED, v2=BETTER)
    report = _report(bench)
    assert (report.verdict, report.leaders) == (AbVerdict.WINNER, ("v2",))
    assert [arm.requests for arm in report.arms] == [9_600, 9_600]
    told = [alert for alert in bench.alerts if alert.kind is AlertKind.ROLLOUT_WAITING]
    assert "v2 wins" in told[0].sentence
    assert told[0].commands[1:] == (
        "headgate ab stop support --winner v2",
        "headgate ab report support",
    )
    assert [row.event for row in bench.audit].count("test_decided") == 1
    assert all(AUDIT.decode(row.value) for row in bench.records if row.topic is Topic.AUDIT)
    assert bench.request(StopTest, winner="v2").event == "accepted"
    assert (bench.model.production, bench.model.previous) == ("v2", "v1")


def test_a_test_that_is_decided_still_asks_to_be_stopped_after_a_pause() -> None:
    bench = _tested()
    bench.serve(120, v1=RATED, v2=BETTER)
    assert bench.request(Pause).event == "accepted"
    assert bench.request(Resume).event == "accepted"
    bench.serve(10, v1=RATED, v2=BETTER)
    (waiting,) = bench.model.incidents.values()
    assert waiting.kind is AlertKind.ROLLOUT_WAITING
    bench.request(StopTest, winner="v2")
    assert bench.alerts[-1].alert_id == waiting.alert_id
    assert bench.alerts[-1].state is AlertState.RESOLVED


def test_what_a_test_said_last_can_still_be_read_when_it_has_ended() -> None:
    bench = _tested()
    bench.serve(120, v1=RATED, v2=BETTER)
    last = _report(bench)
    assert model_status(bench.state, bench.model).last_report is None
    bench.request(StopTest, winner="v2")
    assert bench.model.rollout is None
    assert model_status(bench.state, bench.model).last_report == last


def test_three_arms_are_compared_pair_by_pair() -> None:
    bench = _tested(("v2", 3_000), ("v3", 3_000), ("v1", 4_000))
    assert weights(bench)[-1] == {"v2": 3_000, "v3": 3_000, "v1": 4_000}
    bench.serve(60, v1=RATED, v2=RATED, v3=BETTER)
    report = _report(bench)
    assert len(report.pairs) == 3 * 2
    assert (report.verdict, report.leaders) == (AbVerdict.WINNER, ("v3",))


def test_an_arm_that_fails_is_taken_out_and_the_others_go_on() -> None:
    bench = _tested(("v2", 3_000), ("v3", 3_000), ("v1", 4_000))
    bench.serve(60, v1=RATED, v2=FAILING, v3=RATED)
    assert weights(bench)[-1] == {"v3": 3_000, "v1": 7_000}
    assert bench.model.versions["v2"].status is Status.STAGING
    assert bench.model.rolled_back_by.keys() == {"v2"}
    assert [arm.version for arm in _report(bench).arms] == ["v3", "v1"]
    bench.serve(60, v1=RATED, v3=FAILING)
    assert weights(bench)[-1] == {"v1": 10_000}
    assert bench.model.rollout is None


def test_what_an_arm_that_was_taken_out_still_answers_voids_nothing() -> None:
    bench = _tested(("v2", 3_000), ("v3", 3_000), ("v1", 4_000))
    before = bench.commands[-1].revision
    bench.serve(60, v1=RATED, v2=FAILING, v3=RATED)
    assert weights(bench)[-1] == {"v3": 3_000, "v1": 7_000}
    late = replace(FAILING, requests=4, buckets=(0, 2_900), revision=before)
    bench.serve(5, v1=RATED, v2=late, v3=RATED)
    told = {alert.kind for alert in bench.alerts}
    assert not told & {AlertKind.MISROUTED, AlertKind.TEST_VOID}
    assert not _report(bench).void


def test_a_step_of_a_test_is_refused_with_what_ends_one() -> None:
    refused = _tested().request(Advance)
    assert refused.event == "refused"
    assert "An A/B test has no steps" in refused.sentence
    assert refused.remedy == "headgate ab report support, then headgate ab stop support"


def test_without_a_difference_nobody_wins_and_stable_serves_again() -> None:
    bench = _tested()
    bench.serve(120, v1=RATED, v2=RATED)
    assert _report(bench).verdict in {AbVerdict.NOT_ENOUGH, AbVerdict.NO_DIFFERENCE}
    assert bench.request(StopTest).event == "accepted"
    assert weights(bench)[-1] == {"v1": 10_000}
    assert bench.model.versions["v2"].status is Status.STAGING
    assert not bench.model.versions["v2"].rolled_back
    assert bench.model.production == "v1"


def test_a_winner_that_is_not_proven_waits_for_a_second_person() -> None:
    bench = _tested()
    bench.serve(2, v1=RATED, v2=RATED)
    assert bench.request(StopTest, winner="v2").event == "waiting"
    assert bench.request(StopTest, winner="v9").event == "refused"


def test_misrouted_requests_void_the_test_for_good() -> None:
    bench = _tested()
    bench.serve(30, v1=RATED, v2=BETTER)
    bench.serve(2, v1=replace(RATED, buckets=(0, 10)), v2=BETTER)
    bench.serve(400, v1=RATED, v2=BETTER)
    report = _report(bench)
    assert "another version than their router chose" in report.void
    voids = [alert for alert in bench.alerts if alert.kind is AlertKind.TEST_VOID]
    assert len(voids) == 1


def test_a_review_that_begins_anew_while_it_is_misled_keeps_its_alert() -> None:
    bench = adopted(canary={"steps": [{"weight": 5000, "hold": "1h", "review": True}]})
    start_canary(bench)
    bench.serve(10, v1=RATED, v2=RATED)
    bench.serve(2, v1=replace(RATED, buckets=(0, 10)), v2=RATED)
    bench.request(SetWeight, weight=6_000)
    bench.serve(10, v1=RATED, v2=RATED)
    assert _voids(bench) == [AlertState.FIRING]
    bench.serve(310, v1=RATED, v2=RATED)  # nothing misleads any more
    bench.request(SetWeight, weight=7_000)
    bench.serve(2, v1=RATED, v2=RATED)
    assert _voids(bench) == [AlertState.FIRING, AlertState.RESOLVED]
    bench.serve(2, v1=replace(RATED, buckets=(0, 10)), v2=RATED)
    assert _voids(bench) == [AlertState.FIRING, AlertState.RESOLVED, AlertState.FIRING]


def test_a_canary_whose_review_was_void_is_resumed_with_a_new_one() -> None:
    bench = adopted(canary={"steps": [{"weight": 5000, "hold": "6m", "review": True}]})
    start_canary(bench)
    bench.serve(2, v1=replace(RATED, buckets=(0, 10)), v2=RATED)
    bench.serve(370, v1=RATED, v2=RATED)
    (waits,) = [a.sentence for a in bench.alerts if a.kind is AlertKind.ROLLOUT_WAITING]
    assert "its review proves nothing" in waits
    assert bench.request(Resume).event == "accepted"
    bench.serve(370, v1=RATED, v2=RATED)
    assert bench.model.production == "v2"
    assert _voids(bench) == [AlertState.FIRING, AlertState.RESOLVED]


def _voids(bench: LedgerBench) -> list[AlertState]:
    return [alert.state for alert in bench.alerts if alert.kind is AlertKind.TEST_VOID]


def test_what_a_test_said_at_its_end_has_all_that_came_by_then() -> None:
    bench = _tested()
    bench.serve(125, v1=RATED, v2=BETTER)
    assert _report(bench).requests < 20_000
    answer = bench.request(StopTest)
    assert "v1 serves everything again. It said: v2 wins." in answer.sentence
    last = bench.model.last_report
    assert last is not None
    assert (last.requests, last.at_ms) == (20_000, bench.now_ms)


def test_shares_are_fixed_and_it_ends_only_by_stopping() -> None:
    bench = _tested()
    assert bench.request(SetWeight, weight=100).event == "refused"
    assert bench.request(Promote, operator="ann").event == "refused"
    assert bench.request(StopTest, if_revision=1).event == "refused"


def test_arms_that_do_not_hold_together_are_refused_with_the_reason() -> None:
    bench = adopted()
    for arms, said in (
        ((("v2", 5_000), ("v1", 4_000)), "sum to 9000"),
        ((("v2", 5_000), ("v2", 1_000), ("v1", 4_000)), "the same version"),
        ((("v2", 10_000), ("v1", 0)), "nothing is left for v1"),
    ):
        answer = start_ab(bench, *arms)
        assert answer.event == "refused"
        assert said in answer.sentence
    twice = start_ab(bench, ("v2", 5_000), ("v1", 5_000), criteria=(RATING, RATING))
    assert "criterion already" in twice.sentence
    assert bench.request(StopTest).event == "refused"


def test_the_review_of_a_canary_that_is_worse_waits_for_a_person() -> None:
    steps = [{"weight": 5000, "hold": "3m", "review": True}, {"weight": 9000, "hold": "1m"}]
    bench = adopted(canary={"steps": steps})
    bench.serve(10, v1=RATED)
    start_canary(bench)
    bench.serve(200, v1=replace(RATED, rating=4.4), v2=replace(RATED, rating=4.37, latency_ms=900))
    waiting = [a.sentence for a in bench.alerts if a.kind is AlertKind.ROLLOUT_WAITING]
    assert "its review speaks against it" in waiting[0]
    assert "latency" in waiting[0]
    assert [row.event for row in bench.audit].count("reviewed") == 1


def test_past_a_review_that_speaks_against_it_two_people_promote_and_nobody_advances() -> None:
    bench = adopted(canary={"steps": [{"weight": 5000, "hold": "3m", "review": True}]})
    liked = replace(RATED, rating=4.6)
    bench.serve(10, v1=liked)
    start_canary(bench)
    bench.serve(200, v1=liked, v2=replace(RATED, rating=4.4))
    status = model_status(bench.state, bench.model).rollout
    assert status is not None
    assert "its review speaks against it" in status.waits
    assert not status.lacking
    assert "headgate rollout advance support" not in status.can
    refused = bench.request(Advance)
    assert (refused.event, "its review speaks against it" in refused.sentence) == ("refused", True)
    assert bench.request(Skip, reason="the new look").event == "waiting"
    assert bench.request(Promote).event == "waiting"
    assert bench.model.production == "v1"


def test_a_review_that_could_not_tell_anything_says_so_where_it_lets_a_canary_go_on() -> None:
    steps = [{"weight": 5000, "hold": "3m", "review": True}, {"weight": 9000, "hold": "1m"}]
    bench = adopted(canary={"steps": steps})
    start_canary(bench)
    bench.serve(200, v1=GOOD, v2=GOOD)  # whom nobody rates
    (reviewed,) = [row for row in bench.audit if row.event == "reviewed"]
    assert reviewed.sentence.endswith("nothing speaks against it. Not enough data yet.")
    assert weights(bench)[-1] == {"v2": 9_000, "v1": 1_000}


def test_in_observe_mode_a_review_is_not_written_again_and_again() -> None:
    steps = [{"weight": 5000, "hold": "2m", "review": True}, {"weight": 9000, "hold": "1m"}]
    bench = adopted(canary={"steps": steps})
    start_canary(bench)
    bench.request(SetMode, mode=Mode.OBSERVE)
    bench.serve(180, v1=RATED, v2=RATED)
    told = [row.event for row in bench.audit]
    assert (told.count("reviewed"), told.count("decision")) == (0, 1)


def test_arms_that_were_rolled_back_start_again_by_naming_every_decision() -> None:
    bench = adopted()
    for version in ("v2", "v3"):
        start_canary(bench, version)
        bench.request(Rollback)
    arms = (("v2", 3_000), ("v3", 3_000), ("v1", 4_000))
    refused = start_ab(bench, *arms)
    both = refused.remedy.partition("--overrides ")[2]
    assert set(both.split(",")) == set(bench.model.rolled_back_by.values())
    assert start_ab(bench, *arms, overrides=both.split(",")[0]).event == "refused"
    other = start_ab(bench, *arms, overrides="d-0-1-other")
    assert other.sentence == "None of v2 and v3 was rolled back by d-0-1-other."
    assert other.remedy == f"Say --overrides {both}."
    assert start_ab(bench, *arms, overrides=both).event == "accepted"


def test_an_arm_taken_out_begins_a_comparison_whose_first_reading_is_foretold() -> None:
    bench = _tested(("v2", 3_000), ("v3", 3_000), ("v1", 4_000))
    bench.serve(11, v1=RATED, v2=RATED, v3=RATED)
    bench.request(Rollback, version="v3")
    rollout = model_status(bench.state, bench.model).rollout
    assert rollout is not None
    assert (rollout.report, rollout.compared_since_ms) == (None, bench.now_ms)
    assert rollout.reading_at_ms == bench.now_ms + 10_000


def test_a_test_is_told_of_as_a_test_of_all_its_arms() -> None:
    bench = _tested(("v2", 2_500), ("v3", 2_500), ("v1", 5_000))
    paused = bench.request(Pause)
    assert paused.sentence.startswith("Paused the A/B test of v2, v3 and v1;")
    assert "The A/B test of v2, v3 and v1 is paused by ann" in bench.request(Pause).sentence
    resumed = [bench.request(Resume).sentence for _ in range(2)]
    assert resumed == [
        "Resumed the A/B test of v2, v3 and v1.",
        "The A/B test of v2, v3 and v1 is not paused.",
    ]
    assert "The A/B test of v2, v3 and v1 is running" in start_canary(bench, "v4").sentence


def test_every_arm_of_a_test_is_a_candidate_and_none_alone_is_asked_for_its_proof() -> None:
    bench = _tested(("v2", 3_000), ("v3", 3_000), ("v1", 4_000))
    bench.serve(3, v1=RATED, v2=RATED, v3=RATED)
    status = model_status(bench.state, bench.model)
    roles = {row.version: row.role for row in status.versions}
    assert roles == {"v1": "stable", "v2": "candidate", "v3": "candidate"}
    assert status.rollout is not None
    assert status.rollout.lacking == ()


def test_a_test_that_nobody_will_see_decided_says_what_to_change() -> None:
    bench = adopted()
    tiny = TestCriterion(metric="error_rate", better="lower", matters=0.0001)
    hopeless = start_ab(bench, ("v2", 1), ("v1", 9_999), criteria=(tiny,))
    assert "more than 1,000,000,000 samples are needed" in hopeless.sentence
    assert "a larger difference (--criterion) or larger shares (--arm)" in hopeless.sentence
    bench.request(StopTest)
    unknown = start_ab(bench, ("v2", 5_000), ("v1", 5_000), criteria=(RATING,))
    assert "too little is counted of v1 so far" in unknown.sentence
    bench.request(StopTest)
    foretold = start_ab(bench, ("v2", 5_000), ("v1", 5_000), criteria=(ERRORS,))
    assert "requests are needed." in foretold.sentence
    assert "nobody" not in foretold.sentence


def test_a_test_replays_to_the_same_bytes() -> None:
    bench = _tested(("v2", 3_000), ("v3", 3_000), ("v1", 4_000))
    bench.serve(60, v1=RATED, v2=FAILING, v3=RATED)
    assert bench.replayed() == bench.records
