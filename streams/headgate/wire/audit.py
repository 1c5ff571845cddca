"""`audit`: every request's outcome and every decision, kept for ever."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from headgate.wire.control import Because
from headgate.wire.fields import Count, Name, TimestampMs


class AuditRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of history.

    `event` says what happened: a request's `accepted` or `refused`; a `decision` that sent (or,
    `would_have`, would have sent) a command; an incident's `opened`, `deferred`, `resolved`; a
    split `recovered` or `recovery_missed`; a version's `status_changed`; `archive_artifact` and
    `delete_artifact` are orders, which whoever keeps the artifacts carries out.
    """

    audit_id: Name
    model: Name
    event: Literal[
        "accepted",
        "refused",
        "decision",
        "incident_opened",
        "incident_resolved",
        "recovered",
        "recovery_missed",
        "republished",
        "safety_violation",
        "status_changed",
        "archive_artifact",
        "delete_artifact",
    ]
    at_ms: TimestampMs
    sentence: str
    request_id: str = ""
    request_type: str = ""
    operator: str = ""
    operator_reason: str = ""
    decision_id: str = ""
    revision: Count | None = None
    would_have: bool = False
    remedy: str = ""
    reasons: tuple[Because, ...] = ()
    details: dict[str, Any] = {}
