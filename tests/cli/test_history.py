"""`headgate rollout history`: every rollout with its steps, who, why, and how it ended."""

from __future__ import annotations

import json

import pytest

from headgate.cli.failures import ExitCode
from headgate.cli.history import history_lines
from headgate.cli.rollout_history import RolloutHistory, histories
from headgate.config import Settings
from headgate.vocabulary import Topic
from headgate.wire.codec import encode
from headgate.wire.rollout_requests import (
    Advance,
    Pause,
    Promote,
    ReportCheck,
    Rollback,
    Skip,
    StopTest,
)
from support.commands import Run
from support.courses import BAD, GOOD, adopted, start_ab, start_blue_green, start_canary
from support.ledger import MODEL, LedgerBench
from support.responder import publish


def told(bench: LedgerBench) -> list[RolloutHistory]:
    return histories(bench.audit, MODEL)


def text_of(bench: LedgerBench) -> str:
    return "\n".join(history_lines(MODEL, told(bench), bench.now_ms))


def test_a_canary_is_told_from_its_start_to_its_promotion() -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(500, v1=GOOD, v2=GOOD)
    (row,) = told(bench)
    assert (row.kind, row.candidate, row.stable) == ("canary", "v2", "v1")
    assert (row.outcome, row.ended_by) == ("promoted", "headgate")
    assert [event.after for event in row.events if event.after] == [1_000, 5_000, 10_000]
    assert "v2, canary beside v1: promoted by headgate after" in text_of(bench)


def test_a_rollback_is_told_with_its_breach_and_the_decision_to_override() -> None:
    bench = adopted()
    start_canary(bench)
    bench.serve(120, v1=GOOD, v2=BAD)
    (row,) = told(bench)
    assert (row.outcome, row.ended_by) == ("rolled back", "headgate")
    assert row.decision_id == bench.commands[-1].decision_id
    assert start_canary(bench, overrides=row.decision_id).event == "accepted"
    assert "Rolled support back from v2 to v1" in text_of(bench)


def test_a_promoted_version_that_is_rolled_back_later_is_told_with_its_own_rollout() -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    bench.start(500)
    bench.request(Promote, operator="cy")
    bench.serve(5, v2=GOOD)
    bench.request(Rollback, version="v2", operator="bob", reason="wrong prices")
    (row,) = told(bench)
    assert (row.outcome, row.promoted, row.reverted_by) == ("promoted", "v2", "bob")
    assert row.reverted_decision == bench.commands[-1].decision_id
    text = text_of(bench)
    assert f"; rolled back by bob 5 s later, {row.reverted_decision}" in text
    assert "Rolled support back from v2 to v1" in text
    assert "Reason given: wrong prices" in text


def test_what_people_did_is_told_with_their_names_and_reasons_refusals_too() -> None:
    bench = adopted()
    start_canary(bench)
    bench.request(Pause, operator="bob", reason="lunch")
    bench.request(Advance, operator="eve")
    bench.request(Rollback, operator="bob", reason="wrong prices")
    (row,) = told(bench)
    assert [(event.who, event.event) for event in row.events] == [
        ("ann", "accepted"),
        ("bob", "accepted"),
        ("eve", "refused"),
        ("bob", "accepted"),
    ]
    assert (row.outcome, row.ended_by) == ("rolled back", "bob")
    text = text_of(bench)
    assert "Reason given: wrong prices" in text
    assert "refused: The rollout of v2 is paused by bob." in text


def test_a_test_ends_with_a_winner_that_may_be_any_arm_or_is_stopped() -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    start_ab(bench, ("v2", 3_000), ("v3", 3_000), ("v1", 4_000))
    bench.request(StopTest, winner="v3", operator="bob")
    start_ab(bench, ("v4", 5_000), ("v3", 5_000))
    bench.request(StopTest, operator="bob")
    first, second = told(bench)
    assert (first.kind, first.outcome) == ("ab", "promoted")
    assert (second.candidate, second.outcome, second.ended_by) == ("v4", "stopped", "bob")


@pytest.mark.parametrize(("winner", "outcome"), [("", "stopped"), ("v3", "promoted")])
def test_a_test_of_an_arm_that_was_rolled_back_from_before_ends_as_any_other(
    winner: str, outcome: str
) -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    start_canary(bench)
    bench.request(Rollback)
    overrides = bench.commands[-1].decision_id
    start_ab(bench, ("v2", 3_000), ("v3", 3_000), ("v1", 4_000), overrides=overrides)
    bench.request(StopTest, winner=winner)
    assert [row.outcome for row in told(bench)] == ["rolled back", outcome]


def test_a_test_is_told_with_every_arm_that_was_on_trial() -> None:
    bench = adopted()
    start_ab(bench, ("v3", 3_000), ("v2", 3_000), ("v1", 4_000))
    bench.request(Rollback, version="v3")
    (row,) = told(bench)
    assert (row.candidate, row.arms) == ("v3", ("v3", "v2"))
    assert "v3 and v2, A/B test beside v1: running" in text_of(bench)


def test_the_scale_down_of_blue_belongs_to_the_rollout_that_replaced_it() -> None:
    bench = adopted()
    start_blue_green(bench)
    for name in ("answers", "schema"):
        bench.request(ReportCheck, version="v2", check=name, passed=True)
    bench.request(Advance)
    bench.serve(5, v2=GOOD)
    bench.request(Skip, reason="seen enough")
    bench.serve(130, v2=GOOD)
    (row,) = told(bench)
    assert (row.kind, row.outcome) == ("blue_green", "promoted")
    assert row.events[-1].event == "scale_down"


def test_every_kind_is_told_by_the_name_that_people_give_it() -> None:
    started = (
        ("by hand", lambda bench: bench.start(500)),
        ("blue-green", start_blue_green),
        ("A/B test", lambda bench: start_ab(bench, ("v2", 5_000), ("v1", 5_000))),
    )
    for name, start in started:
        bench = adopted()
        start(bench)
        assert f"v2, {name} beside v1: running" in text_of(bench)


def test_each_rollout_is_told_by_itself_and_the_last_one_runs() -> None:
    bench = adopted()
    start_canary(bench)
    bench.request(Rollback)
    start_canary(bench, "v3")
    bench.serve(2, v1=GOOD, v3=GOOD)
    first, second = told(bench)
    assert (first.candidate, first.outcome) == ("v2", "rolled back")
    assert (second.candidate, second.outcome) == ("v3", "running")
    assert "v3, canary beside v1: running for 2 s" in text_of(bench)


def test_records_that_came_twice_count_once_and_other_models_do_not() -> None:
    bench = adopted()
    start_canary(bench)
    assert histories([*bench.audit, *bench.audit], MODEL) == told(bench)
    assert histories(bench.audit, "other") == []


def test_the_command_reads_the_audit_topic(ask: Run, settings: Settings) -> None:
    bench = adopted()
    start_canary(bench)
    publish(settings, Topic.AUDIT, *((MODEL, encode(row)) for row in bench.audit), ("x", b"{bad"))
    rows = json.loads(ask("rollout", "history", MODEL, "--json").stdout)
    assert [(row["candidate"], row["outcome"]) for row in rows] == [("v2", "running")]
    assert "times in UTC" in ask("rollout", "history", MODEL).stdout
    unknown = ask("rollout", "history", "other")
    assert unknown.exit_code == ExitCode.NEGATIVE
    assert "No rollout of other" in unknown.stderr
