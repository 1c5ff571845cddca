"""Scenarios: rollouts in which nothing may happen, and one in which it must.

Each rests on so many runs that a few alarms by chance do not hide, and none at all do not flatter:
what is compared with the figure to reach is the upper end of a 95 % confidence interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from confidence import upper_bound
from decision_rollouts import BLOCK_MS, TICK_MS, Rollout, Served, healthy

FEWEST = 4  # runs of a quick pass


@dataclass(frozen=True)
class Scenario:
    """Many rollouts of one kind. `below` is what the share that alarms must be shown to lie under;
    None where all have to alarm.
    """

    name: str
    rollout: Callable[[int], Rollout]
    runs: int
    below: float | None = None

    def seeds(self, scale: float) -> range:
        """One for each run."""
        return range(1_000, 1_000 + max(int(self.runs * scale), FEWEST))

    def is_met(self, alarms: int, runs: int) -> bool:
        """Whether the figure is reached; a part of the runs can only show that nothing speaks
        against it.
        """
        if self.below is None:
            return alarms == runs
        return upper_bound(alarms, runs) <= self.below if runs >= self.runs else not alarms


def _ramp(seed: int) -> Rollout:
    """From 10 % to 50 % while both arms get three times worse."""

    def serve(rng: np.random.Generator, tick: int) -> tuple[Served, Served]:
        step = max(min(tick // 40, 4), 0)
        candidate = 50 * (step + 1)
        rate = 0.02 * (1 + 2 * step / 4)
        return (
            Served(candidate, int(rng.binomial(candidate, rate))),
            Served(500 - candidate, int(rng.binomial(500 - candidate, rate))),
        )

    splits = {40 * step: 1_000 * (step + 1) for step in range(1, 5)}
    return Rollout(seed, serve, 400, splits=splits)


class Bursts:
    """A rate per block from a Beta with a mean and a correlation, shared by both arms or not."""

    def __init__(self, mean: float, rho: float, *, shared: bool, requests: tuple[int, int]) -> None:
        spread = (1 - rho) / rho
        self.shape = (mean * spread, (1 - mean) * spread)
        self.shared, self.requests = shared, requests
        self.block: int | None = None
        self.rates = (mean, mean)

    def __call__(self, rng: np.random.Generator, tick: int) -> tuple[Served, Served]:
        block = tick * TICK_MS // BLOCK_MS
        if block != self.block:
            mine, other = rng.beta(*self.shape, 2)
            self.block, self.rates = block, (mine, mine if self.shared else other)
        (mine_n, other_n), (mine_p, other_p) = self.requests, self.rates
        return (
            Served(mine_n, int(rng.binomial(mine_n, mine_p))),
            Served(other_n, int(rng.binomial(other_n, other_p))),
        )

    def of_a_block(self, rng: np.random.Generator) -> Served:
        """What stable serves in a block before the rollout."""
        requests = self.requests[1] * (BLOCK_MS // TICK_MS)
        return Served(requests, int(rng.binomial(requests, rng.beta(*self.shape))))


def _bursts(
    mean: float, rho: float, *, shared: bool, beside: bool = True
) -> Callable[[int], Rollout]:
    def build(seed: int) -> Rollout:
        serve = Bursts(mean, rho, shared=shared, requests=(50, 450))
        return Rollout(
            seed,
            serve,
            600,
            weight=1_000 if beside else 10_000,
            beside=beside,
            before_ticks=20,
            history=serve.of_a_block,
            history_blocks=360,
        )

    return build


class SlowSpells:
    """Arms that are alike, each with blocks of its own that are slower or faster by a log-normal
    factor.
    """

    def __init__(self, sigma: float, requests: tuple[int, int]) -> None:
        self.sigma, self.requests = sigma, requests
        self.block: int | None = None
        self.factors = [1.0, 1.0]

    def __call__(self, rng: np.random.Generator, tick: int) -> tuple[Served, Served]:
        block = tick * TICK_MS // BLOCK_MS
        if block != self.block:
            self.block = block
            self.factors = np.exp(self.sigma * rng.normal(size=2)).tolist()
        mine, other = zip(self.requests, self.factors, strict=True)
        return Served(mine[0], slower=mine[1]), Served(other[0], slower=other[1])


def _slow_spells(seed: int) -> Rollout:
    return Rollout(seed, SlowSpells(0.3, (50, 450)), 600, weight=1_000)


class Cutover:
    """Traffic that starts at tick 0: successes of a median of 8 s, failures at once."""

    def __init__(self, rate: float, per_tick: int = 50) -> None:
        self.rate, self.per_tick = rate, per_tick
        self.due: dict[int, int] = {}

    def __call__(self, rng: np.random.Generator, tick: int) -> tuple[Served, Served]:
        stable = Served(self.per_tick, int(rng.binomial(self.per_tick, self.rate)), slower=10.0)
        if tick < 0:
            return Served(0), stable
        sent = self.per_tick
        failed = int(rng.binomial(sent, self.rate))
        latency_s = rng.lognormal(np.log(8.0), 0.6, sent - failed)
        for late in (tick + (latency_s / (TICK_MS / 1000)).astype(int)).tolist():
            self.due[late] = self.due.get(late, 0) + 1
        done = self.due.pop(tick, 0)
        return Served(done + failed, failed), stable


def _cutover(rate: float) -> Callable[[int], Rollout]:
    def build(seed: int) -> Rollout:
        return Rollout(
            seed,
            Cutover(rate),
            240,
            weight=10_000,
            warm_up=True,
            rate_per_s=100,
            beside=False,
        )

    return build


def scenarios() -> list[Scenario]:
    """Every scenario."""
    return [
        Scenario(
            "identical healthy arms, all triggers", lambda s: Rollout(s, healthy, 300), 600, 0.005
        ),
        Scenario("ramp while both arms worsen", _ramp, 600, 0.005),
        Scenario("shared outage bursts, rho .1", _bursts(0.05, 0.1, shared=True), 600, 0.005),
        Scenario("bursts rho .1 at 60 % of the limit", _bursts(0.03, 0.1, shared=False), 320, 0.02),
        Scenario(
            "bursts rho .03 at 60 % of the limit, no stable",
            _bursts(0.03, 0.03, shared=False, beside=False),
            320,
            0.02,
        ),
        Scenario("identical arms, each with slow spells (sigma .3)", _slow_spells, 150, 0.02),
        Scenario("cutover, slow successes, 1 % errors", _cutover(0.01), 600, 0.005),
        Scenario("cutover, slow successes, 3 % errors", _cutover(0.03), 600, 0.005),
        Scenario("cutover to 50 % errors", _cutover(0.5), 100),
    ]
