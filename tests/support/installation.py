"""A whole Headgate on a real broker: topics, worker processes, requests, and what comes out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from headgate.config import Settings
from headgate.pipeline.topics import apply_topics
from headgate.release.checkpoints import thaw_newest
from headgate.release.state import ModelState
from headgate.replay.reading import TopicReader
from headgate.vocabulary import Topic
from headgate.wire.codec import encode

AGENTS = ("ingest", "admit", "govern")
# What a group's coordinator says while it starts.
STARTING = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)
ANSWER_S = 120  # two workers that start while others use the machine take 30
ENTRY_POINT = Path(__file__).with_name("worker_process.py")


def wait_until(done: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Poll with a deadline; what `done` gave when it first was true."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return found


class Installation:
    """One test's topics, groups and workers. Use it as a context manager."""

    def __init__(
        self, bootstrap_servers: str, topic_prefix: str, *, with_topics: bool = True
    ) -> None:
        self.settings = Settings(
            bootstrap_servers=bootstrap_servers,
            topic_prefix=topic_prefix,
            group_prefix=f"{topic_prefix.rstrip('.')}-",
        )
        self.workers: list[subprocess.Popen[bytes]] = []
        if with_topics:
            apply_topics(self.settings, replication_factor=1)
        self._producer = Producer(self.settings.librdkafka())

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait(30)

    def start_worker(self, **settings: str) -> subprocess.Popen[bytes]:
        """A worker of this installation; `settings` are further HEADGATE_ variables."""
        mine = {
            "bootstrap_servers": self.settings.bootstrap_servers,
            "topic_prefix": self.settings.topic_prefix,
            "group_prefix": self.settings.group_prefix,
            "session_timeout_s": "6",
            "checkpoint_interval_s": "3",
            "http_port": "0",
            "log_level": "warning",
            **settings,
        }
        variables = {f"HEADGATE_{name.upper()}": value for name, value in mine.items()}
        worker = subprocess.Popen(
            [sys.executable, str(ENTRY_POINT)],
            env={**os.environ, **variables},
            stdout=subprocess.DEVNULL,
        )
        self.workers.append(worker)
        return worker

    def joined(self, workers: int) -> bool:
        """Whether every group has so many members and is at rest."""
        admin = AdminClient(self.settings.librdkafka())
        groups = [f"{self.settings.group_prefix}{agent}" for agent in AGENTS]
        try:
            found = [told.result(10) for told in admin.describe_consumer_groups(groups).values()]
        except TimeoutError:
            return False
        except KafkaException as error:
            if error.args[0].code() not in STARTING:
                raise
            return False
        return all(
            group.state is ConsumerGroupState.STABLE and len(group.members) == workers
            for group in found
        )

    def stop_worker(self, worker: subprocess.Popen[bytes]) -> None:
        """SIGTERM; the worker drains, commits and ends with 0."""
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0

    def ask(self, kind: type, model: str, **fields: Any) -> dict[str, Any]:
        """Send an operator's request and wait for the audit record that answers it."""
        request_id = uuid.uuid4().hex
        request = kind(
            request_id=request_id,
            model=model,
            operator="test",
            issued_at_ms=time.time_ns() // 1_000_000,
            **fields,
        )
        self._producer.produce(
            self.settings.topic(Topic.REQUESTS), key=model, value=encode(request)
        )
        self._producer.flush(10)

        def answer() -> dict[str, Any] | None:
            answers = [row for row in self.read(Topic.AUDIT) if row.get("request_id") == request_id]
            return answers[0] if answers else None

        found: dict[str, Any] = wait_until(answer, f"an answer to {kind.__name__}", ANSWER_S)
        return found

    def read(self, topic: Topic) -> list[dict[str, Any]]:
        """Every record of a topic as it stands, decoded."""
        return [orjson.loads(value) for _, value in self.read_raw(self.settings.topic(topic))]

    def read_raw(self, name: str) -> list[tuple[bytes, bytes]]:
        """Key and value of every record of a topic as it stands."""
        with TopicReader(self.settings) as reader:
            bounds = {p: reader.bounds(name, p) for p in reader.partitions(name)}
            starts = {p: low for p, (low, _) in bounds.items()}
            ends = {p: high for p, (_, high) in bounds.items()}
            return [(m.key(), m.value()) for m in reader.read(name, starts, ends)]

    def commands(self, model: str) -> list[dict[str, Any]]:
        """The control commands of a model, oldest first, each revision once."""
        mine = {row["revision"]: row for row in self.read(Topic.CONTROL) if row["model"] == model}
        return [mine[revision] for revision in sorted(mine)]

    def counted(self, model: str) -> int:
        """How many outcomes of a model the newest status counts."""
        totals = 0
        for row in self.read(Topic.STATUS):
            if row["model"] == model:
                versions = row.get("versions", [])
                totals = sum(v["windows"][-1].get("outcomes", 0) for v in versions)
        return totals

    def model(self, model: str) -> ModelState:
        """A model's state out of govern's newest checkpoint; stop the workers first."""
        table: dict[bytes, bytes] = {}
        name = f"{self.settings.group_prefix}govern-checkpoints-changelog"
        for key, value in self.read_raw(name):
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
        for partition in range(4):
            loaded = thaw_newest(table, partition)
            if loaded is not None and model in loaded.state.models:
                return loaded.state.models[model]
        raise AssertionError(f"no checkpoint knows {model}")
