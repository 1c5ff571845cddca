"""Blue-green: checks at weight 0, one cutover, a watch that switches back, and a ready blue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from headgate.release.courses.course import BlueGreen
from headgate.release.status import model_status
from headgate.vocabulary import Action, AlertKind, AlertState
from headgate.wire.key_requests import Approve
from headgate.wire.rollout_requests import (
    Advance,
    Promote,
    ReportCheck,
    Rollback,
    SetWeight,
    Skip,
)
from support.courses import (
    BAD,
    GOOD,
    adopted,
    quick_policy,
    start_blue_green,
    start_canary,
    weights,
)
from support.ledger import LedgerBench, Traffic


def _report(bench: LedgerBench, check: str, version: str = "v2", *, passed: bool = True) -> str:
    return bench.request(ReportCheck, version=version, check=check, passed=passed).event


def _checked(bench: LedgerBench) -> None:
    start_blue_green(bench)
    assert _report(bench, "answers") == "accepted"
    assert _report(bench, "schema") == "accepted"


def _cut_over(bench: LedgerBench) -> None:
    _checked(bench)
    bench.serve(1, v1=GOOD)
    assert bench.request(Advance, cutover=True).event == "accepted"


def test_green_waits_at_nothing_until_every_check_is_reported_as_passed() -> None:
    bench = adopted()
    assert start_blue_green(bench).event == "accepted"
    assert weights(bench)[-1] == {"v2": 0, "v1": 10_000}
    assert _report(bench, "answers") == "accepted"
    refused = bench.request(Advance)
    assert (refused.event, "schema was not reported" in refused.sentence) == ("refused", True)
    assert _report(bench, "schema", passed=False) == "accepted"
    assert "schema failed" in bench.request(Advance).sentence
    assert _report(bench, "schema") == "accepted"
    bench.serve(2, v1=GOOD)
    assert bench.request(Advance).event == "accepted"
    assert weights(bench)[-1] == {"v2": 10_000, "v1": 0}


def test_a_check_that_the_policy_does_not_name_is_refused() -> None:
    bench = adopted()
    start_blue_green(bench)
    assert _report(bench, "nonsense") == "refused"
    assert _report(bench, "answers", "v3") == "refused"
    assert _report(bench, "ready", "v2") == "refused"  # that is blue's


def test_there_is_no_cutover_without_a_ready_blue() -> None:
    bench = adopted()
    _checked(bench)
    bench.serve(320)  # blue is silent for longer than five minutes
    refused = bench.request(Advance)
    assert (refused.event, "nothing ready to switch back to" in refused.sentence) == (
        "refused",
        True,
    )
    assert _report(bench, "ready", "v1", passed=False) == "accepted"
    assert bench.request(Advance).event == "refused"
    assert _report(bench, "ready", "v1") == "accepted"
    assert bench.request(Advance).event == "accepted"


def test_a_policy_may_cut_over_by_itself() -> None:
    bench = adopted(blue_green={"cutover": "auto"})
    _checked(bench)
    bench.serve(1, v1=GOOD)
    assert weights(bench)[-1] == {"v2": 10_000, "v1": 0}


def test_after_the_watch_green_is_promoted_and_blue_scaled_down_later() -> None:
    bench = adopted()
    _checked(bench)
    bench.serve(1, v1=GOOD)
    bench.request(Advance)
    cut_over_ms = bench.now_ms
    bench.serve(100, v2=GOOD)
    assert (bench.model.production, bench.model.previous) == ("v2", "v1")
    standby = bench.model.standby
    assert standby is not None
    assert (standby.version, standby.until_ms - cut_over_ms) == ("v1", 120_000)
    told = model_status(bench.state, bench.model).standby
    assert told is not None
    assert (told.version, told.until_ms, told.ready.check) == ("v1", standby.until_ms, "ready")
    bench.serve(60, v2=GOOD)
    orders = [row for row in bench.audit if row.event == "scale_down"]
    assert [row.details["version"] for row in orders] == ["v1"]


def test_green_is_held_against_all_that_blue_did_until_the_cutover() -> None:
    bench = LedgerBench()
    bench.adopt(quick_policy())
    start_blue_green(bench)
    bench.serve(60, v1=GOOD)  # nothing of blue was recorded when the rollout began
    for check in ("answers", "schema"):
        assert _report(bench, check) == "accepted"
    assert bench.request(Advance, cutover=True).event == "accepted"
    slow = replace(GOOD, latency_ms=4_000.0)
    bench.serve(20, v2=slow)
    assert bench.commands[-1].action is Action.ROLLBACK
    assert "the recorded performance of v1" in bench.commands[-1].reasons[0].sentence


ERRORS_ALONE: dict[str, Any] = {
    "name": "errors-alone",
    "triggers": [
        {"name": "error_rate", "metric": "error_rate", "limit": {"above": 0.2},
         "severity": "critical", "action": "rollback", "proven_good": "required"},
    ],
    "blue_green": {"checks": ["answers"], "watch": "5s", "keep_blue": "2m"},
}  # fmt: skip


@pytest.mark.parametrize("before", [30, 32, 34, 36, 38])
def test_a_cutover_at_any_moment_of_a_pane_is_proven_once_what_was_in_flight_has_come(
    before: int,
) -> None:
    bench = LedgerBench()
    bench.adopt(ERRORS_ALONE)
    bench.serve(before, v1=GOOD)
    start_blue_green(bench)
    assert _report(bench, "answers") == "accepted"
    bench.request(Advance)
    cut_over_ms = bench.now_ms
    bench.serve(5.5, v2=GOOD)
    assert bench.model.production == "v2"
    assert bench.commands[-1].action is Action.PROMOTE
    assert bench.commands[-1].issued_at_ms - cut_over_ms >= 5_000


def test_of_green_nothing_is_proven_good_before_as_long_as_blue_takes_to_answer() -> None:
    bench = LedgerBench()
    bench.adopt(ERRORS_ALONE)
    slow = replace(GOOD, latency_ms=3_000.0)  # p99 7.6 s
    bench.serve(30, v1=slow)
    start_blue_green(bench)
    assert _report(bench, "answers") == "accepted"
    bench.request(Advance)
    bench.serve(7, v2=slow)
    assert bench.model.production == "v1"
    bench.serve(2.5, v2=slow)
    assert bench.model.production == "v2"


def test_a_breach_in_the_watch_switches_back_at_once_even_where_one_would_wait() -> None:
    bench = adopted()
    _checked(bench)
    bench.serve(1, v1=Traffic(requests=40, rating=4.5))
    bench.request(Advance)
    cut_over_ms = bench.now_ms
    bench.serve(30, v2=Traffic(requests=40, rating=1.5))  # ratings act within 15 min elsewhere
    assert bench.commands[-1].action is Action.ROLLBACK
    assert bench.commands[-1].issued_at_ms - cut_over_ms < 30_000
    assert weights(bench)[-1] == {"v1": 10_000}


def test_a_blue_that_stops_being_ready_is_alerted_on_and_resolved_by_a_report() -> None:
    bench = adopted(blue_green={"keep_blue": "1h", "watch": "30s"})
    _checked(bench)
    bench.serve(1, v1=GOOD)
    bench.request(Advance)
    bench.serve(310, v2=GOOD)
    states = [a.state for a in bench.alerts if a.kind is AlertKind.STANDBY_NOT_READY]
    assert states == [AlertState.FIRING]
    assert _report(bench, "ready", "v1") == "accepted"
    bench.tick()
    states = [a.state for a in bench.alerts if a.kind is AlertKind.STANDBY_NOT_READY]
    assert states == [AlertState.FIRING, AlertState.RESOLVED]


def test_a_rollback_to_a_blue_that_was_scaled_down_goes_and_pages() -> None:
    bench = adopted()
    _checked(bench)
    bench.serve(1, v1=GOOD)
    bench.request(Advance)
    bench.serve(130, v2=GOOD)
    assert bench.model.versions["v1"].scaled_down
    assert bench.request(Rollback, version=bench.model.production).event == "accepted"
    assert weights(bench)[-1] == {"v1": 10_000}
    page = [alert.state for alert in bench.alerts if alert.kind is AlertKind.COLD_ROLLBACK]
    assert page == [AlertState.FIRING]
    bench.serve(3)
    bench.serve(3, v1=GOOD)  # somebody started it
    page = [alert.state for alert in bench.alerts if alert.kind is AlertKind.COLD_ROLLBACK]
    assert page == [AlertState.FIRING, AlertState.RESOLVED]


def test_a_page_about_a_cold_version_outlasts_the_rollback_that_headgate_decides() -> None:
    bench = adopted()
    _checked(bench)
    bench.serve(1, v1=GOOD)
    bench.request(Advance)
    bench.serve(130, v2=GOOD)
    bench.serve(60, v2=BAD)  # the watch over production finds it
    assert bench.commands[-1].action is Action.ROLLBACK
    page = [alert.state for alert in bench.alerts if alert.kind is AlertKind.COLD_ROLLBACK]
    assert page == [AlertState.FIRING]


def test_a_promotion_by_hand_keeps_blue_on_standby_too() -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    _checked(bench)
    bench.serve(1, v1=GOOD)
    bench.request(Advance)
    bench.serve(2, v2=GOOD)
    assert bench.request(Promote).event == "accepted"
    assert bench.model.standby is not None
    assert bench.model.standby.version == "v1"


def test_of_two_who_cut_over_the_second_is_told_that_green_serves_already() -> None:
    bench = adopted()
    _cut_over(bench)
    bench.serve(8, v2=GOOD)
    seen = bench.model.command
    assert seen is not None
    refused = bench.request(Advance, cutover=True, operator="bob", if_revision=seen.revision)
    assert (refused.event, bench.model.production) == ("refused", "v1")
    assert "v2 serves all of support already" in refused.sentence
    assert "its watch lasts 22 s more" in refused.sentence
    assert "headgate rollout promote support" in refused.remedy


def test_the_cutover_says_how_blue_is_kept_known_to_be_ready() -> None:
    bench = adopted()
    _checked(bench)
    bench.serve(1, v1=GOOD)
    assert bench.request(Advance, cutover=True).sentence == (
        "v2 takes 100 % of support. Until v1 is scaled down, 2 min after the cutover, report at "
        "least every 5 min that it is ready (headgate check run FILE --model support --version v1 "
        "--only ready --report --every 1m)."
    )


def test_a_cutover_by_itself_says_so_too() -> None:
    bench = adopted(blue_green={"cutover": "auto"})
    _checked(bench)
    bench.serve(1, v1=GOOD)
    told = [row for row in bench.audit if row.event == "decision"]
    assert "report at least every 5 min that it is ready (headgate check run" in told[-1].sentence


def test_nothing_but_green_is_cut_over() -> None:
    bench = adopted()
    start_canary(bench)
    refused = bench.request(Advance, cutover=True)
    assert (refused.event, "No blue-green rollout" in refused.sentence) == ("refused", True)


@pytest.mark.parametrize(
    ("kind", "fields", "after_s"),
    [(Advance, {}, 25), (Skip, {"reason": "in a hurry"}, 0.5), (Promote, {}, 8)],
)
def test_whoever_ends_the_watch_before_its_time_needs_a_second_person(
    kind: type, fields: dict[str, Any], after_s: float
) -> None:
    bench = adopted()
    _cut_over(bench)
    bench.serve(after_s, v2=GOOD)
    asked = bench.request(kind, **fields)
    assert (asked.event, bench.model.production) == ("waiting", "v1")
    given = {"approves": asked.request_id, "digest": asked.details["digest"]}
    assert bench.request(Approve, operator="bob", **given).event == "accepted"
    assert bench.model.production == "v2"


def test_where_the_policy_allows_it_one_person_ends_the_watch() -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    _cut_over(bench)
    bench.serve(25, v2=GOOD)
    assert bench.request(Advance).event == "accepted"
    assert bench.model.production == "v2"


def test_blue_green_has_no_shares_and_promotes_only_what_took_over() -> None:
    bench = adopted()
    _checked(bench)
    assert bench.request(SetWeight, weight=500).event == "refused"
    assert bench.request(Promote).event == "refused"
    assert bench.model.rollout is not None
    assert isinstance(bench.model.rollout.course, BlueGreen)


def test_a_blue_green_rollout_replays_to_the_same_bytes() -> None:
    bench = adopted()
    _checked(bench)
    bench.serve(1, v1=GOOD)
    bench.request(Advance)
    bench.serve(60, v2=BAD)
    assert bench.model.production == "v1"
    assert bench.replayed() == bench.records


def test_nothing_is_cut_over_by_itself_while_telemetry_is_stale() -> None:
    bench = adopted(blue_green={"cutover": "auto"})
    start_blue_green(bench)
    bench.tick(20)
    assert (_report(bench, "answers"), _report(bench, "schema")) == ("accepted", "accepted")
    bench.tick()
    assert weights(bench)[-1] == {"v2": 0, "v1": 10_000}
    told = model_status(bench.state, bench.model).rollout
    assert told is not None
    assert told.next == "The cutover, once telemetry is fresh again."
    bench.serve(1, v1=GOOD)
    assert weights(bench)[-1] == {"v2": 10_000, "v1": 0}
