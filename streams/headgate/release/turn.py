"""A turn: one ledger entry being folded, and the effects that it has so far."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from headgate.vocabulary import ANY_MODEL, HEADGATE, AlertKind, AlertState, Severity, Topic
from headgate.wire.alerts import Alert
from headgate.wire.audit import AuditEvent, AuditRecord


class Publish(Struct, frozen=True, kw_only=True):
    """A record to write. Folding the entry again gives the same id and the same bytes."""

    topic: Topic
    key: str
    message: Any
    event_id: str
    time_ms: int


class StatusDue(Struct, frozen=True, kw_only=True):
    """The status of `model` is due; only the newest one of a batch is worth computing."""

    model: str


Effect = Publish | StatusDue

RUNBOOK = "docs/operations.md#"


class Turn(Struct, kw_only=True, eq=False):
    """Collects effects. Ids come from the entry's place in the ledger, so replays agree.

    `reason` is that of the request that is being answered, and `key_id` names the key that signed
    it.
    """

    ledger_partition: int
    offset: int
    now_ms: int
    effects: list[Effect] = []
    reason: str = ""
    key_id: str = ""

    @property
    def place(self) -> str:
        """The entry's place: `<ledger partition>-<offset>`."""
        return f"{self.ledger_partition}-{self.offset}"

    def new_id(self, prefix: str) -> str:
        """An id that no other effect has."""
        return f"{prefix}-{self.place}-{len(self.effects)}"

    def publish(self, topic: Topic, key: str, message: object, event_id: str = "") -> None:
        """Write `message`; without an `event_id` the record is named by its place."""
        self.effects.append(
            Publish(
                topic=topic,
                key=key,
                message=message,
                event_id=event_id or self.new_id(str(topic)),
                time_ms=self.now_ms,
            )
        )

    def audit(self, model: str, event: AuditEvent, sentence: str, **fields: Any) -> None:
        """Write one line of history; where nobody asked, Headgate did it."""
        record: dict[str, Any] = {
            "audit_id": self.new_id("audit"),
            "model": model,
            "event": event,
            "at_ms": self.now_ms,
            "sentence": sentence,
            "operator": HEADGATE,
            "key_id": self.key_id if fields.get("request_id") else "",
            **fields,
        }
        self.publish(Topic.AUDIT, model, AuditRecord(**record), record["audit_id"])

    def answer_of(self, request_id: str) -> AuditRecord:
        """The newest line about a request; it has been answered within this turn."""
        said = [effect.message for effect in self.effects if isinstance(effect, Publish)]
        records = [row for row in said if isinstance(row, AuditRecord)]
        return [row for row in records if row.request_id == request_id][-1]

    def alert(self, alert: Alert) -> None:
        """Write one state of an alert."""
        self.publish(Topic.ALERTS, alert.model, alert)

    def warn(self, kind: AlertKind, sentence: str, **numbers: Any) -> None:
        """A passing alert that concerns the ledger partition, not one model."""
        self.alert(
            Alert(
                alert_id=self.new_id("alert"),
                kind=kind,
                state=AlertState.FIRING,
                severity=Severity.WARNING,
                model=ANY_MODEL,
                sentence=sentence,
                runbook=f"{RUNBOOK}{kind}",
                at_ms=self.now_ms,
                numbers={"ledger_partition": self.ledger_partition, **numbers},
            )
        )
