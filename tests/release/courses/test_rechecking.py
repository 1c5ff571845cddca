"""Rechecking: a check that fails in the watch keeps it from ending until it passes again."""

from __future__ import annotations

import pytest

from headgate.release.status import model_status
from headgate.vocabulary import AlertKind, AlertState
from headgate.wire.rollout_requests import (
    Advance,
    Pause,
    Promote,
    ReportCheck,
    Resume,
    Rollback,
    Skip,
)
from headgate.wire.status import RolloutStatus
from support.courses import GOOD, adopted, start_blue_green
from support.ledger import LedgerBench


def _report(bench: LedgerBench, *, passed: bool, check: str = "answers") -> None:
    detail = "" if passed else "2 of 40"
    told = bench.request(ReportCheck, version="v2", check=check, passed=passed, detail=detail)
    assert told.event == "accepted"


def _status(bench: LedgerBench) -> RolloutStatus:
    rollout = model_status(bench.state, bench.model).rollout
    assert rollout is not None
    return rollout


@pytest.fixture
def failing() -> LedgerBench:
    """Green serves everything, well as far as its requests tell, and fails a check."""
    bench = adopted()
    start_blue_green(bench)
    for check in ("answers", "schema"):
        _report(bench, passed=True, check=check)
    bench.serve(1, v1=GOOD)
    bench.request(Advance, cutover=True)
    bench.serve(2, v2=GOOD)
    _report(bench, passed=False)
    return bench


def test_a_check_that_fails_in_the_watch_keeps_it_from_ending_until_it_passes(
    failing: LedgerBench,
) -> None:
    failing.serve(90, v2=GOOD)
    assert failing.model.production == "v1"
    _report(failing, passed=True)
    failing.serve(1, v2=GOOD)
    assert failing.model.production == "v2"
    assert failing.replayed() == failing.records


def test_a_pause_that_ends_does_not_end_the_alert_of_a_check_that_fails(
    failing: LedgerBench,
) -> None:
    failing.tick()
    failing.request(Pause)
    failing.request(Resume)
    failing.tick()
    (asked,) = [row for row in failing.alerts if row.kind is AlertKind.ROLLOUT_WAITING]
    assert asked.state is AlertState.FIRING


def test_a_check_that_fails_in_the_watch_asks_a_person_at_once_and_says_how_to_go_on(
    failing: LedgerBench,
) -> None:
    failing.tick()
    (asked,) = [row for row in failing.alerts if row.kind is AlertKind.ROLLOUT_WAITING]
    assert "does not end by itself: answers failed (2 of 40)" in asked.sentence
    again = "headgate check run FILE --model support --version v2 --only answers --report"
    assert again in asked.commands
    assert "headgate rollout resume support" not in asked.commands
    _report(failing, passed=True)
    failing.tick()
    told = [row.state for row in failing.alerts if row.kind is AlertKind.ROLLOUT_WAITING]
    assert told == [AlertState.FIRING, AlertState.RESOLVED]


def test_a_check_that_fails_in_the_watch_is_what_status_says_comes_next(
    failing: LedgerBench,
) -> None:
    failing.serve(25, v2=GOOD)
    status = _status(failing)
    assert status.next.startswith("Nothing until it is reported as passed: answers failed (2 of 40")
    assert [row.sentence for row in status.lacking] == ["answers failed (2 of 40)"]
    offered = "\n".join(status.can)
    assert "--only answers --report" in offered
    assert "advance" not in offered
    _report(failing, passed=True)
    assert _status(failing).next.startswith("Promotion, if it stays proven good")


def test_green_that_fails_a_check_is_promoted_by_two_people_alone(failing: LedgerBench) -> None:
    failing.serve(40, v2=GOOD)
    refused = failing.request(Advance)
    assert (refused.event, "answers failed" in refused.sentence) == ("refused", True)
    for kind, fields in ((Promote, {}), (Skip, {"reason": "the check is wrong"})):
        assert failing.request(kind, **fields).event == "waiting"


def test_what_waits_for_a_check_is_over_with_the_rollout(failing: LedgerBench) -> None:
    failing.tick()
    failing.request(Rollback)
    kinds = {row.kind for row in failing.model.incidents.values()}
    assert AlertKind.ROLLOUT_WAITING not in kinds
