"""admit: checks the form of operator requests and router acks and appends them to the ledger.

It decides nothing. An entry carries its source partition and offset, and the fold skips what it
has seen; so that it may, each source partition's entries reach a ledger partition in order, the
next one only when the one before is confirmed, and none before those that a rebalance left behind.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from faust.types import TP

from headgate.pipeline.app import make_app
from headgate.pipeline.continuity import Continuity, HoleError
from headgate.pipeline.letters import letter_record
from headgate.pipeline.malformed import malformed_request
from headgate.pipeline.partitions import ledger_partition
from headgate.pipeline.process import Process
from headgate.pipeline.sending import CONFIRM_TIMEOUT_S, Record, send_confirmed
from headgate.vocabulary import ANY_MODEL, Topic
from headgate.wire.codec import BadValueError, encode
from headgate.wire.headers import cloud_event_headers
from headgate.wire.key_requests import ApplyKeys
from headgate.wire.ledger import AdmittedAck, AdmittedRequest, MalformedRequest
from headgate.wire.messages import ACK, REQUEST

Admitted = AdmittedRequest | MalformedRequest | AdmittedAck

MAX_HEADERS = 32
MAX_HEADER_BYTES = 1024

log = structlog.get_logger(__name__)


@dataclass
class AdmitStats:
    """Counters for /metrics."""

    requests: int = 0
    acks: int = 0
    bad: int = 0


@dataclass
class _Source:
    """A source partition in this worker's hands, admitted up to `next_offset`."""

    next_offset: int
    continuity: Continuity


class Admit:
    """The Faust app on `requests` and `acks`."""

    def __init__(self, process: Process) -> None:
        self.stats = AdmitStats()
        self._settings = settings = process.settings
        self._ledger_partitions = process.ledger_partitions
        self._fatal = process.fatal
        self._requests = settings.topic(Topic.REQUESTS)
        self._acks = settings.topic(Topic.ACKS)
        self._sources: dict[TP, _Source] = {}
        self.app = make_app(settings, "admit", [self._requests, self._acks], fatal=process.fatal)
        self._wire_up()

    def _wire_up(self) -> None:
        app = self.app
        for name in (self._requests, self._acks):
            topic = app.topic(name, value_serializer="raw", key_serializer="raw")
            app.agent(topic, name=f"admit-{name}", concurrency=1)(self._consume)
        app.on_partitions_revoked.connect(self._on_revoked, weak=False)

    async def _consume(self, stream: Any) -> None:
        async for event in stream.events():
            try:
                await self._take(event.message, event.value)
            except Exception as error:
                self._fatal("admit could not append a batch", error)

    async def _take(self, message: Any, records: list[Any]) -> None:
        """Repeats are the fold's to skip; what would overtake a missing part is dropped here."""
        if message.generation_id != self.app.consumer_generation_id:
            return
        source = self._sources.get(message.tp) or await self._open(message.tp)
        try:
            if not await source.continuity.due(records[0].offset, source.next_offset):
                return
        except HoleError as hole:
            log.warning("admitted_past_a_hole", tp=str(message.tp), what=str(hole))
        await self._admit_batch(message.tp, records)
        source.next_offset = max(source.next_offset, records[-1].offset + 1)

    async def _open(self, tp: TP) -> _Source:
        """Begin where the group's commit stands."""
        start = await self.app.consumer.start_offset(tp, CONFIRM_TIMEOUT_S)
        source = self._sources[tp] = _Source(start, Continuity(self.app, tp))
        return source

    async def _on_revoked(self, _: Any, revoked: Iterable[TP], **__: Any) -> None:
        """Whoever has a partition next begins at its commit."""
        self._sources.clear()
        log.info("admit_partitions_revoked", partitions=sorted(map(str, revoked)))

    async def _admit_batch(self, tp: TP, records: list[Any]) -> None:
        queues: dict[int, list[Record]] = defaultdict(list)
        bad: list[Record] = []
        for record in records:
            entry: Admitted
            try:
                entry = self._entry(tp, record)
            except BadValueError as error:
                self.stats.bad += 1
                bad.append(letter_record(self._settings, tp, record, error))
                if tp.topic == self._acks:
                    continue
                entry = malformed_request(record, error)
            for partition, row in self._for_ledger(record, entry):
                queues[partition].append(row)
        await send_confirmed(self.app, bad)
        await asyncio.gather(*(self._send_in_order(queue) for queue in queues.values()))
        self.app.consumer.mark_committable(tp, records[-1].offset + 1)

    def _entry(self, tp: TP, record: Any) -> AdmittedRequest | AdmittedAck:
        if tp.topic == self._acks:
            self.stats.acks += 1
            return AdmittedAck(
                source_partition=record.partition,
                source_offset=record.offset,
                ack=ACK.decode(record.value),
            )
        self.stats.requests += 1
        request = REQUEST.decode(record.value)
        return AdmittedRequest(
            source_partition=record.partition,
            source_offset=record.offset,
            request=request,
            headers=_text_headers(record.headers),
            first_key=self._settings.first_key if isinstance(request, ApplyKeys) else "",
        )

    def _for_ledger(self, record: Any, entry: Admitted) -> list[tuple[int, Record]]:
        model = _model_of(entry)
        partitions = [ledger_partition(model, self._ledger_partitions)]
        if model == ANY_MODEL and isinstance(entry, AdmittedRequest):
            partitions = list(range(self._ledger_partitions))
        value = encode(entry)
        headers = cloud_event_headers(
            event_id=f"{record.topic}-{record.partition}-{record.offset}",
            event_type="ledger",
            source=f"headgate/{self._settings.worker_id}",
            time_ms=record.timestamp,
            subject=model,
        )
        return [
            (
                partition,
                Record(
                    topic=self._settings.topic(Topic.LEDGER),
                    key=model.encode(),
                    value=value,
                    headers=headers,
                    partition=partition,
                ),
            )
            for partition in partitions
        ]

    async def _send_in_order(self, queue: list[Record]) -> None:
        for row in queue:
            await send_confirmed(self.app, [row])


def _model_of(entry: Admitted) -> str:
    if isinstance(entry, MalformedRequest):
        return entry.model
    return entry.request.model if isinstance(entry, AdmittedRequest) else entry.ack.model


def _text_headers(headers: Any) -> dict[str, str]:
    """The headers that are text, as a signature needs them; a flood of them is cut.

    Whatever a writer puts there, the entry stays below what the ledger takes.
    """
    kept: dict[str, str] = {}
    for name, value in list(headers or ())[:MAX_HEADERS]:
        if value is not None and max(len(name), len(value)) <= MAX_HEADER_BYTES:
            kept[name] = value.decode("utf-8", errors="replace")
    return kept
