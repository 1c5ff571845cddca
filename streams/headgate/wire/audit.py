"""`audit`: every request's outcome and every decision, kept for ever."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from headgate.wire.control import Because
from headgate.wire.fields import Count, Name, TimestampMs


class ChainHead(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The end of a chain of audit records: how many there are, and the hash of the newest."""

    sequence: Count = 0
    hash: str = ""


class AuditRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of history.

    `event` says what happened: a request's `accepted`, `refused` or, for a second person's
    approval, `waiting`; a `decision` that sent (or, `would_have`, would have sent) a command; a
    canary's two arms `reviewed`, an A/B test `test_decided`; an incident's `opened`, `deferred`,
    `resolved`; a split `recovered` or `recovery_missed`; a version's `status_changed`;
    `scale_down`, `archive_artifact` and `delete_artifact` are orders, which whoever runs the
    versions or keeps the artifacts carries out.

    `before` and `after` hold the facts that a decision, a request or a step of a lifecycle changed,
    by name (`production`, `weights`, `versions.v1.2.0`); a side leaves out what it does not have.

    `operator` is who a request says it is from; `key_id` names the key that proves it.

    Records are chained per model: `sequence` counts from 1, `previous` is the SHA-256 (hex) of the
    value of the record before it. What concerns no model that anybody named goes into the ledger
    partition's own chain, which `chain` names.
    """

    audit_id: Name
    model: Name
    event: Literal[
        "accepted",
        "refused",
        "waiting",
        "decision",
        "incident_opened",
        "incident_resolved",
        "recovered",
        "recovery_missed",
        "republished",
        "safety_violation",
        "reviewed",
        "test_decided",
        "status_changed",
        "scale_down",
        "archive_artifact",
        "delete_artifact",
    ]
    at_ms: TimestampMs
    sentence: str
    request_id: str = ""
    request_type: str = ""
    operator: str = ""
    operator_reason: str = ""
    key_id: str = ""
    decision_id: str = ""
    revision: Count | None = None
    would_have: bool = False
    remedy: str = ""
    reasons: tuple[Because, ...] = ()
    details: dict[str, Any] = {}
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    chain: str = ""
    sequence: Count = 0
    previous: str = ""
