"""The watch over production: it begins, acts, pauses and is told, while no rollout runs."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from headgate.cli.explain import Decision, decision_lines
from headgate.cli.view import plain_lines
from headgate.release.checkpoints import freeze
from headgate.release.fold import step
from headgate.release.state import Watched
from headgate.release.status import model_status
from headgate.vocabulary import Action, AlertKind, AlertState, Mode, Verdict
from headgate.wire.registry import Performance, VersionSpec
from headgate.wire.registry_requests import RegisterVersion
from headgate.wire.rollout_requests import (
    ApplyPolicy,
    Promote,
    Rollback,
    SetMode,
    SetWeight,
    StartRollout,
)
from support.checkpoints import taken_over
from support.ledger import MODEL, LedgerBench, Traffic, policy_content, same_but_audit, sentences

GOOD = Traffic(rating=4.4, hallucination_rate=0.0, tokens=600, cost_usd=0.002)
SLOW = Traffic(latency_ms=2_400)


def _promoted() -> LedgerBench:
    """v2 took v1's place and has been watched for a while."""
    bench = LedgerBench()
    bench.adopt()
    bench.serve(30, v1=GOOD)
    bench.start(5_000)
    bench.serve(40, v1=GOOD, v2=GOOD)
    bench.request(Promote)
    bench.serve(30, v2=GOOD)
    return bench


PROMOTED = _promoted()


@pytest.fixture
def bench() -> LedgerBench:
    return deepcopy(PROMOTED)


def _watch(bench: LedgerBench) -> Watched:
    (watched,) = bench.model.watched.values()
    return watched


def _breaches(bench: LedgerBench) -> list[Any]:
    return [alert for alert in bench.alerts if alert.kind is AlertKind.BREACH]


def test_a_promoted_version_is_held_against_what_is_recorded_of_the_one_before(
    bench: LedgerBench,
) -> None:
    watched = _watch(bench)
    assert (watched.version, watched.beside) == ("v2", "v1")
    known = dict(watched.recorded)
    assert known["latency_p95_ms"] == bench.model.catalogue.measured["v1"].latency_p95_ms
    assert watched.evidence is not None
    assert watched.evidence.forever
    assert 200e6 < watched.evidence.planned < 500e6  # 100 requests/s for 30 days, of both arms
    assert _breaches(bench) == []


def test_a_version_that_turns_bad_is_rolled_back_and_the_watch_begins_anew(
    bench: LedgerBench,
) -> None:
    bench.serve(60, v2=SLOW)
    command = bench.commands[-1]
    assert (command.action, command.to_version) == (Action.ROLLBACK, "v1")
    assert "1.5 times the recorded performance of v1" in command.reasons[0].sentence
    assert bench.model.production == "v1"
    bench.serve(10, v1=GOOD)
    watched = _watch(bench)
    assert (watched.version, watched.beside) == ("v1", "v1")  # v2 is nothing to be held against
    assert dict(watched.recorded)["tokens_mean"] == 600
    assert "v2" in bench.model.catalogue.measured
    decision = next(row for row in bench.audit if row.event == "decision")
    lines = "\n".join(decision_lines(Decision(decision.decision_id, (decision,), command)))
    assert "recorded performance of v1" in lines
    assert decision.details["role"] == "production"
    assert "  production " in lines
    assert "candidate" not in lines
    assert bench.records == bench.replayed()


def test_a_bad_version_that_was_gone_back_to_pages_and_the_split_stays(bench: LedgerBench) -> None:
    bench.serve(60, v2=SLOW)
    bench.serve(10, v1=GOOD)
    revision = bench.commands[-1].revision
    bench.serve(60, v1=Traffic(latency_ms=4_000))
    assert bench.commands[-1].revision == revision
    pages = [alert for alert in bench.alerts if alert.kind is AlertKind.NO_ROLLBACK_TARGET]
    assert len(pages) == 1
    assert "rolled back from before" in pages[0].sentence


def test_the_first_version_has_no_previous_one_and_no_baseline() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.serve(70, v1=GOOD)
    watched = _watch(bench)
    assert (watched.version, watched.recorded) == ("v1", ())
    triggers = {row.trigger: row for row in model_status(bench.state, bench.model).triggers}
    assert triggers["latency_p95"].verdict is Verdict.UNKNOWN
    assert triggers["error_rate"].verdict is Verdict.OK
    bench.serve(60, v1=Traffic(error_rate=0.3))
    (page,) = [alert for alert in bench.alerts if alert.kind is AlertKind.NO_ROLLBACK_TARGET]
    assert "no previous version is known" in page.sentence
    assert len(bench.commands) == 1
    bench.serve(300, v1=GOOD)
    states = [alert.state for alert in bench.alerts if alert.kind is AlertKind.NO_ROLLBACK_TARGET]
    assert states == [AlertState.FIRING, AlertState.RESOLVED]


def test_two_violations_of_distinct_requests_act_one_does_not(bench: LedgerBench) -> None:
    unsafe = Traffic(safety_violations=1)
    bench.serve(0.5, v2=unsafe)
    bench.serve(60, v2=GOOD)
    assert _breaches(bench) == []
    bench.serve(0.5, v2=unsafe)
    assert bench.commands[-1].action is Action.ROLLBACK
    assert "2 safety violations of the production version in 10 min" in sentences(_breaches(bench))
    assert [row.event for row in bench.audit].count("safety_violation") == 1


def test_the_same_violation_twice_is_one(bench: LedgerBench) -> None:
    for _ in range(3):
        bench.serve(0.5, v2=Traffic(safety_violations=1, unsafe_request="r-1"))
        bench.serve(15, v2=GOOD)
    assert bench.commands[-1].action is Action.PROMOTE
    triggers = {row.trigger: row for row in model_status(bench.state, bench.model).triggers}
    assert triggers["safety"].because.evidence["candidate_hits"] == 1


def test_two_violations_eleven_minutes_apart_do_not_act(bench: LedgerBench) -> None:
    few = Traffic(requests=5)
    bench.serve(0.5, v2=Traffic(safety_violations=1))
    bench.serve(665, v2=few)
    bench.serve(0.5, v2=Traffic(safety_violations=1))
    assert bench.commands[-1].action is Action.PROMOTE


def test_in_observe_mode_it_would_have(bench: LedgerBench) -> None:
    bench.request(SetMode, mode=Mode.OBSERVE)
    bench.serve(60, v2=SLOW)
    assert bench.commands[-1].action is Action.PROMOTE
    decision = next(row for row in bench.audit if row.event == "decision")
    assert decision.would_have
    assert decision.sentence.startswith("Would have rolled support back from v2 to v1")


def test_a_warning_alerts_and_leaves_no_evidence_when_it_is_over(bench: LedgerBench) -> None:
    dear = Traffic(rating=4.4, hallucination_rate=0.0, tokens=600, cost_usd=0.006)
    bench.serve(60, v2=dear)
    assert [alert.trigger for alert in _breaches(bench)] == ["cost"]
    assert bench.commands[-1].action is Action.PROMOTE
    bench.serve(120, v2=GOOD)
    assert [alert.state for alert in _breaches(bench)] == [AlertState.FIRING, AlertState.RESOLVED]


def test_a_rollout_ends_the_watch_and_its_end_begins_another(bench: LedgerBench) -> None:
    bench.serve(60, v2=Traffic(cost_usd=0.006))
    assert _breaches(bench)[-1].state is AlertState.FIRING
    bench.request(StartRollout, stable="v2", candidate="v3", weight=5_000)
    assert list(bench.model.watched) == ["v3"]
    assert _breaches(bench)[-1].sentence == "A rollout of v3 began."
    assert bench.model.catalogue.measured["v2"].tokens_per_request == 600
    bench.serve(20, v2=GOOD, v3=GOOD)
    bench.request(Rollback)
    bench.serve(10, v2=GOOD)
    assert _watch(bench).version == "v2"
    assert _watch(bench).beside == "v1"


def test_what_is_declared_stands_in_for_what_nobody_measured() -> None:
    bench = LedgerBench()
    bench.adopt(version="v1.0.0")
    performance = Performance(latency_p95_ms=1_500)
    spec = VersionSpec(version="v1.0.0", base_model="gpt-4o", performance=performance)
    bench.request(RegisterVersion, spec=spec)
    other = VersionSpec(version="v2.0.0", base_model="gpt-4o", adapter="a1")
    bench.request(RegisterVersion, spec=other)
    bench.request(StartRollout, stable="v1.0.0", candidate="v2.0.0", weight=10_000)
    bench.serve(5, **{"v2.0.0": GOOD})
    bench.request(Promote)
    bench.serve(61, **{"v2.0.0": GOOD})
    assert dict(_watch(bench).recorded) == {"latency_p95_ms": 1_500.0}


def test_without_a_watch_in_the_policy_production_is_not_judged(bench: LedgerBench) -> None:
    policy = {**policy_content(), "production": {"watch": False}}
    bench.serve(60, v2=Traffic(cost_usd=0.006))
    bench.request(ApplyPolicy, policy=policy)
    bench.serve(30, v2=SLOW)
    assert bench.model.watched == {}
    assert bench.model.incidents == {}
    assert bench.commands[-1].action is Action.PROMOTE


def test_a_tick_without_news_costs_nothing(bench: LedgerBench) -> None:
    for _ in range(10):
        bench.tick()
    before = bench.model
    bench.progress()
    bench.tick()
    assert same_but_audit(bench.model, before)


def test_status_says_what_production_is_held_against(bench: LedgerBench) -> None:
    status = model_status(bench.state, bench.model)
    assert status.watch is not None
    assert (status.watch.version, status.watch.against) == ("v2", "v1")
    lines = "\n".join(plain_lines(status))
    assert "v2 is watched against the recorded performance of v1" in lines
    assert "good so far: yes" in lines


def test_after_a_cutover_within_a_rollout_stables_record_takes_its_place() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.serve(30, v1=GOOD)
    bench.start(5_000)
    bench.serve(20, v1=GOOD, v2=GOOD)
    bench.request(SetWeight, weight=10_000)
    bench.serve(40, v2=GOOD)
    triggers = {row.trigger: row for row in model_status(bench.state, bench.model).triggers}
    assert triggers["latency_p95"].verdict is Verdict.OK
    assert "recorded performance of v1" in triggers["latency_p95"].because.sentence
    bench.serve(60, v2=SLOW)
    assert bench.commands[-1].action is Action.ROLLBACK
    assert bench.commands[-1].reasons[0].trigger == "latency_p95"


def test_a_watch_survives_a_checkpoint_and_folds_on_to_the_same_bytes(bench: LedgerBench) -> None:
    cut, thawed = len(bench.entries), taken_over(bench.state)
    bench.serve(15, v2=Traffic(error_rate=0.08))
    for entry, at in bench.entries[cut:]:
        thawed, _ = step(thawed, entry, at)
    assert freeze(thawed, MODEL) == freeze(bench.state, MODEL)
    assert bench.records == bench.replayed()
