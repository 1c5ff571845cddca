"""Requests about what a model serves: its policy, its rollouts, and what they are stopped by."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from headgate.vocabulary import Mode, RolloutKind
from headgate.wire.fields import AskedPoints, Count, Name, Text
from headgate.wire.reports import TestCriterion
from headgate.wire.request import FitRequest, Request

MAX_DEFER_MINUTES = 30
MAX_STEPS = 32
MAX_ARMS = 8
MAX_CRITERIA = 16
MAX_HOLD_MS = 26 * 7 * 86_400_000


class Adopt(Request, frozen=True, kw_only=True, tag="adopt", omit_defaults=True):
    """Make `version` the first production version; `policy` is the policy's whole content."""

    version: Name
    policy: dict[str, Any] | None = None


class ApplyPolicy(FitRequest, frozen=True, kw_only=True, tag="apply_policy", omit_defaults=True):
    policy: dict[str, Any]


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A canary's stay at one weight.

    It advances once `hold_ms` have passed and every required metric is proven good, and waits for
    a person after `max_hold_ms`. `review` asks for a comparison of both arms at the end.
    """

    weight: AskedPoints
    hold_ms: Count
    max_hold_ms: Count
    review: bool = False


class AskedArm(Struct, frozen=True, kw_only=True):
    """A version with the share that a test is to give it."""

    version: Name
    weight: AskedPoints


class StartRollout(Request, frozen=True, kw_only=True, tag="start_rollout", omit_defaults=True):
    """Put `candidate` on its way beside `stable`.

    Without `stable` it is the version in production. `weight` is a manual rollout's first share;
    `steps` replace the policy's for a canary. An A/B
    test has `arms`: every version with its fixed share, stable last, `candidate` first, and
    `criteria` in place of the policy's, the first of which decides. A version that was rolled back
    from starts again only where `overrides` names that decision.
    """

    stable: Text = ""
    candidate: Name
    kind: RolloutKind = RolloutKind.MANUAL
    weight: AskedPoints = 0
    steps: Annotated[tuple[Step, ...], Meta(max_length=MAX_STEPS)] = ()
    arms: Annotated[tuple[AskedArm, ...], Meta(max_length=MAX_ARMS)] = ()
    criteria: Annotated[tuple[TestCriterion, ...], Meta(max_length=MAX_CRITERIA)] = ()
    overrides: Text = ""


class SplitRequest(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A request that changes a running rollout's split.

    With `if_revision` it is refused where another split is in force by then: of two people who ask
    for the same thing at the same time, the second is told so.
    """

    if_revision: Count | None = None


class SetWeight(SplitRequest, frozen=True, kw_only=True, tag="set_weight", omit_defaults=True):
    weight: AskedPoints


class Pause(Request, frozen=True, kw_only=True, tag="pause", omit_defaults=True):
    """Nothing advances until somebody resumes the rollout; a proven breach still ends it."""


class Resume(Request, frozen=True, kw_only=True, tag="resume", omit_defaults=True):
    """Go on where the rollout was paused; the time it was paused counts for no hold."""


class Advance(SplitRequest, frozen=True, kw_only=True, tag="advance", omit_defaults=True):
    """The next step now, without waiting for the hold, if everything required is proven good.

    Of a blue-green rollout it is the cutover, and after that the end of the watch. With `cutover`
    it is the cutover alone, and refused wherever the next step is another.
    """

    cutover: bool = False


class Skip(SplitRequest, frozen=True, kw_only=True, tag="skip", omit_defaults=True):
    """The next step now, whatever is not proven yet; a person answers for that."""


class ReportCheck(Request, frozen=True, kw_only=True, tag="report_check", omit_defaults=True):
    """A check of `version` that the policy names has passed, or has not."""

    version: Name
    check: Name
    passed: bool
    detail: Text = ""


class StopTest(SplitRequest, frozen=True, kw_only=True, tag="stop_test", omit_defaults=True):
    """End an A/B test: stable serves everything again, or `winner` is promoted."""

    winner: Text = ""


class Rollback(Request, frozen=True, kw_only=True, tag="rollback", omit_defaults=True):
    """All traffic from what is on trial, or without a rollout back to the previous version.

    `version` is what is taken back: an arm of a test goes alone. It is refused where another one
    would be taken back by then: of two people who roll back at the same time, the second must not
    take production back too. So without a rollout it must be named. A previous version that was
    itself rolled back from is gone back to only where `overrides` names that decision.
    """

    version: Text = ""
    overrides: Text = ""


class Promote(SplitRequest, frozen=True, kw_only=True, tag="promote", omit_defaults=True):
    pass


class Defer(Request, frozen=True, kw_only=True, tag="defer", omit_defaults=True):
    """Put off an incident's deadline, once, with a reason."""

    alert_id: Name
    minutes: Annotated[int, Meta(ge=1, le=MAX_DEFER_MINUTES)]


class EndHold(Request, frozen=True, kw_only=True, tag="end_hold", omit_defaults=True):
    """The outage is over, or was none: its evidence is dropped and is gathered anew."""


class SetMode(Request, frozen=True, kw_only=True, tag="set_mode", omit_defaults=True):
    mode: Mode
