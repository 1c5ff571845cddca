"""A whole ingest on a real broker: topics, records, worker processes, and what they wrote."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from headgate.vocabulary import Topic
from headgate.wire.deadletters import DeadLetter
from headgate.wire.ledger import Progress, Snapshot
from headgate.wire.messages import DEAD_LETTER, ENTRY

ENTRY_POINT = Path(__file__).with_name("ingest_process.py")
LEDGER_PARTITIONS = 2
SnapshotKey = tuple[int, int, str, str, int]


def wait_until(done: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Poll with a deadline."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@dataclass
class OutcomeLog:
    """One test's topics on a broker. Outcome timestamps are the producer's, to cross panes."""

    servers: str
    prefix: str
    partitions: int = 4
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.servers})
        counts = {
            Topic.OUTCOMES: self.partitions,
            Topic.LEDGER: LEDGER_PARTITIONS,
            Topic.DEAD_LETTERS: 1,
        }
        # The records' times are long past: with a retention the broker would delete them.
        keep = {"retention.ms": "-1"}
        wanted = [
            NewTopic(self.prefix + topic, count, 1, config=keep) for topic, count in counts.items()
        ]
        for created in admin.create_topics(wanted).values():
            created.result(30)
        wait_until(self._answers, "the new topics")

    def _answers(self) -> bool:
        """A topic that has just been created has no leader yet."""
        try:
            return all(self.ends(topic) for topic in (Topic.OUTCOMES, Topic.LEDGER))
        except KafkaException:
            return False

    def produce(self, partition: int, records: Iterable[tuple[bytes | None, int]]) -> None:
        """(value, timestamp in ms) of each record, in order."""
        producer = Producer({"bootstrap.servers": self.servers, "linger.ms": 5})
        for value, timestamp_ms in records:
            while True:
                try:
                    producer.produce(
                        self.prefix + Topic.OUTCOMES,
                        value,
                        partition=partition,
                        timestamp=timestamp_ms,
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
        assert producer.flush(30) == 0

    def start_worker(self, **settings: str) -> subprocess.Popen[str]:
        """A worker process in this test's consumer group."""
        environment = {
            "HEADGATE_BOOTSTRAP_SERVERS": self.servers,
            "HEADGATE_TOPIC_PREFIX": self.prefix,
            "HEADGATE_GROUP_PREFIX": f"{self.prefix[:-1]}-",
            "HEADGATE_WORKER_ID": f"w{len(self.workers)}",
            "HEADGATE_SNAPSHOT_INTERVAL_S": "0.1",
            "HEADGATE_PROGRESS_INTERVAL_S": "0.2",
            "HEADGATE_SESSION_TIMEOUT_S": "6",
            "LEDGER_PARTITIONS": str(LEDGER_PARTITIONS),
        }
        worker = subprocess.Popen(
            [sys.executable, str(ENTRY_POINT)],
            env={**os.environ, **environment, **settings},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.workers.append(worker)
        return worker

    def stop_workers(self) -> None:
        """Kill whatever still runs."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
            worker.wait(10)

    def ends(self, topic: Topic) -> dict[int, int]:
        """Where each partition of a topic ends."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "reader"})
        name = self.prefix + topic
        found = {
            partition: consumer.get_watermark_offsets(TopicPartition(name, partition), 10)[1]
            for partition in consumer.list_topics(name, 10).topics[name].partitions
        }
        consumer.close()
        return found

    def committed(self) -> dict[int, int]:
        """The group's commit per outcomes partition; -1001 where there is none."""
        consumer = Consumer(
            {"bootstrap.servers": self.servers, "group.id": f"{self.prefix[:-1]}-ingest"}
        )
        name = self.prefix + Topic.OUTCOMES
        asked = [TopicPartition(name, partition) for partition in range(self.partitions)]
        found = {tp.partition: tp.offset for tp in consumer.committed(asked, 10)}
        consumer.close()
        return found

    def commit(self, partition: int, offset: int) -> None:
        """Let the group of the workers begin there."""
        consumer = Consumer(
            {"bootstrap.servers": self.servers, "group.id": f"{self.prefix[:-1]}-ingest"}
        )
        place = TopicPartition(self.prefix + Topic.OUTCOMES, partition, offset)
        consumer.commit(offsets=[place], asynchronous=False)
        consumer.close()

    def read(self, topic: Topic) -> list[Message]:
        """Every record of a topic up to its present end, per partition in order."""
        left = {partition: end for partition, end in self.ends(topic).items() if end}
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": "reader",
                "enable.auto.commit": False,
            }
        )
        name = self.prefix + topic
        consumer.assign([TopicPartition(name, partition, 0) for partition in left])
        found: list[Message] = []
        while left:
            message = consumer.poll(10)
            assert message is not None and message.error() is None
            found.append(message)
            if message.offset() + 1 >= left.get(message.partition(), 0):
                left.pop(message.partition(), None)
        consumer.close()
        return found

    def snapshots(self) -> list[Snapshot]:
        """All snapshots on the ledger."""
        entries = [ENTRY.decode(message.value()) for message in self.read(Topic.LEDGER)]
        return [entry for entry in entries if isinstance(entry, Snapshot)]

    def tables(self) -> dict[SnapshotKey, Snapshot]:
        """The snapshots as govern reads them, in ledger order.

        Per ledger and source partition it keeps the newest pane only: what comes for an older
        pane is ignored, and so is a lower `last_offset`.
        """
        tables: dict[SnapshotKey, Snapshot] = {}
        newest: dict[tuple[int, int], int] = {}
        for message in self.read(Topic.LEDGER):
            entry = ENTRY.decode(message.value())
            if not isinstance(entry, Snapshot):
                continue
            source = (message.partition(), entry.source_partition)
            if entry.pane_start_ms < newest.get(source, 0):
                continue
            newest[source] = entry.pane_start_ms
            key = (
                entry.source_partition,
                entry.pane_start_ms,
                entry.model,
                entry.version,
                entry.revision,
            )
            if key not in tables or entry.last_offset > tables[key].last_offset:
                tables[key] = entry
        return tables

    def progress(self) -> dict[int, tuple[int, int]]:
        """(next offset, end offset) per source partition, joined by the higher offsets."""
        found: dict[int, tuple[int, int]] = {}
        for message in self.read(Topic.LEDGER):
            entry = ENTRY.decode(message.value())
            if isinstance(entry, Progress):
                for row in entry.partitions:
                    known = found.get(row.source_partition, (-1, -1))
                    found[row.source_partition] = max(known, (row.next_offset, row.end_offset))
        return found

    def dead_letters(self) -> dict[tuple[int, int], DeadLetter]:
        """By source partition and offset; a repeat must be the same letter."""
        found: dict[tuple[int, int], DeadLetter] = {}
        for message in self.read(Topic.DEAD_LETTERS):
            letter = DEAD_LETTER.decode(message.value())
            place = (letter.source_partition, letter.source_offset)
            assert found.setdefault(place, letter) == letter
        return found
