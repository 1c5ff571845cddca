"""What the sequential proof remembers of a phase: eight numbers a test, and counts to explain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from headgate.measure.hdr import IntArray
from headgate.measure.sketch import EMPTY, Sketch

_MERGED_FROM = 24
_NO_LINES = np.empty((0, 0), np.int64)


class Sample(Struct, frozen=True, omit_defaults=True, gc=False):
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


NO_SAMPLE = Sample()


class OpenLook(Struct, frozen=True, omit_defaults=True, gc=False):
    """A relative look in progress: both arms under one revision.

    `reference` is stable's quantile or mean as it was when the look began, in wire units, and
    `effects` the design effects of both arms, per trigger: what the look itself tells must not
    change them.
    """

    opened_ms: int
    reference: float = 0.0
    effects: tuple[tuple[float, float], ...] = ()
    candidate: Sample = NO_SAMPLE
    stable: Sample = NO_SAMPLE


class Counted(Struct, frozen=True, omit_defaults=True):
    """The counts behind an explanation, of both arms; `since_ms` is when they began, 0 if not."""

    since_ms: int = 0
    candidate: int = 0
    candidate_hits: int = 0
    candidate_total: int = 0
    stable: int = 0
    stable_hits: int = 0
    stable_total: int = 0


Path = tuple[tuple[int, float], ...]  # evidence over time as (ms, ln E)


class Columns(Struct, frozen=True, eq=False):
    """What every test and trigger has, by its number and row in the bank.

    `wealth` of every bet in logarithms, shape (tests, 8), and `log_e`, ln E by test; `spent` is, by
    test, the candidate's requests up to which its budget is spent, -1 before its first look;
    `counts` (2, triggers, 7) has a `Counted` by trigger: since its evidence last began to build,
    and since the phase began.
    """

    wealth: npt.NDArray[np.float64]
    log_e: npt.NDArray[np.float64]
    spent: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]

    def copy(self) -> Columns:
        """The same, to be changed."""
        return Columns(self.wealth.copy(), self.log_e.copy(), self.spent.copy(), self.counts.copy())


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


class BlockCounts(Struct, frozen=True, eq=False):
    """What is counted (`named`) of a version's closed blocks, a line each: see `counting`. Its
    tails are from `tails_from_ms` on.
    """

    version: str = ""
    named: tuple[str, ...] = ()
    lines: npt.NDArray[np.int64] = _NO_LINES
    tails_from_ms: int = 2**62


NO_BLOCKS = BlockCounts()


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True, eq=False):
    """All that is known about a candidate in this phase of its rollout.

    `planned` is the budget's measure in candidate requests, frozen at the start; where a watch goes
    on `forever`, those of 30 days. `columns` is what every test and trigger has, None before the
    first look, `paths` the evidence of each trigger over time, `looks` the relative looks in
    progress by revision and source, `holding` since when a trigger is in an outage hold. When a
    block of stable's traffic closes (at `block_ms`), or after some of them (at `estimated_ms`),
    `effects` (design effects of both arms by trigger) and `references` (stable's quantiles and
    means by trigger, in wire units) are taken anew, with `p99_ms`, stable's p99 latency; `blocks`
    is what tells how bursty outcomes are. Those before `blocks_from_ms` tell of an outage that is
    over and not of that.
    """

    started_ms: int
    planned: int
    forever: bool = False
    requests: int = 0
    stable_requests: int = 0
    observed_ms: int = 0
    columns: Columns | None = None
    paths: tuple[Path, ...] = ()
    looks: dict[int, dict[str, OpenLook]] = {}
    holding: dict[str, int] = {}
    splits: tuple[Split, ...] = ()
    warm_up: WarmUp | None = None
    settled_ms: int | None = None
    label_delay_ms: int = 0
    block_ms: int = -1
    estimated_ms: int = -1
    blocks_from_ms: int = 0
    effects: dict[str, tuple[float, float]] = {}
    references: dict[str, float] = {}
    blocks: BlockCounts = NO_BLOCKS
    p99_ms: int | None = None


def is_beside(evidence: Evidence) -> bool:
    """Whether a stable arm is live beside the candidate."""
    return bool(evidence.splits) and evidence.splits[-1].stable > 0


def unproven(evidence: Evidence, started_ms: int, planned: int) -> Evidence:
    """The same splits and traffic under other limits: what was proven proves nothing now."""
    return replace(
        evidence,
        started_ms=started_ms,
        planned=planned,
        requests=0,
        stable_requests=0,
        columns=None,
        paths=(),
        looks={},
        holding={},
        block_ms=-1,
        effects={},
        references={},
    )
