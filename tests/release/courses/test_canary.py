"""Canaries: they go up step by step on proof, and wait, pause or fall back without."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from headgate.release.courses.course import Canary
from headgate.release.status import model_status
from headgate.vocabulary import Action, AlertKind, AlertState, Mode, RolloutKind
from headgate.wire.key_requests import Approve
from headgate.wire.rollout_requests import (
    Advance,
    Pause,
    Promote,
    Resume,
    Rollback,
    SetMode,
    SetWeight,
    Skip,
    SplitRequest,
    Step,
)
from support.courses import BAD, GOOD, adopted, quick_policy, start_canary, weights
from support.ledger import LedgerBench, Traffic, policy_content


def _course(bench: LedgerBench) -> Canary:
    rollout = bench.model.rollout
    assert rollout is not None
    assert isinstance(rollout.course, Canary)
    return rollout.course


def _waiting(bench: LedgerBench) -> list[str]:
    kind = AlertKind.ROLLOUT_WAITING
    return [a.sentence for a in bench.alerts if a.kind is kind and a.state is AlertState.FIRING]


def test_a_healthy_canary_goes_through_its_steps_and_is_promoted() -> None:
    bench = adopted()
    assert start_canary(bench).event == "accepted"
    bench.serve(500, v1=GOOD, v2=GOOD)
    assert bench.model.production == "v2"
    assert weights(bench) == [
        {"v1": 10_000},
        {"v2": 1_000, "v1": 9_000},
        {"v2": 5_000, "v1": 5_000},
        {"v2": 10_000},
    ]
    decisions = [row for row in bench.audit if row.event == "decision"]
    assert [row.after["weights"]["v2"] for row in decisions] == [5_000, 10_000]
    assert all(row.reasons and row.decision_id for row in decisions)
    assert {row.trigger for row in decisions[0].reasons} >= {"error_rate", "latency_p95"}


def test_at_all_of_the_traffic_a_canary_is_held_against_what_stable_did_until_then() -> None:
    bench = LedgerBench()
    steps = [{"weight": 5000, "hold": "1m"}, {"weight": 10_000, "hold": "1h"}]
    bench.adopt(quick_policy(canary={"steps": steps, "early": True}))
    start_canary(bench)  # nothing is recorded of stable yet
    for _ in range(100):
        bench.serve(5, v1=GOOD, v2=GOOD)
        if weights(bench)[-1] == {"v2": 10_000, "v1": 0}:
            break
    bench.serve(20, v2=replace(GOOD, latency_ms=4_000.0))
    assert bench.commands[-1].action is Action.ROLLBACK
    assert "the recorded performance of v1" in bench.commands[-1].reasons[0].sentence


def test_by_hand_too_all_of_the_traffic_is_held_against_what_stable_did_until_then() -> None:
    bench = LedgerBench()
    bench.adopt(quick_policy())
    bench.start(5_000)
    bench.serve(60, v1=GOOD, v2=GOOD)
    assert bench.request(SetWeight, weight=10_000).event == "accepted"
    bench.serve(20, v2=replace(GOOD, latency_ms=4_000.0))
    assert bench.commands[-1].action is Action.ROLLBACK
    assert "the recorded performance of v1" in bench.commands[-1].reasons[0].sentence


def test_no_step_ends_before_its_hold() -> None:
    bench = adopted()
    start_canary(bench)
    began_ms = bench.now_ms
    bench.serve(500, v1=GOOD, v2=GOOD)
    issued = [command.issued_at_ms for command in bench.commands[1:]]
    assert issued[1] - began_ms >= 60_000
    assert issued[2] - issued[1] >= 120_000


def test_an_early_canary_advances_as_soon_as_it_is_proven() -> None:
    slow = [{"weight": 1000, "hold": "1w"}, {"weight": 5000, "hold": "1w"}]
    bench = adopted(canary={"steps": slow, "early": True})
    start_canary(bench)
    bench.serve(500, v1=GOOD, v2=GOOD)
    assert bench.model.production == "v2"


def test_without_proof_it_waits_for_a_person_and_says_what_is_lacking() -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(125, v1=GOOD, v2=Traffic(requests=3, error_rate=0.02))
    assert len(_waiting(bench)) == 1
    assert "error_rate: evidence" in _waiting(bench)[0]
    assert "more requests" in _waiting(bench)[0]
    bench.serve(200, v1=GOOD, v2=GOOD)  # now it could, but a person was asked
    assert _course(bench).at == 0
    assert bench.request(Advance).event == "accepted"
    assert _course(bench).at == 1
    resolved = [a for a in bench.alerts if a.state is AlertState.RESOLVED]
    assert AlertKind.ROLLOUT_WAITING in {alert.kind for alert in resolved}


def test_advance_needs_the_proof_but_not_the_hold_and_skip_needs_neither() -> None:
    bench = adopted(
        canary={"steps": [{"weight": 1000, "hold": "1w"}, {"weight": 5000, "hold": "1w"}]}
    )
    start_canary(bench)
    refused = bench.request(Advance)
    assert (refused.event, "not proven good" in refused.sentence) == ("refused", True)
    bench.serve(200, v1=GOOD, v2=GOOD)
    assert bench.request(Advance).event == "accepted"
    assert weights(bench)[-1] == {"v2": 5_000, "v1": 5_000}
    assert bench.request(Skip).event == "refused"  # without a reason
    assert bench.request(Skip, reason="we know").event == "waiting"  # it would promote
    assert bench.model.production == "v1"


def test_the_last_step_is_ended_early_by_two_people_whichever_way_is_asked() -> None:
    for kind in (Promote, Advance, Skip):
        bench = adopted(canary={"steps": [{"weight": 5000, "hold": "1w"}]})
        start_canary(bench)
        bench.serve(200, v1=GOOD, v2=GOOD)
        assert bench.request(kind, reason="in a hurry").event == "waiting"
        assert bench.model.production == "v1"


def test_a_bad_canary_is_rolled_back_and_never_goes_on() -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(120, v1=GOOD, v2=BAD)
    assert [c.action for c in bench.commands][-1] is Action.ROLLBACK
    assert bench.model.rollout is None
    assert weights(bench)[-1] == {"v1": 10_000}


def test_a_rolled_back_version_starts_again_only_by_naming_the_decision() -> None:
    bench = adopted()
    start_canary(bench)
    bench.request(Rollback)
    decision = bench.commands[-1].decision_id
    refused = start_canary(bench)
    assert (refused.event, decision in refused.remedy) == ("refused", True)
    other = start_canary(bench, overrides="d-0-1-other")
    assert (other.event, other.remedy) == ("refused", f"Say --overrides {decision}.")
    needless = start_canary(bench, candidate="v3", overrides=decision)
    assert (needless.event, needless.remedy) == ("refused", "Leave --overrides out.")
    started = start_canary(bench, overrides=decision, reason="mended")
    assert started.event == "accepted"
    told = f" ann overrides decision {decision}, which rolled v2 back."
    assert started.sentence.endswith(told)
    assert started.operator_reason == "mended"


def test_a_paused_canary_stays_but_is_still_rolled_back() -> None:
    bench = adopted()
    start_canary(bench)
    assert bench.request(Pause).event == "accepted"
    assert bench.request(Pause).event == "refused"
    bench.serve(200, v1=GOOD, v2=GOOD)
    assert _course(bench).at == 0
    assert bench.request(Advance).event == "refused"
    bench.serve(60, v1=GOOD, v2=BAD)
    assert bench.model.rollout is None


def test_the_time_of_a_pause_counts_for_no_hold() -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(10, v1=GOOD, v2=GOOD)
    bench.request(Pause)
    bench.serve(100, v1=GOOD, v2=GOOD)
    assert bench.request(Resume).event == "accepted"
    assert bench.request(Resume).event == "refused"
    bench.serve(49, v1=GOOD, v2=GOOD)
    assert _course(bench).at == 0
    bench.serve(60, v1=GOOD, v2=GOOD)
    assert _course(bench).at == 1


def test_a_metric_that_stays_unknown_pauses_the_rollout() -> None:
    bench = adopted(canary={"steps": [{"weight": 1000, "hold": "1h"}]})
    start_canary(bench)
    bench.serve(130, v1=GOOD)  # the candidate is not heard at all
    rollout = bench.model.rollout
    assert rollout is not None
    assert rollout.paused is not None
    assert "unknown for 2 min" in _waiting(bench)[0]
    assert bench.request(Resume).event == "accepted"


def test_a_freeze_holds_the_canary_and_no_rollback() -> None:
    freeze = {"since": "2023-11-14T22:14", "until": "2023-11-16T00:00", "reason": "fair"}
    bench = adopted(calendar={"freezes": [freeze]})
    assert start_canary(bench).event == "accepted"  # nine seconds before it
    bench.serve(200, v1=GOOD, v2=GOOD)
    assert _course(bench).at == 0
    refused = bench.request(Advance)
    assert (refused.event, "fair" in refused.sentence) == ("refused", True)
    bench.serve(60, v1=GOOD, v2=BAD)
    assert bench.model.rollout is None


def test_in_observe_mode_nothing_goes_on_and_that_is_told_once() -> None:
    bench = adopted()
    start_canary(bench)
    bench.request(SetMode, mode=Mode.OBSERVE)
    bench.serve(115, v1=GOOD, v2=GOOD)
    assert _course(bench).at == 0
    told = [row for row in bench.audit if row.event == "decision" and row.would_have]
    assert len(told) == 1


def test_a_weight_set_by_hand_is_no_new_step_and_the_next_step_never_lowers_it() -> None:
    bench = adopted()
    start_canary(bench)
    before = bench.model.watched["v2"].evidence
    assert bench.request(SetWeight, weight=7_000).event == "accepted"
    after = bench.model.watched["v2"].evidence
    assert before is not None
    assert after is not None
    assert after.started_ms == before.started_ms
    bench.serve(115, v1=GOOD, v2=GOOD)
    assert weights(bench)[-1] == {"v2": 7_000, "v1": 3_000}
    assert _course(bench).at == 1


def test_a_promotion_before_its_time_waits_for_a_second_person() -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(5, v1=GOOD, v2=GOOD)
    asked = bench.request(Promote)
    assert asked.event == "waiting"
    approval = {"approves": asked.request_id, "digest": asked.details["digest"]}
    assert bench.request(Approve, operator="bob", **approval).event == "accepted"
    assert bench.model.production == "v2"


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (SetWeight, {"weight": 8_000}),
        (SetWeight, {"weight": 2_000}),  # the very same
        (Advance, {}),
        (Skip, {"reason": "known"}),
        (Promote, {}),
    ],
)
def test_of_two_operators_who_saw_the_same_split_the_second_is_refused(
    kind: type[SplitRequest], fields: dict[str, Any]
) -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(30, v1=GOOD, v2=GOOD)
    seen = bench.commands[-1].revision
    assert bench.request(SetWeight, weight=2_000, if_revision=seen).event == "accepted"
    refused = bench.request(kind, operator="bob", if_revision=seen, **fields)
    assert refused.event == "refused"
    assert "ann changed the split meanwhile" in refused.sentence
    assert "headgate status support" in refused.remedy
    assert weights(bench)[-1] == {"v2": 2_000, "v1": 8_000}


def test_all_of_the_traffic_by_hand_is_a_promotion_and_asks_for_what_one_asks_for() -> None:
    steps = [{"weight": 1000, "hold": "1m", "review": True}, {"weight": 10_000, "hold": "1m"}]
    bench = adopted(canary={"steps": steps})
    start_canary(bench)
    for weight in (10_000, 9_901):
        refused = bench.request(SetWeight, weight=weight)
        assert (refused.event, refused.remedy[:29]) == ("refused", "headgate rollout promote supp")
        assert "its review would be passed over" in refused.sentence
    assert bench.request(SetWeight, weight=9_900).event == "accepted"
    bench.serve(70, v1=GOOD, v2=GOOD)
    assert _course(bench).at == 1  # where all of it is what the step says
    assert bench.request(SetWeight, weight=100).event == "accepted"
    assert bench.request(SetWeight, weight=10_000).event == "accepted"


@pytest.mark.parametrize(("now", "said"), [(GOOD, "v2 takes 50 %"), (BAD, "error_rate: ")])
def test_what_a_threshold_requires_is_judged_where_somebody_goes_on(
    now: Traffic, said: str
) -> None:
    triggers = deepcopy(policy_content()["triggers"])
    (errors,) = [row for row in triggers if row["name"] == "error_rate"]
    del errors["beside_stable"]
    errors |= {"proof": "threshold", "window": "10s", "for": "1h", "min_samples": 20}
    bench = adopted(triggers=triggers)
    start_canary(bench)
    bench.serve(40, v1=GOOD, v2=GOOD)
    bench.serve(2, v1=GOOD, v2=now)
    assert said in bench.request(Advance).sentence


def test_steps_that_fall_or_hold_for_nothing_are_refused() -> None:
    bench = adopted()
    second = Step(weight=500, hold_ms=1_000, max_hold_ms=2_000)
    falls = (Step(weight=1_000, hold_ms=1_000, max_hold_ms=2_000), second)
    short = Step(weight=500, hold_ms=9, max_hold_ms=1)
    alone = Step(weight=10_000, hold_ms=1_000, max_hold_ms=2_000, review=True)
    for steps in (falls, (second, second), (short,), (second, alone)):
        assert start_canary(bench, steps=steps).event == "refused"
    assert bench.start(500, kind=RolloutKind.CANARY).event == "refused"  # that is a manual one's
    everything = start_canary(bench, steps=(structs.replace(alone, review=False),))
    assert (everything.event, weights(bench)) == ("refused", [{"v1": 10_000}])
    assert "the first one gives 100 % at once, before anything is proven" in everything.sentence
    assert start_canary(bench, steps=(second,)).event == "accepted"


def test_a_canary_replays_to_the_same_bytes() -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(500, v1=GOOD, v2=GOOD)
    assert bench.replayed() == bench.records


def test_a_policy_that_requires_no_proof_goes_on_by_time_but_never_while_telemetry_is_stale() -> (
    None
):
    policy = quick_policy()
    policy["triggers"] = [{**row, "proven_good": "no"} for row in policy["triggers"]]
    bench = LedgerBench()
    bench.adopt(policy)
    bench.serve(30, v1=GOOD)
    start_canary(bench)
    bench.serve(30, v1=GOOD, v2=GOOD)
    for _ in range(60):
        bench.tick()
    assert weights(bench)[-1] == {"v2": 1_000, "v1": 9_000}
    bench.serve(5, v1=GOOD, v2=GOOD)
    assert weights(bench)[-1] == {"v2": 5_000, "v1": 5_000}


def test_a_review_that_was_taken_away_by_hand_is_not_passed_over() -> None:
    bench = adopted(canary={"steps": [{"weight": 5_000, "hold": "2m", "review": True}]})
    start_canary(bench)
    bench.serve(60, v1=GOOD, v2=GOOD)
    assert bench.request(SetWeight, weight=0).event == "accepted"
    bench.serve(120, v1=GOOD)
    assert bench.model.production == "v1"
    assert "nobody to compare with" in _waiting(bench)[-1]
    assert bench.request(SetWeight, weight=5_000).event == "accepted"
    bench.request(Resume)
    bench.serve(150, v1=GOOD, v2=GOOD)
    assert bench.model.production == "v2"


def test_who_was_given_nothing_by_hand_gets_nothing_by_itself() -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(50, v1=GOOD, v2=GOOD)
    assert bench.request(SetWeight, weight=0).event == "accepted"
    told = model_status(bench.state, bench.model).rollout
    assert told is not None
    assert told.next == "Nothing by itself: the candidate was given nothing of the traffic."
    bench.serve(30, v1=GOOD)
    assert weights(bench)[-1] == {"v2": 0, "v1": 10_000}
    assert "v2 was given nothing of the traffic" in _waiting(bench)[-1]
    assert bench.request(Skip, reason="that was somebody else's fault").event == "accepted"
    assert weights(bench)[-1] == {"v2": 5_000, "v1": 5_000}
