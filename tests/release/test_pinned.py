"""The watch over pinned callers: deprecated versions that answer are judged, and only told of."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from headgate.cli.view import plain_lines
from headgate.measure.windows import Tables
from headgate.release.checkpoints import freeze, freeze_marker, thaw_newest
from headgate.release.fold import step
from headgate.release.pinned import MAX_PINNED
from headgate.release.splits import weight_of
from headgate.release.state import Watched
from headgate.release.status import model_status
from headgate.vocabulary import Action, AlertKind, AlertState, Mode, Status, Verdict
from headgate.wire.alerts import Alert
from headgate.wire.rollout_requests import (
    ApplyPolicy,
    Promote,
    Rollback,
    SetMode,
    SetWeight,
    StartRollout,
)
from headgate.wire.status import TriggerStatus, VersionStatus, WatchStatus
from support.ledger import MODEL, LedgerBench, Traffic, policy_content, same_but_audit

GOOD = Traffic(rating=4.4, hallucination_rate=0.0, tokens=600, cost_usd=0.002)
PINNED = replace(GOOD, requests=5, revision=0)  # routers give what was pinned no revision
BUSY = replace(PINNED, requests=50)
BROKEN = replace(PINNED, error_rate=0.3)
DAY_S = 86_400
SEEDS = (1, 2, 3)


def _promote(bench: LedgerBench, candidate: str, seconds: float = 20) -> None:
    stable = bench.model.production
    bench.request(StartRollout, stable=stable, candidate=candidate, weight=5_000)
    bench.serve(seconds, **{stable: GOOD, candidate: GOOD})
    assert bench.request(Promote).event == "accepted"


def _deprecated(seed: int = 1) -> LedgerBench:
    """v3 in production, v2 before it, and v1 deprecated."""
    bench = LedgerBench(seed)
    bench.adopt()
    bench.serve(30, v1=GOOD)
    for version in ("v2", "v3"):
        _promote(bench, version)
    assert bench.model.versions["v1"].status is Status.DEPRECATED
    return bench


def _watched(seed: int = 1) -> LedgerBench:
    """The same, and callers who pinned v1 have been heard for a while."""
    bench = _deprecated(seed)
    bench.serve(180, v3=GOOD, v1=PINNED)
    return bench


WATCHED = _watched()


@pytest.fixture
def bench() -> LedgerBench:
    return deepcopy(WATCHED)


def _told(bench: LedgerBench) -> list[Alert]:
    return [alert for alert in bench.alerts if alert.kind is AlertKind.PINNED_BREACH]


def _states(bench: LedgerBench, trigger: str) -> list[AlertState]:
    return [alert.state for alert in _told(bench) if alert.trigger == trigger]


def _open(bench: LedgerBench) -> dict[str, set[str]]:
    """The triggers of open alerts, by version."""
    found: dict[str, set[str]] = {}
    for row in bench.model.incidents.values():
        if row.kind is AlertKind.PINNED_BREACH:
            found.setdefault(row.version, set()).add(row.trigger)
    return found


def _watch(bench: LedgerBench, version: str = "v1") -> Watched:
    return bench.model.pinned[version]


def _of(bench: LedgerBench, version: str = "v1") -> VersionStatus:
    rows = model_status(bench.state, bench.model).versions
    return next(row for row in rows if row.version == version)


def _said(bench: LedgerBench) -> WatchStatus:
    """What status says of the watch over v1."""
    watch = _of(bench).watch
    assert watch is not None
    return watch


def _trigger(bench: LedgerBench, name: str) -> TriggerStatus:
    return next(row for row in _of(bench).triggers if row.trigger == name)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pinned_version_that_turns_bad_is_told_and_the_split_is_left_alone(seed: int) -> None:
    bench = _watched(seed)
    commands = len(bench.commands)
    bench.serve(30, v3=GOOD, v1=BROKEN)
    (alert,) = [alert for alert in _told(bench) if alert.trigger == "error_rate"]
    assert (alert.versions, alert.trigger, alert.deadline_ms) == (("v1",), "error_rate", None)
    assert alert.sentence.startswith(
        "v1 is deprecated, and only callers who pinned it meet this: Error rate"
    )
    assert "over the limit 5.00%: proven" in alert.sentence
    assert "Move them to v3, the version in production" in alert.sentence
    assert alert.commands == ("headgate status support", "headgate lifecycle plan support")
    bench.serve(20, v3=GOOD, v1=BROKEN)
    assert len(bench.commands) == commands
    assert bench.model.production == "v3"
    assert not [row for row in bench.audit if row.event == "decision"]
    assert _states(bench, "error_rate") == [AlertState.FIRING]
    bench.serve(60, v3=GOOD, v1=BUSY)
    assert _states(bench, "error_rate") == [AlertState.FIRING, AlertState.RESOLVED]
    assert bench.records == bench.replayed()


def test_what_comes_after_an_alert_that_is_over_is_proven_anew(bench: LedgerBench) -> None:
    for _ in range(2):
        bench.serve(10, v3=GOOD, v1=BROKEN)
        bench.serve(60, v3=GOOD, v1=BUSY)
    fired, over = AlertState.FIRING, AlertState.RESOLVED
    assert _states(bench, "error_rate") == [fired, over, fired, over]


@pytest.mark.parametrize("seed", SEEDS)
def test_three_hundred_thousand_healthy_pinned_requests_are_silent(seed: int) -> None:
    bench = _watched(seed)
    commands = len(bench.commands)
    bench.serve(150, v3=GOOD, v1=replace(PINNED, requests=1_000))
    assert _said(bench).requests > 300_000
    assert _told(bench) == []
    assert len(bench.commands) == commands


def test_it_is_held_against_what_is_recorded_of_itself(bench: LedgerBench) -> None:
    known = dict(_watch(bench).recorded)
    assert known["latency_p95_ms"] == bench.model.catalogue.measured["v1"].latency_p95_ms
    assert _trigger(bench, "latency_p95").verdict is Verdict.OK
    bench.serve(60, v3=GOOD, v1=replace(PINNED, latency_ms=2_400))
    assert "latency_p95" in {alert.trigger for alert in _told(bench)}
    assert "1.5 times the recorded performance of v1" in _told(bench)[0].sentence


def test_where_nothing_is_recorded_it_is_unknown_and_own_limits_hold() -> None:
    bench = LedgerBench()
    bench.adopt()
    for version in ("v2", "v3"):
        _promote(bench, version, seconds=0)
    bench.serve(190, v3=GOOD, v1=PINNED)
    assert _watch(bench).recorded == ()
    row = _trigger(bench, "latency_p95")
    assert row.verdict is Verdict.UNKNOWN
    assert "nothing is recorded of v1" in row.because.sentence
    assert _trigger(bench, "error_rate").verdict is Verdict.OK
    bench.serve(60, v3=GOOD, v1=replace(BROKEN, latency_ms=9_000))
    assert _open(bench) == {"v1": {"error_rate"}}


def test_it_goes_on_during_a_rollout_which_neither_touches_it_nor_is_touched() -> None:
    bench = _watched()
    began = _said(bench)
    before = _watch(bench)
    bench.request(StartRollout, stable="v3", candidate="v4", weight=500)
    assert _watch(bench) is before
    bench.serve(30, v3=GOOD, v4=GOOD, v1=PINNED)
    before = _watch(bench)
    assert bench.request(SetWeight, weight=2_000).event == "accepted"
    assert _watch(bench) is before
    bench.serve(30, v3=GOOD, v4=GOOD, v1=BROKEN)
    assert "error_rate" in _open(bench)["v1"]
    assert _said(bench).since_ms == began.since_ms
    assert _said(bench).requests > began.requests + 500
    assert list(bench.model.watched) == ["v4"]
    assert bench.model.watched["v4"].beside == "v3"
    status = model_status(bench.state, bench.model)
    assert {row.version for row in status.triggers} == {"v4"}
    assert bench.request(SetWeight, weight=5_000).event == "accepted"  # it forbids nothing
    assert bench.request(Promote).event == "accepted"
    bench.serve(5, v4=GOOD, v1=BROKEN)
    assert "error_rate" in _open(bench)["v1"]
    assert _states(bench, "error_rate") == [AlertState.FIRING]


def test_a_rollback_beside_it_leaves_watch_and_alert_alone() -> None:
    bench = _watched()
    bench.serve(30, v3=GOOD, v1=BROKEN)
    bench.request(StartRollout, stable="v3", candidate="v4", weight=5_000)
    assert "error_rate" in _open(bench)["v1"]
    bench.serve(60, v3=GOOD, v4=replace(GOOD, error_rate=0.3), v1=BROKEN)
    command = bench.commands[-1]
    assert (command.action, command.from_version) == (Action.ROLLBACK, "v4")
    assert "error_rate" in _open(bench)["v1"]
    assert _states(bench, "error_rate") == [AlertState.FIRING]


def test_it_ends_when_the_version_is_archived() -> None:
    bench = _deprecated()
    for _ in range(27):
        bench.serve(1, v3=GOOD)
        bench.tick(DAY_S)
    plan = model_status(bench.state, bench.model).lifecycle
    (at_ms,) = [row.at_ms for row in plan if (row.version, row.step) == ("v1", "archive")]
    assert at_ms is not None
    bench.tick((at_ms - bench.now_ms) / 1000 - 300)
    bench.serve(180, v3=GOOD, v1=BROKEN)
    assert "error_rate" in _open(bench)["v1"]
    bench.serve(240, v3=GOOD, v1=BROKEN)
    assert bench.model.versions["v1"].status is Status.ARCHIVED
    assert bench.model.pinned == {}
    assert _told(bench)[-1].state is AlertState.RESOLVED
    assert _told(bench)[-1].sentence == "v1 is archived now."
    assert bench.records == bench.replayed()


def test_it_ends_when_the_version_is_in_production_again(bench: LedgerBench) -> None:
    bench.serve(30, v3=GOOD, v1=BROKEN)
    assert bench.request(Rollback, version="v3").event == "accepted"
    assert bench.request(Rollback, version="v2").event == "accepted"
    bench.tick()
    assert bench.model.production == "v1"
    assert "v1" not in bench.model.pinned
    assert _told(bench)[-1].sentence == "v1 is production now."


def test_it_ends_when_nobody_has_asked_for_an_hour_and_not_before(bench: LedgerBench) -> None:
    bench.serve(30, v3=GOOD, v1=BROKEN)
    for _ in range(11):
        bench.serve(1, v3=GOOD)
        bench.tick(300)
    assert "error_rate" in _open(bench)["v1"]
    bench.tick(600)
    assert "error_rate" in _open(bench)["v1"]  # while telemetry is stale nobody can say that
    bench.serve(1, v3=GOOD)
    assert bench.model.pinned == {}
    assert "nobody who pinned v1 was heard for an hour" in _told(bench)[-1].sentence


def test_two_violations_of_safety_by_distinct_requests_are_told_one_is_not(
    bench: LedgerBench,
) -> None:
    unsafe = replace(PINNED, safety_violations=1)
    bench.serve(0.5, v3=GOOD, v1=unsafe)
    bench.serve(30, v3=GOOD, v1=PINNED)
    assert _told(bench) == []
    bench.serve(0.5, v3=GOOD, v1=unsafe)
    (alert,) = _told(bench)
    assert "2 safety violations of the deprecated version in 10 min" in alert.sentence
    bench.serve(660, v3=replace(GOOD, requests=2), v1=PINNED)
    assert _told(bench)[-1].state is AlertState.RESOLVED


def test_in_observe_mode_it_is_told_as_such_and_anew_when_headgate_enforces(
    bench: LedgerBench,
) -> None:
    bench.request(SetMode, mode=Mode.OBSERVE)
    bench.serve(30, v3=GOOD, v1=BROKEN)
    bench.request(SetMode, mode=Mode.ENFORCE)
    bench.serve(1, v3=GOOD, v1=BROKEN)
    fired, over = AlertState.FIRING, AlertState.RESOLVED
    rows = [(row.state, row.would_have) for row in _told(bench) if row.trigger == "error_rate"]
    assert rows == [(fired, True), (over, True), (fired, False)]


def test_while_telemetry_is_stale_nothing_is_told(bench: LedgerBench) -> None:
    bench.tick(16)
    for _ in range(60):
        bench._serve_half_a_second("v1", BROKEN)
        bench.tick()
    assert _trigger(bench, "error_rate").verdict is Verdict.UNKNOWN
    assert "good so far for who pinned it: not known" in "\n".join(
        plain_lines(model_status(bench.state, bench.model))
    )
    assert _told(bench) == []
    bench.serve(5, v3=GOOD, v1=BROKEN)
    assert "error_rate" in _open(bench)["v1"]


def test_what_was_in_flight_when_production_was_rolled_back_is_nobodys_pin() -> None:
    bench = _deprecated()
    revision = bench.commands[-1].revision
    bench.serve(70, v3=GOOD)
    bench.tick((118_000 - bench.now_ms % 60_000) / 1000)  # minutes are what is kept of an hour
    bench.request(Rollback, version="v3")
    assert bench.model.versions["v3"].status is Status.DEPRECATED
    late = replace(GOOD, error_rate=0.5, revision=revision)
    bench.serve(110, v2=GOOD, v3=replace(late, revision=0))
    bench.serve(100, v2=GOOD, v3=late)
    assert bench.model.pinned == {}
    assert _told(bench) == []


def test_what_carries_a_revision_was_not_pinned_and_does_not_count(bench: LedgerBench) -> None:
    heard = _said(bench).requests
    bench.serve(30, v3=GOOD, v1=replace(BUSY, error_rate=0.3, revision=None))
    assert _said(bench).requests == heard
    assert _told(bench) == []


def test_another_policy_begins_the_watch_anew_and_one_without_a_watch_ends_it(
    bench: LedgerBench,
) -> None:
    policy = policy_content()
    bench.serve(30, v3=GOOD, v1=BROKEN)
    bench.request(ApplyPolicy, policy={**policy, "description": "another"})
    assert "error_rate" in _open(bench)["v1"]  # of the same trigger
    assert _watch(bench).evidence is None
    bench.serve(60, v3=GOOD, v1=PINNED)
    assert _said(bench).requests < 700
    assert _told(bench)[-1].state is AlertState.RESOLVED
    bench.serve(30, v3=GOOD, v1=BROKEN)
    bench.request(ApplyPolicy, policy={**policy, "production": {"watch": False}})
    bench.serve(30, v3=GOOD, v1=BROKEN)
    assert bench.model.pinned == {}
    assert _told(bench)[-1].sentence == "The policy watches production no more."


def test_a_tick_without_news_changes_nothing(bench: LedgerBench) -> None:
    for _ in range(20):
        bench.tick()
    before = bench.model
    bench.progress()
    bench.tick()
    assert same_but_audit(bench.model, before)


def test_it_survives_a_checkpoint_and_folds_on_to_the_same_bytes(bench: LedgerBench) -> None:
    cut, table, names = len(bench.entries), {}, []
    for model in ("", MODEL):
        name, parts = freeze(bench.state, model)
        names.append(name)
        table.update(parts)
    key, value = freeze_marker(bench.state, names)
    loaded = thaw_newest({**table, key: value}, 0)
    assert loaded is not None
    thawed: Any = loaded.state
    bench.serve(30, v3=GOOD, v1=BROKEN)
    for entry, at in bench.entries[cut:]:
        thawed, _ = step(thawed, entry, at)
    assert "error_rate" in _open(bench)["v1"]
    assert freeze(thawed, MODEL) == freeze(bench.state, MODEL)
    assert bench.records == bench.replayed()


def test_status_tells_what_the_watch_says(bench: LedgerBench) -> None:
    watch = _said(bench)
    assert (_of(bench).lifecycle, watch.version, watch.against) == ("deprecated", "v1", "v1")
    assert watch.month_requests == pytest.approx(10 * 30 * DAY_S, rel=0.2)  # of its own
    status = model_status(bench.state, bench.model)
    lines = "\n".join(plain_lines(status))
    assert "v1 is deprecated; good so far for who pinned it: yes" in lines
    bench.serve(30, v3=GOOD, v1=BROKEN)
    status = model_status(bench.state, bench.model)
    lines = "\n".join(plain_lines(status))
    assert "v1 is deprecated; good so far for who pinned it: no: Error rate" in lines
    assert "good so far: yes" in lines  # of the version in production
    assert "headgate lifecycle plan support" in lines
    assert status.unjudged == ()
    assert "headgate rollout start support" in lines  # what pinned callers meet forbids nothing
    assert {trigger.version for trigger in status.triggers} == {"v3"}


def test_eight_at_a_time_are_judged_in_a_state_below_64_kb() -> None:
    bench = LedgerBench()
    bench.adopt(version="v1")
    for number in range(2, 51):
        _promote(bench, f"v{number}", seconds=0)
        bench.tick(DAY_S / 2)
    rows = bench.model.versions.values()
    old = [row.version for row in rows if row.status is Status.DEPRECATED][:10]
    bench.serve(150, v50=GOOD, **dict.fromkeys(old, replace(PINNED, requests=2)))
    assert len(bench.model.pinned) == MAX_PINNED
    left_out = sorted(set(old) - set(bench.model.pinned))
    status = model_status(bench.state, bench.model)
    assert (len(left_out), list(status.unjudged)) == (2, left_out)
    assert (
        f"not judged, though pinned callers ask for it: {', '.join(left_out)} "
        f"({MAX_PINNED} are, the most at a time)"
    ) in "\n".join(plain_lines(status))
    alone = msgspec.structs.replace(
        bench.model, tables=Tables(totals=bench.model.tables.totals)
    )  # what is counted is kept of every version that answers, judged or not
    state = msgspec.structs.replace(bench.state, models={MODEL: alone})
    _, parts = freeze(state, MODEL)
    assert sum(map(len, parts.values())) < 64_000


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.verify) for seed in (2, 3))]
)
def test_in_random_lives_pinned_callers_are_told_and_never_decide(seed: int) -> None:
    chance, bench = random.Random(seed), _deprecated(seed)
    ended_by = {Action.ROLLBACK, Action.SET_WEIGHTS, Action.PROMOTE}
    for number in range(60):
        _random_step(bench, chance, number)
        state = bench.model
        assert all(state.versions[name].status is Status.DEPRECATED for name in state.pinned)
        assert all(weight_of(state, name) == 0 for name in state.pinned)
        assert not set(state.pinned) & set(state.watched)
        assert set(_open(bench)) <= set(state.pinned)
    assert not [row for row in bench.commands if row.action in ended_by and not row.operator]
    broken = {"entry_not_applied", "model_not_judged"}
    assert not [row for row in bench.alerts if row.kind in broken]
    assert len(_told(bench)) > 3
    bench.tick(2 * 3_600)
    bench.serve(1, **{bench.model.production: GOOD})
    assert bench.model.pinned == {}
    assert _open(bench) == {}
    assert bench.records == bench.replayed()


def _random_step(bench: LedgerBench, chance: random.Random, number: int) -> None:
    state, what = bench.model, chance.random()
    if what < 0.15:
        asked = {"stable": state.production, "candidate": f"n{number}", "weight": 5_000}
        bench.request(StartRollout, **asked)
    elif what < 0.30:
        asked = ((Promote, {}), (Promote, {}), (Rollback, {"version": state.production}))
        kind, fields = chance.choice(asked if state.rollout is None else ((Rollback, {}), *asked))
        bench.request(kind, **fields)
    elif what < 0.35:
        bench.request(SetWeight, weight=chance.choice((100, 5_000)))
    elif what < 0.40:
        bench.request(SetMode, mode=chance.choice((Mode.OBSERVE, Mode.ENFORCE)))
    elif what < 0.45:
        bench.tick(chance.choice((60, 60, 1_800, DAY_S)))
    old = [row.version for row in state.versions.values() if row.status is Status.DEPRECATED]
    pinned = {name: chance.choice((PINNED, BROKEN, BROKEN)) for name in old[-3:]}
    command = bench.model.command
    live = {row.version: GOOD for row in command.weights if row.weight} if command else {}
    bench.serve(chance.choice((3, 9)), **(pinned | live))
