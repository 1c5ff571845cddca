"""Whole rollouts: the default policy's triggers together, through the fold's own observing code.

Each run is one rollout: ticks of half a second, blocks of ten seconds, design effects estimated
from stable, both arms under revisions, warm-up, holds and the combination of all triggers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml

from headgate.judge.looks import Arm, Look
from headgate.judge.policy import Policy, parse_policy
from headgate.judge.sequential.arms import Observed
from headgate.judge.sequential.blocks import with_block, with_references
from headgate.judge.sequential.combining import combine, weights_of
from headgate.judge.sequential.holds import over, with_holds
from headgate.judge.sequential.observing import observe
from headgate.judge.sequential.state import Evidence, Split, WarmUp
from headgate.measure.cells import Cell, merge
from headgate.measure.hdr import bucket_index
from headgate.measure.metrics import CallerFaults
from headgate.measure.sketch import Sketch

POLICY = Path(__file__).resolve().parents[1] / "config" / "policies" / "default.yaml"
TICK_MS, BLOCK_MS = 500, 10_000
START_MS = 1_700_000_000_000
FAULTS = CallerFaults()
RECENT_TICKS = 20


@cache
def default_policy() -> Policy:
    return parse_policy(yaml.safe_load(POLICY.read_text()))


@dataclass(frozen=True)
class Served:
    """What an arm serves in one tick; None leaves a measure out."""

    requests: int
    errors: int = 0
    hallucinations: int | None = None
    ratings: tuple[int, ...] | None = None
    slower: float | None = None


def cell(rng: np.random.Generator, served: Served) -> Cell:
    """The counts of a tick as ingest would send them."""
    labelled, flagged, sketches = {}, {}, {}
    sums: dict[str, int] = {}
    counts: dict[str, int] = {}
    if served.hallucinations is not None:
        labelled["hallucination"] = served.requests
        flagged["hallucination"] = served.hallucinations
    values: dict[str, Any] = {}
    good = served.requests - served.errors
    if served.slower is not None:
        values["latency_us"] = rng.lognormal(np.log(800_000 * served.slower), 0.6, good)
        values["tokens"] = rng.lognormal(np.log(600), 0.7, served.requests)
        values["cost_microusd"] = rng.lognormal(np.log(2_000), 1.0, served.requests)
    if served.ratings is not None:
        values["rating_tenths"] = np.repeat(np.arange(10, 51, 10), served.ratings)
    for name, numbers in values.items():
        whole = np.rint(numbers).astype(np.int64)
        sums[name], counts[name] = int(whole.sum()), len(whole)
        indexes, times = np.unique(bucket_index(whole), return_counts=True)
        sketches[name] = Sketch(indexes, times)
    return Cell(
        outcomes=served.requests,
        requests=served.requests,
        errors={"timeout": served.errors} if served.errors else {},
        labelled=labelled,
        flagged=flagged,
        sums=sums,
        counts=counts,
        sketches=sketches,
    )


Serve = Callable[[np.random.Generator, int], tuple[Served, Served]]  # of a tick: candidate, stable


@dataclass
class Rollout:
    """One simulated rollout; `splits` maps a tick to the candidate's new basis points."""

    seed: int
    serve: Serve
    ticks: int
    weight: int = 1_000
    splits: Mapping[int, int] = field(default_factory=dict)
    before_ticks: int = 240
    warm_up: bool = False
    rate_per_s: float = 1_000.0
    beside: bool = True
    history: Callable[[np.random.Generator], Served] | None = None  # of a whole block of stable
    history_blocks: int = 0
    policy: Policy = field(default_factory=default_policy)

    def __post_init__(self) -> None:
        self.rng = np.random.Generator(np.random.PCG64(self.seed))
        self.blocks: dict[int, dict[str, Cell]] = {}
        self.now_ms = START_MS
        self.evidence = self._begun()

    def _begun(self) -> Evidence:
        cells: list[Cell] = []
        for block in range(-self.history_blocks, 0):
            self.now_ms = START_MS - self.before_ticks * TICK_MS + block * BLOCK_MS
            if self.history is not None:
                self._block("v1", cell(self.rng, self.history(self.rng)))
        for tick in range(-self.before_ticks, 0):
            self.now_ms = START_MS + tick * TICK_MS
            _, stable = self.serve(self.rng, tick)
            cells.append(cell(self.rng, stable))
            self._block("v1", cells[-1])
        evidence = Evidence(
            started_ms=START_MS,
            planned=self.policy.proof.planned_requests,
            observed_ms=START_MS,
        )
        self.now_ms, self.recent = START_MS, cells[-RECENT_TICKS:]
        if cells:
            evidence = with_references(self.policy, evidence, merge(self.recent))
        return self._resplit(evidence, self.weight)

    def _resplit(self, evidence: Evidence, weight: int) -> Evidence:
        stable = 10_000 - weight if self.beside else 0
        split = Split(len(evidence.splits) + 1, self.now_ms, weight, stable)
        warm_up = None
        if self.warm_up:
            until_ms = self.now_ms + min(evidence.p99_ms or 60_000, 60_000)
            routed = self.rate_per_s * weight / 10_000
            warm_up = WarmUp(self.now_ms, until_ms, routed)
        splits = (*evidence.splits, split)
        return msgspec.structs.replace(evidence, splits=splits, warm_up=warm_up)

    def _block(self, version: str, counts: Cell) -> None:
        start = self.now_ms // BLOCK_MS * BLOCK_MS
        block = self.blocks.setdefault(start, {})
        light = replace_light(counts)
        block[version] = merge([block[version], light]) if version in block else light

    def run(self) -> int | None:
        """The tick of the first proven critical breach, None if there is none."""
        critical = set(weights_of(self.policy))
        for tick in range(self.ticks):
            if tick in self.splits:
                self.evidence = self._resplit(self.evidence, self.splits[tick])
            mine, other = self.serve(self.rng, tick)
            self.now_ms += TICK_MS
            if self.look(mine, other).intersection(critical):
                return tick
        return None

    def look(self, mine: Served, other: Served) -> frozenset[str]:
        """One tick: what is proven after it."""
        revision = self.evidence.splits[-1].revision
        fresh = {("v2", revision): cell(self.rng, mine)} if mine.requests else {}
        if other.requests and self.beside:
            fresh["v1", revision] = cell(self.rng, other)
        for (version, _), counts in fresh.items():
            self._block(version, counts)
        look = self._look()
        seen = Observed(
            now_ms=self.now_ms,
            fresh=fresh,
            candidate="v2",
            stable="v1" if self.beside else "",
            faults=FAULTS,
            ended=over(self.policy, self.evidence, look),
        )
        evidence = with_holds(self.policy, observe(self.policy, self.evidence, seen), look)
        self.evidence = with_block(
            self.policy,
            evidence,
            self.blocks,
            lambda: merge(self.recent),
            stable="v1",
            faults=FAULTS,
        )
        self.recent = [*self.recent, *(fresh[key] for key in fresh if key[0] == "v1")]
        self.recent = self.recent[-RECENT_TICKS:]
        return combine(self.policy, self.evidence).proven

    def _look(self) -> Look:
        def window(window_ms: int) -> Cell:
            first = self.now_ms - window_ms
            rows = [row["v1"] for at, row in self.blocks.items() if at >= first and "v1" in row]
            return merge(rows)

        arm = Arm("v1", window, window)
        return Look(self.now_ms, arm, arm if self.beside else None, FAULTS)


def replace_light(counts: Cell) -> Cell:
    """The counts without distributions, as blocks keep them."""
    return msgspec.structs.replace(counts, sums={}, counts={}, sketches={})


@dataclass(frozen=True)
class Scenario:
    """Many rollouts of one kind; `at_most` or `at_least` is the share that may, or must, alarm."""

    name: str
    rollout: Callable[[int], Rollout]
    runs: int
    at_most: float | None = None
    at_least: float | None = None

    def alarms(self, scale: float) -> list[int | None]:
        """The tick of the first alarm of each run."""
        runs = max(int(self.runs * scale), 5)
        return [self.rollout(1_000 + run).run() for run in range(runs)]

    def is_met(self, share: float) -> bool:
        """Whether the share of runs that alarmed is what it has to be."""
        if self.at_least is not None:
            return share >= self.at_least
        return share <= (self.at_most or 0.0)


def _all_metrics(rng: np.random.Generator, requests: int) -> Served:
    shares = [0.03, 0.05, 0.12, 0.29, 0.51]
    return Served(
        requests,
        int(rng.binomial(requests, 0.01)),
        int(rng.binomial(requests, 0.005)),
        tuple(rng.multinomial(requests, shares)),
        1.0,
    )


def healthy(rng: np.random.Generator, _: int) -> tuple[Served, Served]:
    """Identical healthy arms with every metric, 1:9."""
    return _all_metrics(rng, 50), _all_metrics(rng, 450)


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
            1_000,
            weight=1_000 if beside else 10_000,
            beside=beside,
            before_ticks=20,
            history=serve.of_a_block,
            history_blocks=360,
        )

    return build


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
    """Every scenario in which nothing may happen, and one in which much must."""
    return [
        Scenario(
            "identical healthy arms, all triggers", lambda s: Rollout(s, healthy, 300), 400, 0.005
        ),
        Scenario("ramp while both arms worsen", _ramp, 400, 0.005),
        Scenario("shared outage bursts, rho .1", _bursts(0.05, 0.1, shared=True), 200, 0.005),
        Scenario("bursts rho .1 at 60 % of the limit", _bursts(0.03, 0.1, shared=False), 200, 0.02),
        Scenario(
            "bursts rho .03 at 60 % of the limit, no stable",
            _bursts(0.03, 0.03, shared=False, beside=False),
            200,
            0.02,
        ),
        Scenario("cutover, slow successes, 1 % errors", _cutover(0.01), 400, 0.005),
        Scenario("cutover, slow successes, 3 % errors", _cutover(0.03), 400, 0.005),
        Scenario("cutover to 50 % errors", _cutover(0.5), 100, at_least=1.0),
    ]
