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

PANES_KEPT = 30


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
        self.panes: dict[int, list[Cell]] = {}  # of stable, with their distributions
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
        return self._told_by_blocks(self._resplit(evidence, self.weight))

    def _told_by_blocks(self, evidence: Evidence) -> Evidence:
        """What the blocks that have closed tell of the looks to come, as the fold asks them."""
        recent, open_ms = self.recent, next(reversed(self.blocks), -1)
        return with_block(
            self.policy,
            evidence,
            {start: block for start, block in self.blocks.items() if start < open_ms},
            lambda: merge(recent),
            lambda from_ms: [row for row in self.panes.items() if from_ms <= row[0] < open_ms],
            open_ms=open_ms,
            stable="v1",
            faults=FAULTS,
        )

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
        if version == "v1":
            self.panes.setdefault(start, []).append(counts)
            self.panes.pop(start - PANES_KEPT * BLOCK_MS, None)
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
        look = self.arms()
        seen = Observed(
            now_ms=self.now_ms,
            fresh=fresh,
            candidate="v2",
            stable="v1" if self.beside else "",
            faults=FAULTS,
            ended=over(self.policy, self.evidence, look),
        )
        evidence = with_holds(self.policy, observe(self.policy, self.evidence, seen), look)
        self.evidence = self._told_by_blocks(evidence)
        self.recent = [*self.recent, *(fresh[key] for key in fresh if key[0] == "v1")]
        self.recent = self.recent[-RECENT_TICKS:]
        return combine(self.policy, self.evidence).proven

    def arms(self) -> Look:
        """What holds may see: stable over the last minutes."""

        def window(window_ms: int) -> Cell:
            first = self.now_ms - window_ms
            rows = [row["v1"] for at, row in self.blocks.items() if at >= first and "v1" in row]
            return merge(rows)

        arm = Arm("v1", window, window)
        return Look(self.now_ms, arm, arm if self.beside else None, FAULTS)


def replace_light(counts: Cell) -> Cell:
    """The counts without distributions, as blocks keep them."""
    return msgspec.structs.replace(counts, sums={}, counts={}, sketches={})


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
