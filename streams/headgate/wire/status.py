"""`status`: the tables and verdicts of a model as people and pages read them, every 2 s."""

from __future__ import annotations

from msgspec import Struct

from headgate.vocabulary import Mode, Verdict
from headgate.wire.acks import Choices
from headgate.wire.alerts import Alert
from headgate.wire.audit import ChainHead
from headgate.wire.control import Because, Weight
from headgate.wire.fields import Count, Name, TimestampMs
from headgate.wire.registry import PlannedStep


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
    version: Name
    role: str
    lifecycle: str
    weight: Count = 0
    windows: tuple[WindowRow, ...] = ()


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


class RolloutStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    rollout_id: Name
    kind: str
    stable: str
    candidate: str
    weight: Count
    started_ms: TimestampMs
    holding: bool = False


class WatchStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The watch over production, `against` what is recorded of a version ("" where nothing is).

    `requests` were judged since it began; its chance of a false rollback is that of 30 days with
    `month_requests`.
    """

    version: str
    against: str = ""
    since_ms: TimestampMs
    requests: Count = 0
    month_requests: Count = 0


class ModelStatus(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a person asks about one model at ledger time `at_ms`."""

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
    watch: WatchStatus | None = None
    versions: tuple[VersionStatus, ...] = ()
    triggers: tuple[TriggerStatus, ...] = ()
    alerts: tuple[Alert, ...] = ()
    routers: tuple[RouterStatus, ...] = ()
    recovering: bool = False
    lifecycle: tuple[PlannedStep, ...] = ()
    audit: ChainHead = ChainHead()
