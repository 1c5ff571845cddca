"""`alerts`: what on-call reads, and the heartbeat whose silence means that Headgate is down."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from headgate.vocabulary import AlertKind, AlertState, Severity
from headgate.wire.fields import Count, Name, TimestampMs


class Alert(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="alert"):
    """One state of one alert. `alert_id` lasts from firing to resolved.

    `commands` can be pasted into a shell; `runbook` is an anchor in docs/operations.md;
    `deadline_ms` is when Headgate acts by itself, if it will.
    """

    alert_id: Name
    kind: AlertKind
    state: AlertState
    severity: Severity
    model: Name
    sentence: str
    runbook: str
    at_ms: TimestampMs
    versions: tuple[str, ...] = ()
    trigger: str = ""
    deadline_ms: TimestampMs | None = None
    would_have: bool = False
    numbers: dict[str, Any] = {}
    commands: tuple[str, ...] = ()


class SourceLag(Struct, frozen=True, kw_only=True):
    source_partition: Count
    lag: Count
    silent_ms: Count


class Watching(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="watching"
):
    """Every 10 s from each ledger partition: Headgate is up and this is how far it sees."""

    ledger_partition: Count
    at_ms: TimestampMs
    models: Count
    newest_pane_age_ms: Count | None = None
    sources: tuple[SourceLag, ...] = ()


AlertMessage = Alert | Watching
