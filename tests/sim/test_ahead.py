"""Drawing ahead: who looks sees what drawing look by look would show, and nothing stale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headgate.sdk.split import SplitTable
from headgate.sim.ahead import MOST, Ahead, Sent
from headgate.sim.flows import Flow
from headgate.sim.script import Script
from headgate.sim.world import World

ROW, LOOK_MS = ("v2", 3), 10_000
TABLE = SplitTable("m", 3, "salt", [("v2", 10_000)])
START = {"type": "start_rollout", "stable": "v1", "candidate": "v2", "weight": 500}


def ahead(seed: int = 1, **parts: Any) -> Ahead:
    content = {"name": "test", "lasts": "2d", "rate": 50, "requests": [START], **parts}
    world = World(Script.model_validate(content))
    return Ahead(np.random.default_rng(seed), world, LOOK_MS, np.random.default_rng(seed))


def take(ahead: Ahead, at_ms: int, seconds: tuple[float, ...]) -> Sent:
    return ahead.take(Flow(TABLE, 0, ROW, (), seconds), at_ms)


def test_requests_follow_the_rate_of_the_hour_and_each_router_s_share() -> None:
    drawn = ahead(daily={"swing": 0.5, "peak_hour": 9})
    looks = [take(drawn, at * LOOK_MS, (2.0, 4.0)).requests for at in range(8_640)]
    first, second = np.array(looks).sum(0)
    assert first + second == pytest.approx(6 * 50 * len(looks), rel=0.005)
    assert second == pytest.approx(2 * first, rel=0.01)
    quarter = len(looks) // 4
    peak, trough = np.sum(looks[:quarter]), np.sum(looks[quarter : 2 * quarter])
    assert peak > 1.5 * trough
    counts = np.array(looks[: 3 * MOST]).sum(-1)
    assert counts.var() == pytest.approx(counts.mean(), rel=0.5)  # Poisson


def test_every_request_has_an_outcome_or_was_swallowed() -> None:
    drawn = ahead(arms={"v2": {"error_rate": 0.2}})
    for at in range(300):
        sent = take(drawn, at * LOOK_MS, (1.0, 0.0))
        assert sum(sent.requests) == sent.served.outcomes.requests
        assert sent.requests[1] == 0
        assert sum(sent.served.outcomes.errors.values()) == sent.served.failed


def test_a_version_that_turns_bad_is_bad_from_the_first_look_after_it() -> None:
    drawn = ahead(changes=[{"at": "5m", "arms": ["v2"], "set": {"error_rate": 1.0}}])
    for at in range(1, 60):
        sent = take(drawn, at * LOOK_MS, (5.0,))
        assert (sent.served.failed == sum(sent.requests)) == (at > 30)


def test_a_look_that_comes_otherwise_is_drawn_anew() -> None:
    drawn = ahead()
    for at in range(40):
        take(drawn, at * LOOK_MS, (5.0, 5.0))
    assert sum(take(drawn, 40 * LOOK_MS, (0.0, 0.0)).requests) == 0
    assert sum(take(drawn, 41 * LOOK_MS, (500.0,)).requests) == pytest.approx(25_000, rel=0.1)
    assert sum(take(drawn, 99 * LOOK_MS, (500.0,)).requests) == pytest.approx(25_000, rel=0.1)
