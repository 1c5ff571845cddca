"""What is kept of a rollout's course: which step it is at, since when, and what it lacks."""

from __future__ import annotations

from msgspec import Struct

from headgate.judge.ab.running import AbTest
from headgate.wire.reports import TestReport
from headgate.wire.rollout_requests import Step


class Comparing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An A/B test of the arms under one split, since `began_ms`, and its newest reading.

    `void` says why it proves nothing; once void it stays so.
    """

    test: AbTest
    began_ms: int
    report: TestReport | None = None
    void: str = ""


class Stay(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stay at one weight since `since_ms`; time in which it was paused does not count.

    `unknown_since_ms` is since when a required metric has been unknown, `waits` why it waits for a
    person, `review` compares both arms where the step asks for that, and `would_have` says that in
    observe mode it would have gone on.
    """

    step: Step
    since_ms: int
    unknown_since_ms: int | None = None
    waits: str = ""
    review: Comparing | None = None
    would_have: bool = False


class SafetyMark(Struct, frozen=True, array_like=True):
    """All checked answers and all violations of a version, when it was last looked for them."""

    checked: int = 0
    violations: int = 0


class Canary(Struct, frozen=True, kw_only=True, tag="canary", omit_defaults=True):
    """A canary at the step with index `at`."""

    steps: tuple[Step, ...]
    stay: Stay
    at: int = 0


class Check(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The newest report of a check."""

    passed: bool
    at_ms: int
    by: str = ""
    detail: str = ""


class BlueGreen(Struct, frozen=True, kw_only=True, tag="blue_green", omit_defaults=True):
    """Green's checks and, once it has taken over at `cut_over_ms`, the watch. `blue_ready` is the
    newest report of blue's own check.
    """

    checks: dict[str, Check] = {}
    blue_ready: Check | None = None
    stay: Stay | None = None
    cut_over_ms: int = 0


class Experiment(Struct, frozen=True, kw_only=True, tag="ab", omit_defaults=True):
    """An A/B test as a rollout: fixed shares until somebody stops it."""

    comparing: Comparing

    @property
    def stay(self) -> None:
        """It has no steps."""
        return


Course = Canary | BlueGreen | Experiment


class Paused(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Since when, by whom and why nothing advances."""

    since_ms: int
    by: str
    why: str = ""


class Standby(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The version that a blue-green rollout replaced: it stays started until `until_ms`."""

    version: str
    until_ms: int
    ready: Check | None = None
