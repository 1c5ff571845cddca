"""The words every part of Headgate shares: enums, reason codes and ids.

Nothing here imports the rest of the package, so a serving fleet that only publishes
outcomes pays for nothing else.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

import mmh3

PANE_MS = 10_000
BASIS_POINTS = 10_000
HEADGATE = "headgate"  # who did it where nobody asked for it
ANY_MODEL = "*"


class Topic(StrEnum):
    """Topic names without the configurable prefix."""

    OUTCOMES = "outcomes"
    REQUESTS = "requests"
    ACKS = "acks"
    LEDGER = "ledger"
    CONTROL = "control"
    ALERTS = "alerts"
    AUDIT = "audit"
    REGISTRY = "registry"
    STATUS = "status"
    DEAD_LETTERS = "dead-letters"


class Verdict(StrEnum):
    """What a look says about one trigger; `unknown` never promotes and never rolls back."""

    OK = "ok"
    SUSPECT = "suspect"
    BREACH = "breach"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a verdict is what it is."""

    WITHIN_LIMIT = "within_limit"
    LIMIT_CROSSED = "limit_crossed"
    LIMIT_CROSSED_LASTING = "limit_crossed_lasting"
    PROVEN = "proven"
    NOT_PROVEN = "not_proven"
    SAID_ELSEWHERE = "said_elsewhere"
    SAFETY_VIOLATION = "safety_violation"
    SILENT = "silent"
    NOT_WORSE_THAN_STABLE = "not_worse_than_stable"
    TOO_FEW_SAMPLES = "too_few_samples"
    TOO_FEW_STABLE_SAMPLES = "too_few_stable_samples"
    NO_BASELINE = "no_baseline"
    TELEMETRY_STALE = "telemetry_stale"
    INGEST_LAGGING = "ingest_lagging"


class AbVerdict(StrEnum):
    """What an A/B test says: of two arms by one criterion, or as a whole (`trade_off`: the best arm
    by the first criterion is proven worse by another; a person decides).
    """

    WINNER = "winner"
    NO_DIFFERENCE = "no_difference"
    NOT_ENOUGH = "not_enough"
    TRADE_OFF = "trade_off"


class AbReason(StrEnum):
    """Why an A/B verdict is what it is."""

    PROVEN = "proven"
    INTERVAL_TOO_WIDE = "interval_too_wide"
    TOO_FEW_SAMPLES = "too_few_samples"
    NOTHING_TO_COMPARE = "nothing_to_compare"
    NO_BUCKETS = "no_buckets"
    BEYOND_RESOLUTION = "beyond_resolution"
    LEADERS_ALIKE = "leaders_alike"
    WORSE_ELSEWHERE = "worse_elsewhere"


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Mode(StrEnum):
    """`observe` judges, alerts and audits, but sends no automatic command."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class RolloutKind(StrEnum):
    """How a version reaches traffic; in `manual` a person sets every share."""

    MANUAL = "manual"
    CANARY = "canary"
    BLUE_GREEN = "blue_green"
    AB = "ab"


class Role(StrEnum):
    """What an operator's key may ask for; each role may do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"


class AlertState(StrEnum):
    FIRING = "firing"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


class AlertKind(StrEnum):
    """What an alert is about; each has an entry in docs/operations.md."""

    BREACH = "breach"
    PINNED_BREACH = "pinned_breach"
    OUTAGE_HOLD = "outage_hold"
    RECOVERY_MISSED = "recovery_missed"
    UNEVEN_COMPLETENESS = "uneven_completeness"
    MISROUTED = "misrouted"
    SHARE_OFF = "share_off"
    COMMANDS_REFUSED = "commands_refused"
    NO_ROLLBACK_TARGET = "no_rollback_target"
    ROLLOUT_WAITING = "rollout_waiting"
    STANDBY_NOT_READY = "standby_not_ready"
    COLD_ROLLBACK = "cold_rollback"
    TEST_VOID = "test_void"
    LIFECYCLE_STEP = "lifecycle_step"
    TELEMETRY_STALE = "telemetry_stale"
    INGEST_LAGGING = "ingest_lagging"
    CLOCKS_DISAGREE = "clocks_disagree"
    TABLES_FULL = "tables_full"
    ENTRY_NOT_APPLIED = "entry_not_applied"
    MODEL_NOT_JUDGED = "model_not_judged"
    LEDGER_HOLE = "ledger_hole"


class Action(StrEnum):
    """What a control command does to the split."""

    ADOPT = "adopt"
    SET_WEIGHTS = "set_weights"
    ROLLBACK = "rollback"
    PROMOTE = "promote"
    RETIRE = "retire"


class Status(StrEnum):
    """A version's place in its lifecycle."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    CANDIDATE = "candidate"
    PRODUCTION = "production"
    DEPRECATED = "deprecated"
    ARCHIVED = "archived"
    REMOVED = "removed"


class LifecycleStep(StrEnum):
    """What is done to a version when its time has come; the last only orders it."""

    DEPRECATE = "deprecate"
    ARCHIVE = "archive"
    REMOVE = "remove"
    DELETE_ARTIFACT = "delete_artifact"


def short_digest(data: bytes, length: int = 12) -> str:
    """First hex digits of SHA-256: ids that two workers compute alike."""
    return hashlib.sha256(data).hexdigest()[:length]


def split_bucket(salt: str, model: str, key: str) -> int:
    """The bucket (0-9999) of a routing key: `(murmur3_32(salt:model:key) * 10000) >> 32`."""
    # Bytes, because mmh3 crashes on a string with a lone surrogate.
    text = f"{salt}:{model}:{key}".encode("utf-8", "surrogatepass")
    return (mmh3.hash(text, signed=False) * BASIS_POINTS) >> 32
