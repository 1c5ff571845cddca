"""Asking for a change and waiting for what becomes of it.

A request goes to `requests`; its outcome comes back on `audit`, which is followed from where it
ended before the request was sent, so that no outcome can slip by.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

import typer
from confluent_kafka import KafkaError, Message, Producer

from headgate.cli.failures import PASSING, OutcomeTimeoutError, in_words
from headgate.cli.obeying import Obedience, await_obedience
from headgate.cli.reading import CONNECT_S, TopicFollower, audit_records, topic_partitions
from headgate.config import Settings
from headgate.keyfiles import load_key
from headgate.pipeline.topics import BrokerUnreachableError
from headgate.vocabulary import ANY_MODEL, Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import BadValueError, encode
from headgate.wire.headers import Headers, cloud_event_headers
from headgate.wire.messages import REQUEST
from headgate.wire.request import Request
from headgate.wire.requests import AnyRequest, digest_of_request
from headgate.wire.signatures import REQUEST as SIGNS_REQUESTS

EXPIRES_AFTER_MS = 600_000
ANSWERS = frozenset({"accepted", "refused", "waiting"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: one audit record, or one per ledger partition for all models."""

    request_id: str
    records: tuple[AuditRecord, ...]
    obedience: Obedience | None = None

    @property
    def accepted(self) -> bool:
        return all(record.event == "accepted" for record in self.records)

    @property
    def waits(self) -> bool:
        """Whether a second person has to approve it first."""
        return any(record.event == "waiting" for record in self.records)

    @property
    def key_refused(self) -> bool:
        """Whether it was refused before anything was looked at: for its signature, key or role."""
        return any("refused_digest" in record.details for record in self.records)

    def to_json(self) -> dict[str, Any]:
        """The answer for machines."""
        first = self.records[0]
        return {
            "request_id": self.request_id,
            "accepted": self.accepted,
            "waits": self.waits,
            "model": first.model,
            "sentences": [record.sentence for record in self.records],
            "remedy": first.remedy,
            "decision_id": first.decision_id,
            "revision": first.revision,
            "routers_obey": self.obedience.complete if self.obedience else None,
            "routers": self.obedience.sentence if self.obedience else None,
        }


def request_fields(model: str, operator: str, reason: str = "") -> dict[str, Any]:
    """The fields that every request has. It expires in 10 min: no worker acts on stale wishes."""
    now_ms = time.time_ns() // 1_000_000
    return {
        "request_id": f"r-{uuid.uuid4().hex[:16]}",
        "model": model,
        "operator": operator,
        "issued_at_ms": now_ms,
        "reason": reason,
        "expires_at_ms": now_ms + EXPIRES_AFTER_MS,
    }


def ask(
    settings: Settings, request: Request, *, timeout_s: float = 15.0, recovery_s: float = 0.0
) -> Answer:
    """Send a request and wait for its outcome, then up to `recovery_s` for the routers to obey.

    Raises `OutcomeTimeoutError`, `BrokerUnreachableError` or `TopicMissingError`, and
    `typer.BadParameter` for a request that breaks the contract.
    """
    request = _check(request)
    with TopicFollower(settings, [Topic.AUDIT], "end") as audit:
        wanted = _send(settings, request)
        heard: list[AuditRecord] = []
        records = _await_answers(audit, heard, request, wanted, timeout_s)
        obedience = None
        if recovery_s and records[0].event == "accepted" and records[0].decision_id:
            obedience = _obedience(settings, audit, heard, records[0], recovery_s)
    return Answer(request.request_id, tuple(records), obedience)


def _obedience(
    settings: Settings,
    audit: TopicFollower,
    heard: list[AuditRecord],
    accepted: AuditRecord,
    within_s: float,
) -> Obedience:
    """Whether routers obey; what was accepted stays so where nobody can tell."""
    try:
        return await_obedience(settings, audit, heard, accepted, within_s)
    except PASSING as error:
        return Obedience(False, f"Whether the routers obey is not known: {in_words(error)}")


def _check(request: Request) -> AnyRequest:
    """The request as a worker reads it: what is signed must be what is verified."""
    try:
        return REQUEST.decode(encode(request))
    except BadValueError as error:
        raise typer.BadParameter(f"{error.path.removeprefix('$.')}: {error.reason}") from error


def _signature(settings: Settings, value: bytes) -> Headers:
    if settings.operator_key_file is None:
        return []
    return load_key(settings.operator_key_file, SIGNS_REQUESTS).signer.headers(value)


def _send(settings: Settings, request: AnyRequest) -> int:
    """Deliver the request; returns how many outcomes it will have."""
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    producer = Producer(
        {**settings.librdkafka(), "message.timeout.ms": 10_000, "linger.ms": 0, "log_level": 0}
    )
    servers = settings.bootstrap_servers
    wanted = 1
    if request.model == ANY_MODEL:
        wanted = len(topic_partitions(producer, settings.topic(Topic.LEDGER), servers))
    topic_partitions(producer, settings.topic(Topic.REQUESTS), servers)
    value = encode(request)
    headers = cloud_event_headers(
        event_id=request.request_id,
        event_type="request",
        source="headgate/cli",
        time_ms=request.issued_at_ms,
        subject=request.model,
    )
    producer.produce(
        settings.topic(Topic.REQUESTS),
        value,
        request.model.encode(),
        headers=[*headers, *_signature(settings, value)],
        on_delivery=delivered,
    )
    if producer.flush(CONNECT_S + 1) or failures:
        why = failures[0].str() if failures else "no confirmation"
        raise BrokerUnreachableError(
            f"{servers} did not confirm request {request.request_id} ({why}). It may still be "
            "carried out. What became of it: headgate tail audit --from-beginning --exit"
        )
    return wanted


def _await_answers(
    audit: TopicFollower,
    heard: list[AuditRecord],
    request: Request,
    wanted: int,
    timeout_s: float,
) -> list[AuditRecord]:
    """One record per ledger partition that answers; repeats of a partition's answer are one."""
    deadline = time.monotonic() + timeout_s
    answers: dict[int, AuditRecord] = {}
    while time.monotonic() < deadline:
        heard += audit_records(audit)
        answers = _answers(heard, request)
        if len(answers) >= wanted:
            return [answers[partition] for partition in sorted(answers)]
    have = f"{len(answers)} of {wanted} outcomes" if wanted > 1 else "no outcome"
    raise OutcomeTimeoutError(
        f"{have} of request {request.request_id} came within {timeout_s:g} s. It may still be "
        f"carried out; it expires in {EXPIRES_AFTER_MS // 60_000} min. Is a worker with the agents "
        "admit and govern running and ready (its /readyz)? Are the topics right (headgate topics "
        "check)? What became of it: headgate tail audit --from-beginning --exit"
    )


def _answers(heard: list[AuditRecord], request: Request) -> dict[int, AuditRecord]:
    """The first answer of each ledger partition; what became of forgeries of the id is not ours."""
    digest = digest_of_request(request)
    answers: dict[int, AuditRecord] = {}
    for record in heard:
        if record.request_id != request.request_id or record.event not in ANSWERS:
            continue
        if record.details.get("refused_digest", digest) == digest:
            answers.setdefault(int(record.details.get("ledger_partition", 0)), record)
    return answers
