"""What the sequential proof remembers of a phase: eight numbers a test, and counts to explain."""

from __future__ import annotations

from msgspec import Struct

from headgate.judge.sequential.samples import NO_SAMPLE, Sample
from headgate.measure.cells import NOTHING, Cell

Wealth = tuple[float, ...]  # logarithms, one per bet; empty before the first look


class Test(Struct, frozen=True, omit_defaults=True):
    """One e-process: its bets and the candidate requests up to which its budget is spent."""

    wealth: Wealth = ()
    spent_requests: int = 0
    log_e: float = -1e3

    @property
    def begun(self) -> bool:
        """Whether any look has been taken."""
        return bool(self.wealth)


UNTESTED = Test()


class OpenLook(Struct, frozen=True, omit_defaults=True):
    """A relative look in progress: both arms under one revision.

    `reference` is stable's quantile or mean as it was when the look began, in wire units.
    """

    opened_ms: int
    reference: float = 0.0
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

    def plus(self, other: Counted) -> Counted:
        """Both together, since the first of them began."""
        return Counted(
            since_ms=self.since_ms or other.since_ms,
            candidate=self.candidate + other.candidate,
            candidate_hits=self.candidate_hits + other.candidate_hits,
            candidate_total=self.candidate_total + other.candidate_total,
            stable=self.stable + other.stable,
            stable_hits=self.stable_hits + other.stable_hits,
            stable_total=self.stable_total + other.stable_total,
        )


NOT_COUNTED = Counted()


class TriggerEvidence(Struct, frozen=True, omit_defaults=True):
    """The tests of one trigger in this phase.

    `building` counts since the evidence last began to build, `total` since the phase began.
    `path` is the e-value over time as (ms, log e). `holding_since_ms` marks an outage hold.
    """

    absolute: Test = UNTESTED
    relative: Test = UNTESTED
    good_absolute: Test = UNTESTED
    good_relative: Test = UNTESTED
    looks: dict[int, OpenLook] = {}
    reference: float = 0.0
    building: Counted = NOT_COUNTED
    total: Counted = NOT_COUNTED
    path: tuple[tuple[int, float], ...] = ()
    holding_since_ms: int | None = None


class Reference(Struct, frozen=True, omit_defaults=True):
    """Stable's last 1,000 to 2,000 requests, in two generations."""

    older: Cell = NOTHING
    newer: Cell = NOTHING


class Split(Struct, frozen=True):
    """One split of the phase: its revision, since when, and the basis points of both arms."""

    revision: int
    since_ms: int
    candidate: int
    stable: int


class WarmUp(Struct, frozen=True):
    """Traffic that just started: until `until_ms` requests in flight count as good.

    `routed_per_s` is what the candidate is sent: its weight times the model's rate before.
    """

    until_ms: int
    routed_per_s: float


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True, eq=False):
    """All that is known about a candidate in this phase of its rollout.

    `planned` is the budget's measure in candidate requests, frozen at the start; `effects` has the
    design effects of both arms by trigger, estimated when the block at `effects_ms` closed.
    """

    started_ms: int
    planned: int
    requests: int = 0
    observed_ms: int = 0
    triggers: dict[str, TriggerEvidence] = {}
    reference: Reference = Reference()
    splits: tuple[Split, ...] = ()
    warm_up: WarmUp | None = None
    settled_ms: int | None = None
    label_delay_ms: int = 0
    effects: dict[str, tuple[float, float]] = {}
    effects_ms: int = -1
