"""What the sequential proof remembers of a phase: eight numbers a test, and counts to explain."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from headgate.measure.cells import Cell
from headgate.measure.hdr import IntArray
from headgate.measure.sketch import EMPTY, Sketch

_MERGED_FROM = 24
Spent = tuple[int, int, int, int]  # per test of a trigger


class Sample(Struct, frozen=True, omit_defaults=True):
    """`n` samples; of rates the `hits` (`reaching`: hits that rounding may have missed), of values
    their integer `total` and, where a test needs them, their `sketches`, merged now and then.
    """

    n: int = 0
    hits: int = 0
    reaching: int = 0
    total: int = 0
    sketches: tuple[Sketch, ...] = ()

    def plus(self, other: Sample) -> Sample:
        """Both together."""
        if not other.n or not self.n:
            return self if self.n else other
        return Sample(
            self.n + other.n,
            self.hits + other.hits,
            self.reaching + other.reaching,
            self.total + other.total,
            _few(self.sketches + other.sketches),
        )

    def distribution(self) -> tuple[IntArray, IntArray]:
        """Histogram bins and counts; a bin may come several times."""
        if len(self.sketches) == 1:
            return self.sketches[0].indexes, self.sketches[0].counts
        if not self.sketches:
            return EMPTY.indexes, EMPTY.counts
        return (
            np.concatenate([sketch.indexes for sketch in self.sketches]),
            np.concatenate([sketch.counts for sketch in self.sketches]),
        )


def _few(sketches: tuple[Sketch, ...]) -> tuple[Sketch, ...]:
    return sketches if len(sketches) < _MERGED_FROM else (Sketch.merge(sketches),)


def sample_of(total: int, sketches: tuple[Sketch, ...]) -> Sample:
    """Values that add up to `total`, of some distributions."""
    return Sample(sum([one.total for one in sketches]), 0, 0, total, _few(sketches))


NO_SAMPLE = Sample()


class OpenLook(Struct, frozen=True, omit_defaults=True):
    """A relative look in progress: both arms under one revision.

    `reference` is stable's quantile or mean as it was when the look began, in wire units, and
    `effects` the design effects of both arms: what the look itself tells must not change them.
    """

    opened_ms: int
    reference: float = 0.0
    effects: tuple[float, float] = (1.0, 1.0)
    candidate: Sample = NO_SAMPLE
    stable: Sample = NO_SAMPLE


class Counted(Struct, frozen=True, omit_defaults=True):
    """The counts behind an explanation, of both arms; `since_ms` is when they began."""

    since_ms: int = 0
    candidate: int = 0
    candidate_hits: int = 0
    candidate_total: int = 0
    stable: int = 0
    stable_hits: int = 0
    stable_total: int = 0

    def plus(self, candidate: Sample, stable: Sample, now_ms: int) -> Counted:
        """With the samples of one more tick."""
        return Counted(
            self.since_ms or now_ms,
            self.candidate + candidate.n,
            self.candidate_hits + candidate.hits,
            self.candidate_total + candidate.total,
            self.stable + stable.n,
            self.stable_hits + stable.hits,
            self.stable_total + stable.total,
        )


NOT_COUNTED = Counted()


class TriggerEvidence(Struct, frozen=True, omit_defaults=True):
    """One trigger in this phase, beside its wealth.

    `spent` is, per test, the candidate's requests up to which its budget is spent; -1 before its
    first look. `building` counts since the evidence last began to build, `total` since the phase
    began. `path` is the evidence over time as (ms, ln E). `holding_since_ms` marks an outage hold.
    """

    spent: Spent = (-1, -1, -1, -1)
    looks: dict[int, OpenLook] = {}
    reference: float = 0.0
    building: Counted = NOT_COUNTED
    total: Counted = NOT_COUNTED
    path: tuple[tuple[int, float], ...] = ()
    holding_since_ms: int | None = None


UNTESTED = TriggerEvidence()


class Split(Struct, frozen=True):
    """One split of the phase: its revision, since when, and the basis points of both arms.

    The candidate's buckets begin at `first`; stable's are the last ones.
    """

    revision: int
    since_ms: int
    candidate: int
    stable: int
    first: int = 0


class WarmUp(Struct, frozen=True):
    """Traffic that just started: until `until_ms` requests in flight count as good.

    `routed_per_s` is what the candidate is sent: its weight times the model's rate before.
    `measured` is false where nothing was known of stable's latency at `since_ms`.
    """

    since_ms: int
    until_ms: int
    routed_per_s: float
    measured: bool = True


class Came(Struct, frozen=True):
    """The cells of a tick: all of the candidate's, and both arms' by revision, candidate first.

    `effects` and `references` are the evidence's as they were before: whenever these cells are
    looked at, they have not set what they are measured by.
    """

    came_ms: int
    effects: dict[str, tuple[float, float]]
    references: dict[str, float]
    candidate: list[Cell]
    pairs: dict[int, tuple[list[Cell], list[Cell]]]


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True, eq=False):
    """All that is known about a candidate in this phase of its rollout.

    `planned` is the budget's measure in candidate requests, frozen at the start; where a watch goes
    on `forever`, those of 30 days. `wealth` holds the logarithms of every bet and `log_e` ln E of
    every test (see `Bank`). Those that take turns (see `turns`) looked last at `turns_ms`, the next
    one looks at `next_turn_ms`, and `later` is what some have yet to look at. When a block of
    stable's traffic closes (at `block_ms`), or after some of them (at `estimated_ms`), `effects`
    (design effects of both arms by trigger) and `references` (stable's quantiles and means by
    trigger, in wire units) are taken anew, with `p99_ms`, stable's p99 latency. Blocks before
    `blocks_from_ms` tell of an outage that is over and not of how bursty outcomes are.
    """

    started_ms: int
    planned: int
    forever: bool = False
    requests: int = 0
    stable_requests: int = 0
    observed_ms: int = 0
    later: tuple[Came, ...] = ()
    turns_ms: tuple[int, ...] = ()
    next_turn_ms: int = 0
    wealth: bytes = b""
    log_e: list[list[float]] = []
    triggers: dict[str, TriggerEvidence] = {}
    splits: tuple[Split, ...] = ()
    warm_up: WarmUp | None = None
    settled_ms: int | None = None
    label_delay_ms: int = 0
    block_ms: int = -1
    estimated_ms: int = -1
    blocks_from_ms: int = 0
    effects: dict[str, tuple[float, float]] = {}
    references: dict[str, float] = {}
    p99_ms: int | None = None


def without_stable(evidence: Evidence) -> Evidence:
    """The evidence once stable serves nothing more: limits beside it become limits of their own.

    Open looks are void. Where a comparison has begun, its test goes on from the budget that was
    left, so that both together spend no more than one.
    """
    triggers = {}
    for name, known in evidence.triggers.items():
        absolute, relative, *good = known.spent
        began = max(absolute, relative) if absolute < 0 else absolute
        spent = (began, relative, good[0], good[1])
        triggers[name] = replace(known, looks={}, spent=spent)
    return replace(evidence, triggers=triggers)
