"""Incidents: deadlines, putting off, falling back, holds and what observe mode does."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from headgate.release.incidents import alert_of, open_incident
from headgate.release.turn import Publish, Turn
from headgate.vocabulary import ANY_MODEL, Action, AlertKind, AlertState, Mode, Severity
from headgate.wire.alerts import Alert
from headgate.wire.codec import encode
from headgate.wire.messages import ALERT
from headgate.wire.rollout_requests import Defer, Promote, Rollback, SetMode, SetWeight
from support.ledger import MODEL, LedgerBench, Traffic, policy_content, sentences

GOOD = Traffic(rating=4.4, hallucination_rate=0.0, tokens=600, cost_usd=0.002)


def _rollout(policy: dict[str, Any] | None = None, weight: int = 5000) -> LedgerBench:
    bench = LedgerBench()
    bench.adopt(policy)
    bench.start(weight)
    bench.serve(20, v1=GOOD, v2=GOOD)
    return bench


def _with_act_within(trigger: str, act_within: str) -> dict[str, Any]:
    policy = policy_content()
    for row in policy["triggers"]:
        if row["name"] == trigger:
            row["act_within"] = act_within
    return policy


@pytest.mark.parametrize(
    ("trigger", "bad"),
    [
        ("error_rate", Traffic(error_rate=0.2)),
        ("latency_p95", Traffic(latency_ms=2400)),
        ("safety", Traffic(safety_violations=1)),
    ],
)
def test_an_at_once_trigger_rolls_back_as_soon_as_its_breach_is_confirmed(
    trigger: str, bad: Traffic
) -> None:
    bench = _rollout()
    bench.serve(60, v1=GOOD, v2=bad)
    command = bench.commands[-1]
    assert command.action is Action.ROLLBACK
    assert command.to_version == "v1"
    assert [because.trigger for because in command.reasons] == [trigger]
    fired = next(a for a in bench.alerts if a.trigger == trigger)
    assert fired.state is AlertState.FIRING
    assert fired.at_ms == command.issued_at_ms


def test_a_healthy_candidate_is_left_alone() -> None:
    bench = _rollout()
    bench.serve(300, v1=GOOD, v2=GOOD)
    assert [c.action for c in bench.commands] == [Action.ADOPT, Action.SET_WEIGHTS]
    assert bench.alerts == []


def test_a_safety_violation_names_its_requests_in_the_audit() -> None:
    bench = _rollout()
    bench.serve(5, v1=GOOD, v2=Traffic(safety_violations=1))
    (record,) = [row for row in bench.audit if row.event == "safety_violation"]
    assert record.details["request_ids"]


def test_a_deadline_is_announced_and_kept() -> None:
    bench = _rollout(_with_act_within("hallucination", "1m"))
    bench.serve(120, v1=GOOD, v2=Traffic(rating=4.4, hallucination_rate=0.2))
    fired = next(a for a in bench.alerts if a.trigger == "hallucination")
    assert fired.deadline_ms == fired.at_ms + 60_000
    assert "rolls back in 1 min" in fired.sentence
    assert any("headgate defer" in command for command in fired.commands)
    rollback = bench.commands[-1]
    assert rollback.action is Action.ROLLBACK
    assert fired.deadline_ms <= rollback.issued_at_ms < fired.deadline_ms + 1_000


def test_evidence_that_falls_back_resolves_the_incident_before_its_deadline() -> None:
    bench = _rollout(_with_act_within("hallucination", "20m"))
    bench.serve(20, v1=GOOD, v2=Traffic(rating=4.4, hallucination_rate=0.1))
    bench.serve(420, v1=GOOD, v2=GOOD)
    states = [a.state for a in bench.alerts if a.trigger == "hallucination"]
    assert states == [AlertState.FIRING, AlertState.RESOLVED]
    assert bench.commands[-1].action is Action.SET_WEIGHTS


def test_a_deadline_that_comes_without_a_breach_waits_until_it_is_one_again() -> None:
    bench = _rollout(_with_act_within("hallucination", "40s"))
    bench.serve(20, v1=GOOD, v2=Traffic(hallucination_rate=0.2))
    fired = next(a for a in bench.alerts if a.trigger == "hallucination")
    bench.tick(20)  # telemetry goes stale: unknown acts on nothing
    for _ in range(60):
        bench.tick()
    assert bench.now_ms > (fired.deadline_ms or 0)
    assert bench.commands[-1].action is Action.SET_WEIGHTS
    bench.serve(60, v1=GOOD, v2=Traffic(hallucination_rate=0.2))
    assert bench.commands[-1].action is Action.ROLLBACK


def test_a_deadline_can_be_put_off_once_with_a_reason() -> None:
    bench = _rollout(_with_act_within("hallucination", "1m"))
    bench.serve(60, v1=GOOD, v2=Traffic(hallucination_rate=0.2))
    alert = next(a for a in bench.alerts if a.trigger == "hallucination")
    assert bench.request(Defer, alert_id=alert.alert_id, minutes=5).event == "refused"
    deferred = bench.request(Defer, alert_id=alert.alert_id, minutes=5, reason="demo day")
    assert deferred.event == "accepted"
    again = bench.request(Defer, alert_id=alert.alert_id, minutes=5, reason="more")
    assert again.event == "refused"
    assert bench.alerts[-1].deadline_ms == (alert.deadline_ms or 0) + 300_000
    assert "Put off by 5 min: demo day. Headgate rolls back" in bench.alerts[-1].sentence
    bench.serve(120, v1=GOOD, v2=Traffic(hallucination_rate=0.2))
    assert bench.commands[-1].action is Action.SET_WEIGHTS
    bench.serve(240, v1=GOOD, v2=Traffic(hallucination_rate=0.2))
    assert bench.commands[-1].action is Action.ROLLBACK


def test_commands_to_paste_quote_a_name_that_a_shell_would_read_otherwise() -> None:
    bench = _rollout(_with_act_within("hallucination", "1m"))
    bench.serve(60, v1=GOOD, v2=Traffic(hallucination_rate=0.2))
    (incident,) = bench.model.incidents.values()
    hostile = replace(bench.model, model="a; rm -rf b")
    alert = alert_of(hostile, incident, AlertState.FIRING, bench.now_ms)
    assert len(alert.commands) == 3
    assert all(shlex.split(command).count("a; rm -rf b") == 1 for command in alert.commands)


def test_an_unknown_alert_cannot_be_put_off() -> None:
    answer = _rollout().request(Defer, alert_id="a-none", minutes=5, reason="x")
    assert answer.event == "refused"
    assert "a-none" in answer.sentence


@pytest.mark.parametrize(
    ("trigger", "bad"),
    [
        ("cost", Traffic(tokens=600, cost_usd=0.006)),
        ("tokens", Traffic(tokens=1200, cost_usd=0.002)),
    ],
)
def test_a_warning_alerts_and_leaves_the_split_alone(trigger: str, bad: Traffic) -> None:
    bench = _rollout()
    bench.serve(60, v1=GOOD, v2=bad)
    (alert,) = bench.alerts
    assert (alert.trigger, alert.severity) == (trigger, Severity.WARNING)
    assert alert.deadline_ms is None
    assert bench.commands[-1].action is Action.SET_WEIGHTS


def test_an_outage_of_both_arms_holds_and_alerts_and_rolls_nothing_back() -> None:
    bench = _rollout()
    outage = Traffic(error_rate=0.5)
    bench.serve(40, v1=outage, v2=outage)
    (alert,) = bench.alerts
    assert alert.kind is AlertKind.OUTAGE_HOLD
    assert "stable is no better" in alert.sentence
    assert bench.commands[-1].action is Action.SET_WEIGHTS
    assert bench.request(SetWeight, weight=9000).event == "refused"
    assert bench.request(Promote).event == "refused"
    bench.serve(330, v1=GOOD, v2=GOOD)
    assert bench.alerts[-1].state is AlertState.RESOLVED
    assert bench.request(SetWeight, weight=9000).event == "accepted"


def test_a_bad_rating_beside_a_bad_stable_rating_holds() -> None:
    bench = _rollout()
    bench.serve(200, v1=Traffic(rating=3.0), v2=Traffic(rating=3.0))
    assert {a.kind for a in bench.alerts} == {AlertKind.OUTAGE_HOLD}


def test_the_callers_own_faults_are_no_errors() -> None:
    bench = _rollout()
    bench.serve(60, v1=GOOD, v2=Traffic(error_rate=0.5, error_type="400"))
    assert bench.commands[-1].action is Action.SET_WEIGHTS
    bench.serve(60, v1=GOOD, v2=Traffic(error_rate=0.5, error_type="429"))
    assert bench.commands[-1].action is Action.ROLLBACK


def test_observe_mode_says_what_it_would_have_done() -> None:
    bench = _rollout()
    bench.request(SetMode, mode=Mode.OBSERVE)
    bench.serve(60, v1=GOOD, v2=Traffic(error_rate=0.3))
    assert bench.commands[-1].action is Action.SET_WEIGHTS
    (decision,) = [row for row in bench.audit if row.event == "decision"]
    assert decision.would_have
    assert decision.sentence.startswith("Would have rolled")
    assert all(alert.would_have for alert in bench.alerts)
    assert bench.request(Rollback).event == "accepted"


@pytest.mark.parametrize("back", [MODEL, ANY_MODEL])
def test_a_breach_seen_in_observe_mode_acts_once_headgate_enforces_again(back: str) -> None:
    bench = _rollout()
    bench.request(SetMode, mode=Mode.OBSERVE)
    bench.serve(60, v1=GOOD, v2=Traffic(error_rate=0.3))
    bench.request(SetMode, model=back, mode=Mode.ENFORCE)
    bench.serve(20, v1=GOOD, v2=Traffic(error_rate=0.3))
    assert bench.commands[-1].action is Action.ROLLBACK


def test_an_open_critical_incident_forbids_more_traffic() -> None:
    bench = _rollout(_with_act_within("hallucination", "30m"))
    bench.serve(60, v1=GOOD, v2=Traffic(hallucination_rate=0.2))
    answer = bench.request(SetWeight, weight=9000)
    assert answer.event == "refused"
    assert "rollback" in answer.remedy
    assert bench.request(SetWeight, weight=100).event == "accepted"


def test_a_stable_that_was_rolled_back_from_is_no_automatic_target() -> None:
    bench = _rollout()
    model = bench.model
    marked = replace(model.versions["v1"], rolled_back=True)
    model = replace(model, versions={**model.versions, "v1": marked})
    bench.state = replace(bench.state, models={model.model: model})
    bench.serve(60, v1=GOOD, v2=Traffic(error_rate=0.5))
    assert bench.commands[-1].action is Action.SET_WEIGHTS
    pages = [a for a in bench.alerts if a.kind is AlertKind.NO_ROLLBACK_TARGET]
    assert len(pages) == 1


def test_promotion_clears_a_version_that_was_rolled_back_from() -> None:
    bench = _rollout()
    bench.request(Rollback)
    assert bench.model.versions["v2"].rolled_back
    bench.start(overrides=bench.commands[-1].decision_id)
    bench.request(Promote)
    assert not bench.model.versions["v2"].rolled_back


def test_an_incident_keeps_its_id_from_firing_to_resolved() -> None:
    bench = _rollout()
    bench.serve(60, v1=GOOD, v2=Traffic(error_rate=0.3))
    states = [a.state for a in bench.alerts if a.trigger == "error_rate"]
    assert states == [AlertState.FIRING, AlertState.ESCALATED, AlertState.RESOLVED]
    assert len({a.alert_id for a in bench.alerts}) == 1
    assert "obeys" in sentences([bench.alerts[-1]])


class _Unacknowledged(LedgerBench):
    """A fleet that routes by itself: nobody says which split is obeyed."""

    def ack(self, router_id: str = "r1", **fields: Any) -> None:
        pass


def test_an_alert_that_led_to_a_rollback_forbids_the_next_candidate_nothing() -> None:
    bench = _Unacknowledged()
    bench.adopt()
    bench.start(5000)
    bench.serve(60, v1=GOOD, v2=Traffic(error_rate=0.3))
    assert bench.commands[-1].action is Action.ROLLBACK
    (incident,) = bench.model.incidents.values()
    assert incident.acted
    assert bench.start(500, "v3").event == "accepted"
    bench.serve(5, v1=GOOD, v3=GOOD)
    assert incident.alert_id in bench.model.incidents
    assert bench.request(SetWeight, weight=1_000).event == "accepted"


def test_no_two_incidents_that_one_entry_opens_share_an_id() -> None:
    bench = _rollout()
    turn = Turn(ledger_partition=0, offset=len(bench.entries), now_ms=bench.now_ms)
    state = bench.model
    for kind, version in (
        (AlertKind.PINNED_BREACH, "v0"),
        (AlertKind.BREACH, "v2"),
        (AlertKind.NO_ROLLBACK_TARGET, "v2"),
        (AlertKind.BREACH, "v" * 128),
    ):
        told: dict[str, Any] = {"sentence": "Errors.", "versions": (), "numbers": {}}
        state = open_incident(
            turn,
            state,
            kind=kind,
            trigger="error_rate",
            severity=Severity.CRITICAL,
            version=version,
            **told,
        )
    assert len(state.incidents) == 4
    for effect in turn.effects:
        assert isinstance(effect, Publish)
        if isinstance(effect.message, Alert):
            assert ALERT.decode(encode(effect.message)) == effect.message


def test_every_alert_has_a_runbook_entry() -> None:
    guide = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
    headings = guide.read_text().splitlines()
    for kind in AlertKind:
        assert f"### {kind}" in headings
