"""Choices beside outcomes: a candidate that swallows requests, and arms heard unequally."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from headgate.judge.routing import (
    Answered,
    History,
    Point,
    answered,
    completeness,
    is_uneven,
    with_point,
)
from headgate.vocabulary import Action, AlertKind, AlertState, RolloutKind
from headgate.wire.acks import Choices
from headgate.wire.rollout_requests import ApplyPolicy, SetWeight, Step
from support.ledger import LedgerBench, Traffic, policy_content

GOOD = Traffic(requests=20)


class _Routers:
    """Acks whose choices grow with what was sent to each version."""

    def __init__(self, bench: LedgerBench) -> None:
        self.bench = bench
        self.sent: Counter[tuple[int, str]] = Counter()
        self.started_at_ms = 0

    def serve(self, seconds: float, sent: dict[str, int], **arms: Traffic) -> None:
        command = self.bench.model.command
        assert command is not None
        for number in range(int(seconds * 2)):
            for version, count in sent.items():
                self.sent[command.revision, version] += count
            self.bench.serve(0.5, **arms)
            if number % 10 == 0:
                choices = tuple(
                    Choices(version=version, revision=revision, count=count)
                    for (revision, version), count in self.sent.items()
                )
                self.bench.ack("r2", choices=choices, started_at_ms=self.started_at_ms)


def _started() -> tuple[LedgerBench, _Routers]:
    bench = LedgerBench()
    bench.adopt()
    bench.serve(20, v1=GOOD)
    bench.start(5000)
    return bench, _Routers(bench)


def test_a_candidate_that_swallows_its_requests_is_rolled_back() -> None:
    bench, routers = _started()
    routers.serve(40, {"v1": 20, "v2": 20}, v1=GOOD)
    command = bench.commands[-1]
    assert command.action is Action.ROLLBACK
    assert [because.trigger for because in command.reasons] == ["silent"]
    assert "swallows requests" in command.reasons[0].sentence


def test_a_candidate_that_falls_silent_later_is_rolled_back_too() -> None:
    bench, routers = _started()
    routers.serve(120, {"v1": 20, "v2": 20}, v1=GOOD, v2=GOOD)
    assert bench.commands[-1].action is Action.SET_WEIGHTS
    routers.serve(60, {"v1": 20, "v2": 20}, v1=GOOD)
    assert bench.commands[-1].action is Action.ROLLBACK


def test_a_slow_model_is_looked_back_at_for_as_many_choices_as_its_policy_needs() -> None:
    policy = policy_content()
    for row in policy["triggers"]:
        if row["name"] == "silent":
            row["min_samples"] = 200
    bench = LedgerBench()
    bench.adopt(policy)
    bench.serve(20, v1=GOOD)
    bench.start(5000)
    _Routers(bench).serve(120, {"v1": 3, "v2": 3}, v1=Traffic(requests=3))
    assert bench.commands[-1].action is Action.ROLLBACK
    assert bench.commands[-1].reasons[0].evidence["candidate_samples"] >= 200


def test_a_candidate_that_is_not_chosen_is_not_silent() -> None:
    bench, routers = _started()
    routers.serve(60, {"v1": 20, "v2": 0}, v1=GOOD)
    assert bench.commands[-1].action is Action.SET_WEIGHTS


def test_silence_of_both_arms_is_unknown() -> None:
    bench, routers = _started()
    routers.serve(40, {"v1": 20, "v2": 20})
    assert bench.commands[-1].action is Action.SET_WEIGHTS


def test_arms_heard_unequally_alert_and_resolve() -> None:
    bench, routers = _started()
    routers.serve(150, {"v1": 20, "v2": 20}, v1=GOOD, v2=Traffic(requests=16))
    alert = next(a for a in bench.alerts if a.kind is AlertKind.UNEVEN_COMPLETENESS)
    assert alert.state is AlertState.FIRING
    routers.serve(700, {"v1": 20, "v2": 20}, v1=GOOD, v2=GOOD)
    assert bench.alerts[-1].alert_id == alert.alert_id
    assert bench.alerts[-1].state is AlertState.RESOLVED


def test_a_router_that_restarts_counts_anew() -> None:
    bench, routers = _started()
    routers.serve(20, {"v1": 20, "v2": 20}, v1=GOOD, v2=GOOD)
    before = bench.model.choices["v2"]
    routers.sent, routers.started_at_ms = Counter(), 1
    routers.serve(10, {"v1": 20, "v2": 20}, v1=GOOD, v2=GOOD)
    assert before < bench.model.choices["v2"] <= before + 10 * 2 * 20


def test_only_choices_that_had_time_to_finish_are_asked_for() -> None:
    history = (Point(0), Point(5_000, 40, 40, 0, 10), Point(10_000, 80, 80, 0, 30))
    now = Point(19_000, 400, 400, 1, 200)
    assert answered(history, now, 1_000, 50) is None
    later = Point(21_000, 400, 400, 1, 200)
    assert answered(history, later, 1_000, 50) == Answered(80, 1, 200)


def test_a_history_keeps_one_point_in_five_seconds_and_some_minutes() -> None:
    history: tuple[Point, ...] = ()
    for second in range(1_000):
        history = with_point(history, Point(second * 1_000))
    assert len(history) == 64
    assert {b.at_ms - a.at_ms for a, b in pairwise(history)} == {5_000}


@pytest.mark.parametrize(("lost", "uneven"), [(0, False), (3, False), (10, True)])
def test_completeness_compares_what_was_heard_of_what_was_chosen(lost: int, uneven: bool) -> None:
    history = tuple(
        Point(at * 5_000, at * 100, at * 100, max(at - 3, 0) * (100 - lost), max(at - 3, 0) * 100)
        for at in range(40)
    )
    shares = completeness(history, history[-1], 5_000, 0)
    assert shares is not None
    assert is_uneven(shares) is uneven


@pytest.mark.parametrize("settled", [100, None])
def test_a_split_that_changes_is_compared_from_when_it_has_settled(settled: int | None) -> None:
    """Both arms answer everything after 5 s; after 500 s stable gets a tenth of what it got."""
    shares = [1_000 if at <= 100 else 100 for at in range(130)]
    chosen = np.cumsum(shares).tolist()
    history = tuple(
        Point(at * 5_000, at * 1_000, chosen[at], (at - 1) * 1_000, chosen[at - 1])
        for at in range(66, 130)
    )
    seen = completeness(history, history[-1], 30_000, (settled or 0) * 5_000)
    assert seen is not None
    assert is_uneven(seen) is (settled is None)
    assert completeness(history, history[-1], 30_000, history[-9].at_ms) is None


def test_few_requests_part_the_arms_by_chance_alone() -> None:
    rng = np.random.default_rng(4)
    drawn = rng.poisson(80, (500, 2, 40))
    chosen = np.cumsum(drawn, axis=-1)
    told = []
    for mine, other in chosen.tolist():
        history = tuple(
            Point(at * 5_000, mine[at], other[at], mine[at], other[at]) for at in range(20)
        )
        told.append(completeness(history, history[-1], 30_000, 0))
    seen = [heard for heard in told if heard is not None]
    assert len(seen) == len(drawn)
    assert not any(map(is_uneven, seen))
    assert any(abs(heard.candidate - heard.stable) > 0.05 for heard in seen)


def test_a_policy_applied_on_the_way_makes_nobody_silent() -> None:
    bench, routers = _started()
    routers.serve(60, {"v1": 20, "v2": 20}, v1=GOOD, v2=GOOD)
    policy = {**policy_content(), "description": "another"}
    assert bench.request(ApplyPolicy, policy=policy).event == "accepted"
    routers.serve(60, {"v1": 20, "v2": 20}, v1=GOOD, v2=GOOD)
    assert bench.commands[-1].action is Action.SET_WEIGHTS
    routers.serve(60, {"v1": 20, "v2": 20}, v1=GOOD)
    assert bench.commands[-1].action is Action.ROLLBACK


def test_choices_that_were_answered_before_a_phase_and_told_in_it_are_due_nothing() -> None:
    bench, routers = _started()
    routers.serve(60, {"v1": 20, "v2": 20}, v1=GOOD, v2=GOOD)
    policy = {**policy_content(), "description": "another"}
    bench.request(ApplyPolicy, policy=policy)
    routers.serve(60, {"v1": 20}, v1=GOOD)
    assert bench.model.choices["v2"] == sum(n for (_, v), n in routers.sent.items() if v == "v2")
    assert bench.commands[-1].action is Action.SET_WEIGHTS


@pytest.mark.parametrize("untold", range(0, 10, 3))
def test_a_candidate_that_is_given_nothing_any_more_is_not_silent(untold: int) -> None:
    """Whenever its routers tell of what they chose last."""
    bench, routers = _started()
    routers.serve(60, {"v1": 20, "v2": 20}, v1=GOOD, v2=GOOD)
    routers.serve(untold / 2 + 0.5, {"v1": 20, "v2": 20}, v1=GOOD, v2=GOOD)
    bench.request(SetWeight, weight=0)
    routers.serve(60, {"v1": 20}, v1=GOOD)
    assert bench.model.choices["v2"] == sum(n for (_, v), n in routers.sent.items() if v == "v2")
    assert bench.commands[-1].action is Action.SET_WEIGHTS


def test_a_silent_candidate_is_found_in_steps_as_short_as_two_acks() -> None:
    policy = policy_content()
    policy["triggers"] = [row for row in policy["triggers"] if row["name"] in {"silent", "safety"}]
    bench = LedgerBench()
    bench.adopt(policy)
    bench.serve(20, v1=GOOD)
    weights = range(3_000, 9_000, 500)
    steps = tuple(Step(weight=weight, hold_ms=20_000, max_hold_ms=40_000) for weight in weights)
    bench.start(0, kind=RolloutKind.CANARY, steps=steps)
    sent: Counter[tuple[int, str]] = Counter()
    for number in range(400):
        command = bench.model.command
        assert command is not None
        if command.action is Action.ROLLBACK:
            break
        for row in command.weights:
            sent[command.revision, row.version] += 40 * row.weight // 10_000
        bench.serve(0.5, v1=GOOD)
        if number % 20 == 0:
            rows = [Choices(version=v, revision=r, count=n) for (r, v), n in sorted(sent.items())]
            bench.ack("r2", choices=tuple(rows), started_at_ms=1)
    assert [row.trigger for row in bench.commands[-1].reasons] == ["silent"]
    assert bench.commands[-1].to_version == "v1"


def _naive(history: History, now: Point, ripe_ms: int, enough: int) -> Answered | None:
    ripe = [point for point in history if point.at_ms <= ripe_ms]
    for since in reversed(ripe):
        choices = ripe[-1].candidate_choices - since.candidate_choices
        if choices >= enough:
            heard = [p for p in history if p.at_ms <= since.at_ms - 20_000] or [history[0]]
            return Answered(
                choices,
                now.candidate_outcomes - heard[-1].candidate_outcomes,
                now.stable_outcomes - heard[-1].stable_outcomes,
            )
    return None


def test_what_is_answered_is_what_looking_at_every_point_finds() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        steps = rng.integers([5_000, 0, 0, 0, 0], [14_000, 40, 300, 40, 300], (12, 5))
        *history, now = (Point(*row) for row in steps.cumsum(0).tolist())
        found = answered(tuple(history), now, 1_000, 50)
        assert found == _naive(tuple(history), now, now.at_ms - 11_000, 50)
