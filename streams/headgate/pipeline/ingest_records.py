"""The records that ingest writes on the ledger: snapshots and progress."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.config import Settings
from headgate.pipeline.partitions import ledger_partition
from headgate.pipeline.sending import Record
from headgate.vocabulary import Topic
from headgate.wire.codec import encode
from headgate.wire.headers import cloud_event_headers
from headgate.wire.ledger import PartitionProgress, Progress, Snapshot


class IngestRecords:
    """Topics, keys, partitions and headers of one worker's records."""

    def __init__(self, settings: Settings, ledger_partitions: int) -> None:
        self._worker = settings.worker_id
        self._source = f"headgate/{settings.worker_id}"
        self._ledger = settings.topic(Topic.LEDGER)
        self._partitions = ledger_partitions

    def snapshot(self, snapshot: Snapshot, now_ms: int) -> Record:
        """A snapshot, on the ledger partition of its model."""
        name = (
            f"{snapshot.source_partition}-{snapshot.first_offset}-{snapshot.last_offset}"
            f"-{snapshot.version}-{snapshot.revision}"
        )
        return Record(
            topic=self._ledger,
            key=snapshot.model.encode(),
            value=encode(snapshot),
            partition=ledger_partition(snapshot.model, self._partitions),
            headers=cloud_event_headers(
                event_id=f"snapshot-{name}",
                event_type="ledger",
                source=self._source,
                time_ms=now_ms,
                subject=snapshot.model,
            ),
        )

    def progress(self, rows: Sequence[PartitionProgress], now_ms: int) -> list[Record]:
        """One progress entry, for every ledger partition."""
        value = encode(Progress(worker=self._worker, clock_ms=now_ms, partitions=tuple(rows)))
        headers = cloud_event_headers(
            event_id=f"progress-{self._worker}-{now_ms}",
            event_type="ledger",
            source=self._source,
            time_ms=now_ms,
            subject="progress",
        )
        return [
            Record(
                topic=self._ledger,
                key=b"progress",
                value=value,
                partition=partition,
                headers=headers,
            )
            for partition in range(self._partitions)
        ]
