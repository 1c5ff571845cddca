"""`status`: the tables and verdicts of a model as people and pages read them, every 2 s."""

from __future__ import annotations

from msgspec import Struct

from headgate.vocabulary import Mode, RolloutKind, Verdict
from headgate.wire.acks import Choices
from headgate.wire.alerts import Alert
from headgate.wire.audit import ChainHead
from headgate.wire.control import Because, Weight
from headgate.wire.fields import Count, Name, TimestampMs
from headgate.wire.registry import LifecycleSettings, PlannedStep
from headgate.wire.reports import TestReport


class WindowRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version over one window (`window_s` 0: since Headgate first saw the version)."""

    window_s: Count
    outcomes: Count = 0
    requests: Count = 0
    requests_per_s: float | None = None
    errors: Count = 0
    error_rate: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None
    ttft_p95_ms: float | None = None
    rating_mean: float | None = None
    ratings: Count = 0
    hallucination_rate: float | None = None
    hallucination_labels: Count = 0
    safety_violations: Count = 0
    success_rate: float | None = None
    tokens_mean: float | None = None
    cost_mean_usd: float | None = None
    telemetry_delay_ms: float | None = None


class VersionStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version. While it is deprecated and answers callers who pinned it, `watch` and `triggers`
    tell what is judged of it.
    """

    version: Name
    role: str
    lifecycle: str
    weight: Count = 0
    windows: tuple[WindowRow, ...] = ()
    watch: WatchStatus | None = None
    triggers: tuple[TriggerStatus, ...] = ()


class TriggerStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The verdict of one trigger on the `version` that it judges."""

    trigger: str
    version: str = ""
    severity: str
    verdict: Verdict
    because: Because
    since_ms: TimestampMs | None = None
    deadline_ms: TimestampMs | None = None
    deferred: bool = False


class RouterStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    router_id: Name
    revision: Count
    heard_ms: TimestampMs
    live: bool
    choices: tuple[Choices, ...] = ()
    refused: Count = 0


class LackingProof(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a required metric lacks, and about how many more samples that takes."""

    trigger: str
    sentence: str
    more: Count | None = None
    unit: str = ""


class CheckStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A check that the policy names; `passed` is None until somebody reports it."""

    check: Name
    version: Name
    passed: bool | None = None
    at_ms: TimestampMs | None = None
    detail: str = ""


class StandbyStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a blue-green rollout replaced: kept ready to be gone back to, scaled down at `until_ms`.

    `ready` is the newest report of that.
    """

    version: Name
    until_ms: TimestampMs
    ready: CheckStatus


class RolloutStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a rollout stands, what happens next and when, and what a person can do now.

    `place` is the stay in words, since `since_ms`; it ends at `hold_until_ms` at the earliest and
    waits for a person from `max_hold_until_ms` on. `waits` says why it waits for one already.
    `step` counts a canary's `steps` from 1; it is 0 where there are none. Arms are compared since
    `compared_since_ms`, and read next at `reading_at_ms`; from the first reading on there is a
    `report`.
    """

    rollout_id: Name
    kind: RolloutKind
    stable: str
    candidate: str
    weight: Count
    started_ms: TimestampMs
    holding: bool = False
    place: str = ""
    steps: tuple[Weight, ...] = ()
    step: Count = 0
    since_ms: TimestampMs | None = None
    hold_until_ms: TimestampMs | None = None
    max_hold_until_ms: TimestampMs | None = None
    paused: str = ""
    waits: str = ""
    lacking: tuple[LackingProof, ...] = ()
    checks: tuple[CheckStatus, ...] = ()
    report: TestReport | None = None
    compared_since_ms: TimestampMs | None = None
    reading_at_ms: TimestampMs | None = None
    next: str = ""
    next_at_ms: TimestampMs | None = None
    can: tuple[str, ...] = ()


class WatchStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The watch over production, or over a deprecated version, `against` what is recorded of a
    version ("" where nothing is).

    `requests` were judged since it began; its chance of a false rollback (or alert) is that of 30
    days with `month_requests`.
    """

    version: str
    against: str = ""
    since_ms: TimestampMs
    requests: Count = 0
    month_requests: Count = 0


class ModelStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a person asks about one model at ledger time `at_ms`.

    `lifecycle` are the steps to come by `lifecycle_settings`, of which defaults are left out.
    `unjudged` are deprecated versions that answer callers who pinned them, beyond those that are
    judged at a time, `last_report` the last reading of the test or review that ended last.
    """

    model: Name
    at_ms: TimestampMs
    revision: Count
    mode: Mode
    fresh: bool
    policy: str = ""
    policy_digest: str = ""
    production: str = ""
    previous: str = ""
    decision_id: str = ""
    weights: tuple[Weight, ...] = ()
    rollout: RolloutStatus | None = None
    standby: StandbyStatus | None = None
    can: tuple[str, ...] = ()
    last_report: TestReport | None = None
    watch: WatchStatus | None = None
    versions: tuple[VersionStatus, ...] = ()
    unjudged: tuple[Name, ...] = ()
    triggers: tuple[TriggerStatus, ...] = ()
    alerts: tuple[Alert, ...] = ()
    routers: tuple[RouterStatus, ...] = ()
    recovering: bool = False
    lifecycle: tuple[PlannedStep, ...] = ()
    lifecycle_settings: LifecycleSettings | None = None
    audit: ChainHead = ChainHead()
