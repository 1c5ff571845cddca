"""`requests`: what operators ask for. A request changes nothing until the fold admits it."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from headgate.vocabulary import BASIS_POINTS, Mode, Role, RolloutKind
from headgate.wire.cleanup import CleanupPolicy
from headgate.wire.codec import encode
from headgate.wire.control import Weight
from headgate.wire.fields import BasisPoints, Count, Name, Text, TimestampMs
from headgate.wire.registry import CompatibilityRule, LifecycleSettings, PromptTemplate, VersionSpec
from headgate.wire.reports import TestCriterion

MAX_DEFER_MINUTES = 30
MAX_POSTPONE_DAYS = 365
MAX_STEPS = 32
MAX_ARMS = 8
MAX_CRITERIA = 16
MAX_HOLD_MS = 26 * 7 * 86_400_000


class Request(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """Fields of every request. `model` is `*` where a request is for all models."""

    request_id: Name
    model: Name
    operator: Name
    issued_at_ms: TimestampMs
    reason: Text = ""
    expires_at_ms: TimestampMs | None = None


class Adopt(Request, frozen=True, kw_only=True, tag="adopt", omit_defaults=True):
    """Make `version` the first production version; `policy` is the policy's whole content."""

    version: Name
    policy: dict[str, Any] | None = None


class ApplyPolicy(Request, frozen=True, kw_only=True, tag="apply_policy", omit_defaults=True):
    policy: dict[str, Any]


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A canary's stay at one weight.

    It advances once `hold_ms` have passed and every required metric is proven good, and waits for
    a person after `max_hold_ms`. `review` asks for a comparison of both arms at the end.
    """

    weight: Annotated[int, Meta(ge=1, le=BASIS_POINTS)]
    hold_ms: Annotated[int, Meta(ge=1, le=MAX_HOLD_MS)]
    max_hold_ms: Annotated[int, Meta(ge=1, le=2 * MAX_HOLD_MS)]
    review: bool = False


class StartRollout(Request, frozen=True, kw_only=True, tag="start_rollout", omit_defaults=True):
    """Put `candidate` on its way beside `stable`.

    `weight` is a manual rollout's first share; `steps` replace the policy's for a canary. An A/B
    test has `arms`: every version with its fixed share, stable last, `candidate` first, and
    `criteria` in place of the policy's, the first of which decides. A version that was rolled back
    from starts again only where `overrides` names that decision.
    """

    stable: Name
    candidate: Name
    kind: RolloutKind = RolloutKind.MANUAL
    weight: BasisPoints = 0
    steps: Annotated[tuple[Step, ...], Meta(max_length=MAX_STEPS)] = ()
    arms: Annotated[tuple[Weight, ...], Meta(max_length=MAX_ARMS)] = ()
    criteria: Annotated[tuple[TestCriterion, ...], Meta(max_length=MAX_CRITERIA)] = ()
    overrides: Text = ""


class SplitRequest(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A request that changes a running rollout's split.

    With `if_revision` it is refused where another split is in force by then: of two people who ask
    for the same thing at the same time, the second is told so.
    """

    if_revision: Count | None = None


class SetWeight(SplitRequest, frozen=True, kw_only=True, tag="set_weight", omit_defaults=True):
    weight: BasisPoints


class Pause(Request, frozen=True, kw_only=True, tag="pause", omit_defaults=True):
    """Nothing advances until somebody resumes the rollout; a proven breach still ends it."""


class Resume(Request, frozen=True, kw_only=True, tag="resume", omit_defaults=True):
    """Go on where the rollout was paused; the time it was paused counts for no hold."""


class Advance(SplitRequest, frozen=True, kw_only=True, tag="advance", omit_defaults=True):
    """The next step now, without waiting for the hold, if everything required is proven good.

    Of a blue-green rollout it is the cutover.
    """


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
    """All traffic from the candidate, or without a rollout back to the previous version.

    With `version` it is refused where another one would be taken back by then: of two people who
    roll back at the same time, the second must not take production back too.
    """

    version: Text = ""


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


class RegisterVersion(
    Request, frozen=True, kw_only=True, tag="register_version", omit_defaults=True
):
    """Declare a version. Its status may be development or staging; more than that is earned."""

    spec: VersionSpec


class RegisterTemplate(
    Request, frozen=True, kw_only=True, tag="register_template", omit_defaults=True
):
    """Declare a prompt template, or which models it fits by now."""

    name: Name
    template: PromptTemplate


class SetCompatibility(
    Request, frozen=True, kw_only=True, tag="set_compatibility", omit_defaults=True
):
    """The whole list of explicit rules, the live embedding, and patterns of model families."""

    rules: Annotated[tuple[CompatibilityRule, ...], Meta(max_length=256)] = ()
    embedding: Text = ""
    families: Annotated[dict[Name, Name], Meta(max_length=64)] = {}


class SetLifecycle(Request, frozen=True, kw_only=True, tag="set_lifecycle", omit_defaults=True):
    """When versions go on by themselves; what `settings` leave out has its default."""

    settings: LifecycleSettings


class Postpone(Request, frozen=True, kw_only=True, tag="postpone", omit_defaults=True):
    """Put a version's next step off by days, with a reason."""

    version: Name
    days: Annotated[int, Meta(ge=1, le=MAX_POSTPONE_DAYS)]


class Retain(Request, frozen=True, kw_only=True, tag="retain", omit_defaults=True):
    """Keep a version and its artifacts for compliance, with a reason; `lift` ends that."""

    version: Name
    lift: bool = False


class Redeploy(Request, frozen=True, kw_only=True, tag="redeploy", omit_defaults=True):
    """An archived version was deployed again: it is in staging."""

    version: Name


class OperatorKey(Struct, frozen=True, kw_only=True):
    """A person's public key (32 bytes in base64), whose it is, and what it may ask for."""

    operator: Name
    role: Role
    public_key: Annotated[str, Meta(min_length=44, max_length=44)]


class KeyApprovals(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What asked for all models waits for a second person until `within_ms` after it was asked for.

    A change of the keys always does (unless keys only go), or it would undo the rule.
    """

    actions: Annotated[
        tuple[Literal["apply_keys", "set_mode"], ...], Meta(min_length=1, max_length=2)
    ]
    within_ms: Annotated[int, Meta(ge=1_000, le=86_400_000)] = 1_800_000


class ApplyKeys(Request, frozen=True, kw_only=True, tag="apply_keys", omit_defaults=True):
    """From now on these keys count and no others, and this rule about a second person or none;
    `model` is `*`.
    """

    keys: Annotated[tuple[OperatorKey, ...], Meta(min_length=1, max_length=64)]
    approvals: KeyApprovals | None = None


class Approve(Request, frozen=True, kw_only=True, tag="approve", omit_defaults=True):
    """A second person's yes to one exact request: its id, and the SHA-256 of what it says."""

    approves: Name
    digest: Annotated[str, Meta(min_length=64, max_length=64)]


class SetCleanup(Request, frozen=True, kw_only=True, tag="set_cleanup", omit_defaults=True):
    """How long and how many versions may stay in a status; what is left out stays as it was."""

    cleanup: CleanupPolicy


AnyRequest = (
    Adopt
    | ApplyPolicy
    | StartRollout
    | SetWeight
    | Pause
    | Resume
    | Advance
    | Skip
    | ReportCheck
    | StopTest
    | Rollback
    | Promote
    | Defer
    | EndHold
    | SetMode
    | RegisterVersion
    | RegisterTemplate
    | SetCompatibility
    | SetLifecycle
    | Postpone
    | Retain
    | Redeploy
    | ApplyKeys
    | Approve
    | SetCleanup
)


def digest_of_request(request: Request) -> str:
    """What an approval names beside the id: SHA-256 (hex) of the canonical bytes."""
    return hashlib.sha256(encode(request)).hexdigest()
