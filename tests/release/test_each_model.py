"""Each model by itself: what goes wrong with one takes nothing from the others."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.release import fold, status
from headgate.release.records import records_of
from headgate.release.state import ModelState
from headgate.release.turn import StatusDue, Turn
from headgate.vocabulary import Action, AlertKind, AlertState, Severity, Topic
from headgate.wire.alerts import Alert
from headgate.wire.rollout_requests import Adopt
from support.ledger import MODEL, LedgerBench, Traffic, by_one_person, policy_content

BROKEN = "broken"
BAD = Traffic(error_rate=0.3)


def _look(turn: Turn, state: ModelState, *rest: Any) -> ModelState:
    if state.model == BROKEN:
        turn.publish(Topic.ALERTS, BROKEN, "half a thought")
        raise ZeroDivisionError("by nothing")
    return LOOK(turn, state, *rest)


def _judge(state: ModelState, *rest: Any) -> Any:
    if state.model == BROKEN:
        raise ZeroDivisionError("by nothing")
    return JUDGE(state, *rest)


LOOK, JUDGE = fold.look, status.judge


def _with_a_broken_model() -> LedgerBench:
    bench = LedgerBench()
    bench.adopt()
    bench.request(Adopt, model=BROKEN, version="v1", policy=by_one_person(policy_content()))
    return bench


def _told(bench: LedgerBench) -> list[Alert]:
    return [alert for alert in bench.alerts if alert.kind is AlertKind.MODEL_NOT_JUDGED]


def test_where_one_model_cannot_be_judged_the_others_are_and_on_call_is_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = _with_a_broken_model()
    monkeypatch.setattr(fold, "look", _look)
    bench.start()
    bench.serve(60, v1=Traffic(), v2=BAD)
    assert bench.commands[-1].action is Action.ROLLBACK
    (alert,) = _told(bench)
    assert (alert.severity, alert.state) == (Severity.CRITICAL, AlertState.FIRING)
    assert "broken can't be judged" in alert.sentence
    assert "ZeroDivisionError: by nothing" in alert.sentence
    monkeypatch.undo()
    bench.tick()
    assert [row.state for row in _told(bench)] == [AlertState.FIRING, AlertState.RESOLVED]


def test_a_model_whose_status_cannot_be_told_has_none_and_ends_no_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = _with_a_broken_model()
    monkeypatch.setattr(status, "judge", _judge)
    due = [StatusDue(model=BROKEN), StatusDue(model=MODEL)]
    assert [row.key for row in records_of(due, bench.state)] == [MODEL.encode()]
