"""Records as they happen, one line each: commands, alerts, audit, dead letters, statuses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import orjson

from headgate.cli import answers, phrases
from headgate.cli.reading import Record
from headgate.vocabulary import HEADGATE, Topic
from headgate.wire.alerts import Alert, Watching
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import BadValueError, Codec
from headgate.wire.control import Command
from headgate.wire.deadletters import DeadLetter
from headgate.wire.messages import ALERT, AUDIT, COMMAND, DEAD_LETTER, STATUS
from headgate.wire.status import ModelStatus

_CODECS: dict[Topic, Codec[Any]] = {
    Topic.CONTROL: COMMAND,
    Topic.ALERTS: ALERT,
    Topic.AUDIT: AUDIT,
    Topic.DEAD_LETTERS: DEAD_LETTER,
    Topic.STATUS: STATUS,
}


def decode_event(record: Record) -> Any:
    """The message in a record. Raises `BadValueError`."""
    return _CODECS[record.topic].decode(record.value)


def event_line(record: Record) -> str:
    """One readable line; what can't be read is told with its place and the reason."""
    try:
        message = decode_event(record)
    except BadValueError as error:
        place = f"{record.topic}[{record.partition}]@{record.offset}"
        return f"{phrases.clock_time(record.timestamp_ms)} {place} cannot be read: {error}"
    return _SAY[type(message)](message, record)


def event_json(record: Record) -> str:
    """The record with its place as one line of JSON; the value as it is, where it is JSON."""
    row: dict[str, Any] = {
        "topic": str(record.topic),
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "key": None if record.key is None else record.key.decode(errors="replace"),
    }
    try:
        row["value"] = orjson.loads(record.value or b"null")
    except orjson.JSONDecodeError:
        row["value"] = (record.value or b"").decode(errors="replace")
    return orjson.dumps(row).decode()


def model_of(message: object) -> str | None:
    """Which model a message is about, if it is about one."""
    return getattr(message, "model", None)


def _command(command: Command, _: Record) -> str:
    who = f" by {command.operator}" if command.operator else ""
    why = f" - {command.reasons[0].sentence}" if command.reasons else ""
    return (
        f"{phrases.clock_time(command.issued_at_ms)} control {command.model} revision "
        f"{command.revision} {command.action}: {phrases.split_words(command.weights)}{who}{why}"
    )


def _alert(alert: Alert, _: Record) -> str:
    due = ""
    if alert.deadline_ms is not None:
        now_ms = time.time_ns() // 1_000_000
        due = f" (deadline {phrases.clock_time_on(alert.deadline_ms, now_ms)})"
    would = " (would have)" if alert.would_have else ""
    return (
        f"{phrases.clock_time(alert.at_ms)} alert {alert.state} {alert.severity} {alert.model} "
        f"{alert.kind} {alert.alert_id}{would}{due} - {alert.sentence}"
    )


def _watching(beat: Watching, _: Record) -> str:
    lag = sum(source.lag for source in beat.sources)
    return (
        f"{phrases.clock_time(beat.at_ms)} watching: ledger partition {beat.ledger_partition}, "
        f"{beat.models} models, {lag} outcomes behind"
    )


def _audit(audit: AuditRecord, _: Record) -> str:
    who = f" ({audit.operator})" if audit.operator not in {"", HEADGATE} else ""
    why = f" Reason given: {audit.operator_reason}" if audit.operator_reason else ""
    return (
        f"{phrases.clock_time(audit.at_ms)} audit {audit.event} {audit.model}{who} - "
        f"{audit.sentence}{why}"
    )


def _dead_letter(letter: DeadLetter, record: Record) -> str:
    source = f"{letter.source_topic}[{letter.source_partition}]@{letter.source_offset}"
    return (
        f"{phrases.clock_time(record.timestamp_ms)} dead-letter {source} {letter.path}: "
        f"{letter.reason} ({letter.length} bytes)"
    )


def _status(status: ModelStatus, _: Record) -> str:
    return status_line(status)


def status_line(status: ModelStatus) -> str:
    """A model's state in one line."""
    rates = [
        f"{phrases.version_label(version)} {row.requests_per_s or 0:.0f}/s "
        f"p95 {phrases.number(row.latency_p95_ms)} ms errors {phrases.percent(row.error_rate)} "
        f"rating {phrases.number(row.rating_mean, 2)} "
        f"halluc. {phrases.percent(row.hallucination_rate)}"
        for version in status.versions
        if version.role
        for row in version.windows
        if row.window_s == 60
    ]
    return (
        f"{phrases.clock_time(status.at_ms)} status {status.model} revision {status.revision}: "
        f"{phrases.split_words(status.weights)} | {' | '.join(rates) or 'no traffic'} | "
        f"good so far: {answers.good_so_far(status)}"
    )


_SAY: dict[type, Callable[[Any, Record], str]] = {
    Command: _command,
    Alert: _alert,
    Watching: _watching,
    AuditRecord: _audit,
    DeadLetter: _dead_letter,
    ModelStatus: _status,
}
