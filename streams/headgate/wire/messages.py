"""Which message type lives on which topic: one row per topic, used by codecs and schemas."""

from __future__ import annotations

from typing import Any

from headgate.vocabulary import Topic
from headgate.wire.acks import Ack
from headgate.wire.alerts import AlertMessage
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import Codec
from headgate.wire.control import Command
from headgate.wire.deadletters import DeadLetter
from headgate.wire.ledger import Entry
from headgate.wire.outcomes import Outcome
from headgate.wire.registry import RegistryEntry
from headgate.wire.requests import AnyRequest
from headgate.wire.status import ModelStatus

LARGE = 1_000_000

OUTCOME: Codec[Outcome] = Codec(Outcome)
REQUEST: Codec[AnyRequest] = Codec(AnyRequest, kept=True)
ACK: Codec[Ack] = Codec(Ack)
ENTRY: Codec[Entry] = Codec(Entry, max_bytes=LARGE)
COMMAND: Codec[Command] = Codec(Command, max_bytes=LARGE)
ALERT: Codec[AlertMessage] = Codec(AlertMessage, max_bytes=LARGE)
AUDIT: Codec[AuditRecord] = Codec(AuditRecord, max_bytes=LARGE)
STATUS: Codec[ModelStatus] = Codec(ModelStatus, max_bytes=LARGE)
REGISTRY: Codec[RegistryEntry] = Codec(RegistryEntry, max_bytes=LARGE)
DEAD_LETTER: Codec[DeadLetter] = Codec(DeadLetter, max_bytes=LARGE)

MESSAGE_TYPES: dict[Topic, Any] = {
    Topic.OUTCOMES: Outcome,
    Topic.REQUESTS: AnyRequest,
    Topic.ACKS: Ack,
    Topic.LEDGER: Entry,
    Topic.CONTROL: Command,
    Topic.ALERTS: AlertMessage,
    Topic.AUDIT: AuditRecord,
    Topic.REGISTRY: RegistryEntry,
    Topic.STATUS: ModelStatus,
    Topic.DEAD_LETTERS: DeadLetter,
}

# A message's short name: of its schema, its examples and its CloudEvents type.
MESSAGE_NAMES: dict[Topic, str] = {
    Topic.OUTCOMES: "outcome",
    Topic.REQUESTS: "request",
    Topic.ACKS: "ack",
    Topic.LEDGER: "ledger",
    Topic.CONTROL: "control",
    Topic.ALERTS: "alert",
    Topic.AUDIT: "audit",
    Topic.REGISTRY: "registry",
    Topic.STATUS: "status",
    Topic.DEAD_LETTERS: "dead-letter",
}
