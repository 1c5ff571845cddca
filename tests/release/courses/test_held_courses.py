"""What holds a rollout holds whoever wants it to go on, and what comes late misleads nobody."""

from __future__ import annotations

from headgate.release.status import model_status
from headgate.vocabulary import Action, AlertKind, Mode
from headgate.wire.key_requests import Approve
from headgate.wire.registry import CompatibilityRule, VersionNeeds, VersionSpec
from headgate.wire.registry_requests import RegisterVersion, SetCompatibility
from headgate.wire.rollout_requests import (
    Advance,
    ApplyPolicy,
    Pause,
    Promote,
    ReportCheck,
    Rollback,
    SetMode,
    SetWeight,
    Skip,
)
from support.course_calendar import FROZEN
from support.course_stage import Stage
from support.courses import (
    BAD,
    GOOD,
    adopted,
    quick_policy,
    start_ab,
    start_blue_green,
    start_canary,
)
from support.ledger import LedgerBench, Traffic

FAST = Traffic(requests=900, error_rate=0.02)
FAIR = {
    "freezes": [{"since": "2023-11-14T00:00", "until": "2023-11-16T00:00", "reason": "fair"}],
    "business_hours": {"since": "09:00", "until": "17:00"},
}
LONG = [{"weight": 1000, "hold": "1w"}, {"weight": 5000, "hold": "1w"}]


def _staged(pace: float = 5.0) -> Stage:
    """v1 in production, heard for some looks, a router that counts what it chose."""
    stage = Stage(pace=pace)
    stage.adopt(quick_policy())
    stage.show(8, {"v1": FAST})
    return stage


def _cut_over(bench: LedgerBench, green: str = "v2", blue: str = "v1") -> None:
    start_blue_green(bench, green, stable=blue)
    for check in ("answers", "schema"):
        bench.request(ReportCheck, version=green, check=check, passed=True)
    bench.serve(1, **{blue: GOOD})
    assert bench.request(Advance).event == "accepted"


def test_a_step_that_begins_makes_nobody_silent() -> None:
    stage = _staged()
    start_canary(stage)
    stage.show(60, {"v1": FAST, "v2": FAST})
    assert [row.action for row in stage.commands][-1] is Action.PROMOTE
    kinds = {alert.kind for alert in stage.alerts}
    assert AlertKind.UNEVEN_COMPLETENESS not in kinds


def test_a_router_whose_acks_got_lost_makes_nobody_silent() -> None:
    stage = _staged()
    stage.start(5_000)
    for deaf in (False, True, False):
        stage.deaf = deaf
        stage.show(12, {"v1": FAST, "v2": FAST})
    assert stage.model.rollout is not None


def test_a_version_that_gets_nothing_more_is_not_silent_for_what_was_told_late() -> None:
    stage = _staged()
    stage.start(5_000)
    stage.show(12, {"v1": FAST, "v2": FAST})
    stage.deaf = True
    stage.show(2, {"v1": FAST, "v2": FAST})
    stage.request(SetWeight, weight=0)
    stage.deaf = False
    stage.show(12, {"v1": FAST})
    assert stage.model.rollout is not None


def test_who_is_silent_behind_a_router_that_was_not_heard_is_found_all_the_same() -> None:
    stage = _staged()
    stage.start(5_000)
    stage.silent = frozenset({"v2"})
    for deaf in (True, False):
        stage.deaf = deaf
        stage.show(12, {"v1": FAST, "v2": FAST})
    assert stage.commands[-1].action is Action.ROLLBACK


def test_what_is_served_under_a_split_that_was_given_again_still_counts() -> None:
    bench = adopted()
    bench.start(5_000)
    bench.ack(decision_id="d-of-another")
    bench.serve(30, v1=GOOD, v2=BAD)
    assert bench.commands[-1].action is Action.ROLLBACK
    assert bench.commands[-1].reasons


def test_a_rollback_that_is_given_again_has_no_more_time_than_it_had() -> None:
    bench = adopted()
    bench.start(5_000)
    bench.request(Rollback)
    bench.tick(5)
    bench.ack("r2", decision_id="d-of-another")
    first, again = bench.commands[-2:]
    assert again.revision == first.revision + 1
    assert again.recover_by_ms == first.recover_by_ms


def test_a_pause_or_a_freeze_holds_a_weight_and_a_promotion_by_hand_but_no_step_back() -> None:
    for hold in ("pause", "freeze"):
        bench = adopted()
        bench.start(5_000)
        if hold == "pause":
            bench.request(Pause)
        else:
            bench.request(ApplyPolicy, policy=quick_policy(calendar=FROZEN))
        assert bench.request(SetWeight, weight=6_000).event == "refused"
        assert bench.request(Promote).event == "refused"
        assert bench.request(SetWeight, weight=100).event == "accepted"
        assert bench.request(Rollback).event == "accepted"


def test_in_a_freeze_no_rollout_begins_that_gives_a_candidate_traffic() -> None:
    bench = adopted(calendar=FAIR)
    given = len(bench.commands)
    for refused in (
        start_canary(bench),
        bench.start(500),
        start_ab(bench, ("v2", 5_000), ("v1", 5_000)),
    ):
        assert refused.event == "refused"
        assert "a freeze lasts until 2023-11-16 00:00 UTC (fair)" in refused.sentence
        assert "it opens Thu 2023-11-16 09:00 UTC" in refused.sentence  # business hours, too
        assert "apply a policy with another calendar" in refused.remedy
    assert len(bench.commands) == given
    assert bench.model.rollout is None


def test_what_gives_no_traffic_may_begin_in_a_freeze_but_takes_over_after_it() -> None:
    bench = adopted(calendar=FAIR)
    assert bench.start(0).event == "accepted"
    assert bench.request(SetWeight, weight=1).event == "refused"
    assert bench.request(Rollback).event == "accepted"
    assert start_blue_green(bench, "v3").event == "accepted"
    for check in ("answers", "schema"):
        bench.request(ReportCheck, version="v3", check=check, passed=True)
    bench.serve(1, v1=GOOD)
    for refused in (bench.request(Advance), bench.request(Skip, reason="x")):
        assert (refused.event, "fair" in refused.sentence) == ("refused", True)
    bench.request(ApplyPolicy, policy=quick_policy())  # the way out for an emergency, on audit
    assert bench.request(Advance).event == "accepted"


def test_what_was_asked_for_before_a_freeze_is_not_approved_within_it() -> None:
    bench = adopted()
    start_canary(bench)
    asked = bench.request(Promote)
    assert asked.event == "waiting"
    bench.request(ApplyPolicy, policy=quick_policy(calendar=FAIR))
    approval = {"approves": asked.request_id, "digest": asked.details["digest"]}
    refused = bench.request(Approve, operator="bob", **approval)
    assert (refused.event, "fair" in refused.sentence) == ("refused", True)
    assert bench.model.production == "v1"


def test_a_step_to_everything_before_its_time_waits_for_a_second_person() -> None:
    bench = adopted(canary={"steps": [*LONG[:1], {"weight": 10_000, "hold": "1w"}]})
    start_canary(bench)
    bench.serve(60, v1=GOOD, v2=GOOD)
    asked = bench.request(Skip, reason="the fair")
    assert asked.event == "waiting"
    assert bench.request(Advance).event == "waiting"
    assert bench.model.rollout is not None
    assert bench.model.rollout.weight < 10_000
    approval = {"approves": asked.request_id, "digest": asked.details["digest"]}
    assert bench.request(Approve, operator="bob", **approval).event == "accepted"
    assert bench.model.rollout.weight == 10_000


def test_an_approval_is_of_the_step_that_was_asked_for_and_no_later_one() -> None:
    bench = adopted(canary={"steps": LONG}, approvals={"actions": ["skip"]})
    start_canary(bench)
    asked = bench.request(Skip, reason="the fair")  # names no split, as the command does
    assert asked.event == "waiting"
    bench.request(SetWeight, weight=bench.commands[-1].weights[0].weight + 100)
    approval = {"approves": asked.request_id, "digest": asked.details["digest"]}
    refused = bench.request(Approve, operator="bob", **approval)
    assert (refused.event, "changed the split meanwhile" in refused.sentence) == ("refused", True)


def test_while_telemetry_is_stale_nobody_advances_and_a_promotion_waits() -> None:
    stage = _staged()
    stage.request(ApplyPolicy, policy=quick_policy(canary={"steps": LONG[1:]}))
    start_canary(stage)
    stage.show(20, {"v1": FAST, "v2": FAST})
    stage.tick(60)
    refused = stage.request(Advance)
    assert (refused.event, "unknown now" in refused.sentence) == ("refused", True)
    assert stage.request(Promote).event == "waiting"
    stage.show(4, {"v1": FAST, "v2": FAST})
    assert stage.request(Advance).event == "waiting"  # known again; it would promote early


def test_an_approval_is_for_the_rollout_that_it_was_asked_for_and_no_later_one() -> None:
    bench = adopted()
    start_canary(bench)
    asked = bench.request(Promote)
    assert asked.event == "waiting"
    bench.request(Rollback)
    start_canary(bench, "v3")
    approval = {"approves": asked.request_id, "digest": asked.details["digest"]}
    refused = bench.request(Approve, operator="bob", **approval)
    assert (refused.event, "not what ann asked for" in refused.sentence) == ("refused", True)
    assert bench.model.production == "v1"


def test_what_was_proven_by_hand_is_promoted_by_two_while_telemetry_is_stale() -> None:
    bench = adopted()
    bench.start(5_000)
    bench.serve(200, v1=GOOD, v2=GOOD)
    bench.tick(60)
    assert not model_status(bench.state, bench.model).fresh
    assert bench.request(Promote).event == "waiting"
    bench.serve(20, v1=GOOD, v2=GOOD)
    assert bench.request(Promote).event == "accepted"


def test_what_waits_for_approval_waits_no_longer_than_the_rollout_that_it_is_about() -> None:
    bench = adopted()
    start_canary(bench)
    assert bench.request(Promote).event == "waiting"
    bench.request(Rollback)
    bench.serve(1, v1=GOOD)
    assert not bench.model.waiting
    told = bench.audit[-1]
    assert (told.event, told.request_type) == ("refused", "promote")
    assert "not what ann asked for" in told.sentence
    assert told.remedy == "Ask anew for what runs now."


def test_a_candidate_that_fits_no_more_gets_nothing_more_from_anybody() -> None:
    for begin in (start_canary, start_blue_green):
        bench = adopted(blue_green={"cutover": "auto", "checks": []})
        needs = VersionNeeds(required_embeddings=("e1",))
        spec = VersionSpec(version="v2.0.0", base_model="m", compatibility=needs)
        bench.request(SetCompatibility, embedding="e1")
        bench.request(RegisterVersion, spec=spec)
        assert begin(bench, "v2.0.0").event == "accepted"
        bench.request(SetCompatibility, embedding="e2", despite_traffic=True)
        given = len(bench.commands)
        assert bench.request(Skip, reason="known").event == "refused"
        bench.serve(2, v1=GOOD)
        assert len(bench.commands) == given
        status = model_status(bench.state, bench.model).rollout
        assert status is not None
        assert not [row for row in status.can if "skip" in row or "cutover" in row]
        if begin is start_blue_green:
            assert status.next.startswith("No cutover: v2.0.0 fits no more:")


def test_green_that_is_promoted_by_hand_in_the_watch_leaves_blue_on_standby() -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    _cut_over(bench)
    assert bench.request(Promote).event == "accepted"
    assert bench.model.standby is not None
    assert bench.model.standby.version == "v1"


def test_in_observe_mode_no_scale_down_is_ordered_until_headgate_enforces_again() -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    _cut_over(bench)
    bench.request(Promote)
    bench.request(SetMode, mode=Mode.OBSERVE)
    bench.tick(300)
    assert "scale_down" not in [row.event for row in bench.audit]
    bench.request(SetMode, mode=Mode.ENFORCE)
    bench.tick(1)
    assert [row.event for row in bench.audit].count("scale_down") == 1


def test_who_replaces_what_is_on_standby_orders_its_scale_down_in_observe_mode_too() -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    _cut_over(bench)
    bench.request(Promote)
    bench.request(SetMode, mode=Mode.OBSERVE)
    _cut_over(bench, "v3", "v2")
    bench.request(Promote)
    assert bench.model.standby is not None
    assert bench.model.standby.version == "v2"
    orders = [row for row in bench.audit if row.event == "scale_down"]
    assert [row.details["version"] for row in orders] == ["v1"]


def test_a_page_about_a_cold_rollback_is_over_once_the_version_serves() -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    _cut_over(bench)
    bench.request(Promote)
    bench.tick(400)
    bench.request(Rollback, version=bench.model.production)
    bench.tick(1)
    assert AlertKind.COLD_ROLLBACK in {kept.kind for kept in bench.model.incidents.values()}
    bench.serve(12, v1=GOOD)
    assert AlertKind.COLD_ROLLBACK not in {kept.kind for kept in bench.model.incidents.values()}


def test_the_page_of_a_trigger_that_a_policy_has_no_more_is_over() -> None:
    bench = adopted()
    bench.start(5_000)
    bench.serve(10, v1=GOOD, v2=GOOD)
    never = CompatibilityRule(compatible=False, model="v1")
    bench.request(SetCompatibility, rules=(never,), despite_traffic=True)
    bench.serve(20, v1=GOOD, v2=BAD)
    page = AlertKind.NO_ROLLBACK_TARGET
    assert page in {kept.kind for kept in bench.model.incidents.values()}
    without = quick_policy()
    without["triggers"] = [row for row in without["triggers"] if row["name"] != "error_rate"]
    for row in without["triggers"]:
        row.pop("quiet_when", None)
    answer = bench.request(ApplyPolicy, policy=without)
    assert answer.event == "accepted", answer.sentence
    assert page not in {kept.kind for kept in bench.model.incidents.values()}


def test_a_trigger_that_is_to_roll_back_from_now_on_does_so_where_its_alert_was_open() -> None:
    told = quick_policy()
    told["triggers"] = [
        {**row, "action": "alert"} if row["name"] == "error_rate" else row
        for row in told["triggers"]
    ]
    bench = LedgerBench()
    bench.adopt(told)
    bench.serve(30, v1=GOOD)
    bench.start(5_000)
    bench.serve(20, v1=GOOD, v2=BAD)
    assert AlertKind.BREACH in {kept.kind for kept in bench.model.incidents.values()}
    bench.request(ApplyPolicy, policy=quick_policy())
    bench.serve(20, v1=GOOD, v2=BAD)
    assert bench.commands[-1].action is Action.ROLLBACK
