"""What the demo makes of the messages that it hears."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.cli.story import Story, explain
from headgate.sim.scenarios import SCENARIOS
from headgate.vocabulary import Action, AlertKind, AlertState, Mode, Severity
from headgate.wire.alerts import Alert
from headgate.wire.audit import AuditRecord
from headgate.wire.control import Because, Command, Weight
from headgate.wire.status import ModelStatus, VersionStatus, WindowRow

MODEL = "support-agent"


def command(**fields: Any) -> Command:
    row: dict[str, Any] = {
        "model": MODEL,
        "revision": 3,
        "action": Action.ROLLBACK,
        "weights": (Weight(version="v1", weight=10_000),),
        "salt": "s",
        "decision_id": "d-3",
        "issued_at_ms": 1,
        "reasons": (
            Because(trigger="latency_p95", verdict="breach", reason="r", sentence="Too slow."),
        ),
    }
    return Command(**{**row, **fields})


def alert(**fields: Any) -> Alert:
    row: dict[str, Any] = {
        "alert_id": "a-1",
        "kind": AlertKind.BREACH,
        "state": AlertState.FIRING,
        "severity": Severity.WARNING,
        "model": MODEL,
        "sentence": "It costs too much.",
        "runbook": "r",
        "at_ms": 1,
        "trigger": "cost",
    }
    return Alert(**{**row, **fields})


def recovered(decision_id: str = "d-3") -> AuditRecord:
    return AuditRecord(
        audit_id="x",
        model=MODEL,
        event="recovered",
        at_ms=1,
        sentence="All obey.",
        decision_id=decision_id,
    )


def story(scenario: str = "default") -> Story:
    return Story(SCENARIOS[scenario], MODEL)


def test_a_rollback_is_over_when_its_own_decision_is_obeyed() -> None:
    told = story()
    told.hear(recovered("d-2"), -5.0)
    told.hear(command(), 7.0)
    assert not told.is_over
    told.hear(recovered(), 7.2)
    assert told.is_over
    assert told.as_expected
    assert told.summary(published=9) == {
        "scenario": "default",
        "action": "rollback",
        "trigger": "latency_p95",
        "seconds_to_command": 7.0,
        "seconds_to_last_ack": 7.2,
        "outcomes_published": 9,
        "outcomes_counted": 0,
    }


def test_an_acknowledgement_that_is_heard_before_the_command_counts() -> None:
    told = story()
    told.hear(recovered(), 7.2)
    told.hear(command(), 7.0)
    assert told.seconds_to_last_ack == 7.2


def test_a_repeated_command_does_not_restart_the_clock() -> None:
    told = story()
    told.hear(command(), 7.0)
    told.hear(command(), 9.0)
    assert told.seconds_to_command == 7.0


def test_other_models_and_other_commands_are_not_meant() -> None:
    told = story()
    told.hear(command(model="other"), 1.0)
    told.hear(command(action=Action.SET_WEIGHTS), 1.0)
    told.hear(None, 1.0)
    assert told.action == "none"


@pytest.mark.parametrize(
    ("scenario", "message", "action"),
    [
        ("cost", alert(), "warning"),
        ("outage", alert(kind=AlertKind.OUTAGE_HOLD, trigger="error_rate"), "hold"),
    ],
)
def test_a_warning_and_a_hold_end_their_scenarios(
    scenario: str, message: Alert, action: str
) -> None:
    told = story(scenario)
    told.hear(message, 6.0)
    assert (told.action, told.is_over, told.as_expected) == (action, True, True)


def test_a_warning_on_the_way_to_a_rollback_does_not_hide_it() -> None:
    told = story()
    told.hear(alert(), 3.0)
    told.hear(command(), 7.0)
    told.hear(alert(), 8.0)
    assert (told.action, told.trigger) == ("rollback", "latency_p95")


def test_a_rollback_where_none_should_be_is_not_as_expected() -> None:
    told = story("healthy")
    assert told.as_expected
    told.hear(command(), 7.0)
    assert not told.as_expected
    assert "NOT AS EXPECTED" in "\n".join(explain(told, stable="v1", candidate="v2", published=1))


def test_the_right_action_for_the_wrong_reason_is_not_as_expected() -> None:
    told = story("errors")
    told.hear(command(), 7.0)
    assert not told.as_expected


def test_counted_are_the_outcomes_of_all_versions_since_the_beginning() -> None:
    told = story()
    rows = (WindowRow(window_s=60, outcomes=5), WindowRow(window_s=0, outcomes=40))
    versions = tuple(
        VersionStatus(version=name, role="", lifecycle="", windows=rows) for name in ("v1", "v2")
    )
    told.hear(
        ModelStatus(
            model=MODEL, at_ms=1, revision=3, mode=Mode.ENFORCE, fresh=True, versions=versions
        ),
        9.0,
    )
    assert told.counted == 80


def test_the_end_says_what_happened_why_how_fast_and_what_to_try() -> None:
    told = story()
    told.hear(command(), 7.0)
    told.hear(recovered(), 7.5)
    text = "\n".join(explain(told, stable="v1", candidate="v2", published=0))
    for expected in (
        "took all traffic from v2",
        "Too slow.",
        "7 s from",
        "7.5 s until",
        "Try next",
    ):
        assert expected in text
    assert "shorter deadlines" in text
