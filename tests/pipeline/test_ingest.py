"""ingest on a real Kafka: after anything that can happen, the ledger says what the topic holds.

The comparison is with a plain single pass over the records that shares no code with the fold.
"""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Iterator
from subprocess import Popen

import pytest
from confluent_kafka import Message

from headgate.local.kafka import RealKafka
from headgate.vocabulary import Topic
from support.outcome_log import OutcomeLog, SnapshotKey, wait_until
from support.outcome_records import BAD_VALUES, Record, Row, single_pass

pytestmark = pytest.mark.kafka

START_MS = 1_700_000_000_000
PARTITIONS = 4


@pytest.fixture
def log(kafka: RealKafka, topic_prefix: str) -> Iterator[OutcomeLog]:
    log = OutcomeLog(kafka.bootstrap_servers, topic_prefix, PARTITIONS)
    yield log
    log.stop_workers()


def traffic(partition: int, count: int, *, seed: int = 7) -> list[Record]:
    """Outcomes of three versions and two revisions over several panes, some of them bad."""
    rnd = random.Random(seed * 100 + partition)
    rows: list[Record] = []
    for number in range(count):
        at_ms = START_MS + number * 7 + rnd.randrange(-50, 50)
        if rnd.random() < 0.01:
            rows.append(Record(rnd.choice(BAD_VALUES)[0], at_ms, None))
            continue
        fields: dict[str, object] = {
            "request_id": f"r{partition}-{number}",
            "model": rnd.choice(["chat", "search"]),
            "version": rnd.choice(["v1.0.0", "v1.1.0", "v2.0.0"]),
            "revision": rnd.choice([None, 1, 2]),
            "timestamp_ms": at_ms - rnd.randrange(2000),
            "latency_ms": round(rnd.lognormvariate(6, 1), 3),
        }
        if rnd.random() < 0.1:
            fields["error_type"] = rnd.choice(["timeout", "429", "500"])
        if rnd.random() < 0.3:
            fields |= {"rating": rnd.choice([1, 3.5, 5]), "hallucination": rnd.random() < 0.1}
        if rnd.random() < 0.5:
            fields |= {"input_tokens": rnd.randrange(4000), "output_tokens": rnd.randrange(900)}
        rows.append(Record(json.dumps(fields).encode(), at_ms, fields))
    return rows


class Fleet(threading.Thread):
    """Publishes all traffic in steps, while workers come and go."""

    def __init__(self, log: OutcomeLog, rows: list[list[Record]], steps: int = 40) -> None:
        super().__init__(daemon=True)
        self._log, self._rows, self._steps = log, rows, steps
        self.published = 0
        self.go = threading.Event()

    def run(self) -> None:
        for step in range(self._steps):
            for partition, rows in enumerate(self._rows):
                size = len(rows) // self._steps
                part = rows[step * size : (step + 1) * size]
                self._log.produce(partition, [(row.value, row.timestamp_ms) for row in part])
            self.published = step + 1
            if step >= self._steps // 2:
                self.go.wait(60)


def assert_counted_once(log: OutcomeLog, rows: list[list[Record]]) -> None:
    expected: dict[SnapshotKey, Row] = {}
    bad: set[tuple[int, int]] = set()
    for partition, records in enumerate(rows):
        counted, refused = single_pass(records)
        expected |= {(partition, *key): row for key, row in counted.items()}
        bad |= {(partition, offset) for offset in refused}
    tables = log.tables()
    assert set(tables) == set(expected)
    for key, row in expected.items():
        found = tables[key]
        assert (found.outcomes, found.requests) == (row.outcomes, row.requests), key
        assert (found.sums, found.counts, found.errors) == (row.sums, row.counts, row.errors)
        assert (found.labelled, found.flagged) == (row.labelled, row.flagged)
        assert found.sketches == row.sketches()
    assert set(log.dead_letters()) == bad


def all_read(log: OutcomeLog, rows: list[list[Record]]) -> bool:
    """Everything is folded, and published: the last snapshots reach the last good records."""
    progress = log.progress()
    if any(progress.get(p, (0, 0))[0] < len(records) for p, records in enumerate(rows)):
        return False
    reached = dict.fromkeys(range(len(rows)), 0)
    for snapshot in log.snapshots():
        source = snapshot.source_partition
        reached[source] = max(reached[source], snapshot.last_offset + 1)
    # Bad records at the end change no row, so that nothing is published for them.
    lasts = [max(i for i, r in enumerate(part) if r.fields is not None) for part in rows]
    return all(reached[partition] > last for partition, last in enumerate(lasts))


def wrote(worker: str, message: Message) -> bool:
    return ("ce_source", f"headgate/{worker}".encode()) in (message.headers() or [])


def has_published(log: OutcomeLog, worker: str) -> bool:
    return any(
        wrote(worker, message) and message.key() != b"progress"
        for message in log.read(Topic.LEDGER)
    )


def stop(worker: Popen[str]) -> None:
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0


def test_every_record_counts_once_and_bad_ones_say_why(log: OutcomeLog) -> None:
    rows = [traffic(partition, 6_000) for partition in range(PARTITIONS)]
    for partition, records in enumerate(rows):
        log.produce(partition, [(row.value, row.timestamp_ms) for row in records])
    worker = log.start_worker()
    wait_until(lambda: all_read(log, rows), "everything read")
    assert_counted_once(log, rows)
    reasons = {value: (path, rule) for value, path, rule in BAD_VALUES}
    for (partition, offset), letter in log.dead_letters().items():
        path, rule = reasons[rows[partition][offset].value]
        assert letter.path == path
        assert rule in letter.reason and letter.reason
        assert letter.length == len(rows[partition][offset].value or b"")
    stop(worker)


def test_the_commit_is_the_record_that_opened_the_open_pane(log: OutcomeLog) -> None:
    rows = [traffic(partition, 4_000) for partition in range(PARTITIONS)]
    for partition, records in enumerate(rows):
        log.produce(partition, [(row.value, row.timestamp_ms) for row in records])
    worker = log.start_worker()
    wait_until(lambda: all_read(log, rows), "everything read")
    stop(worker)
    opened = {}
    for partition, records in enumerate(rows):
        newest = max(row.timestamp_ms for row in records) // 10_000 * 10_000
        opened[partition] = next(i for i, r in enumerate(records) if r.timestamp_ms >= newest)
    assert log.committed() == opened
    before = log.tables()
    written = sum(log.ends(Topic.LEDGER).values())
    again = log.start_worker()
    wait_until(lambda: sum(log.ends(Topic.LEDGER).values()) > written + 10, "read again")
    wait_until(lambda: has_published(log, "w1"), "the open pane published again")
    assert log.tables() == before
    stop(again)


def test_a_quiet_topic_is_reported_as_read_to_its_end(log: OutcomeLog) -> None:
    worker = log.start_worker()
    wait_until(lambda: log.progress() == dict.fromkeys(range(PARTITIONS), (0, 0)), "progress")
    stop(worker)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_join_and_a_leave_lose_nothing_and_count_nothing_twice(
    log: OutcomeLog, how: signal.Signals
) -> None:
    rows = [traffic(partition, 8_000) for partition in range(PARTITIONS)]
    fleet = Fleet(log, rows)
    first = log.start_worker()
    fleet.start()
    wait_until(lambda: has_published(log, "w0"), "the first worker at work")
    second = log.start_worker()
    wait_until(lambda: has_published(log, "w1"), "the second worker at work")
    first.send_signal(how)
    first.wait(30)
    fleet.go.set()
    fleet.join(60)
    wait_until(lambda: all_read(log, rows), "everything read")
    assert_counted_once(log, rows)
    stop(second)


def test_kill_after_kill_ends_in_the_same_tables(log: OutcomeLog) -> None:
    rows = [traffic(partition, 6_000, seed=11) for partition in range(PARTITIONS)]
    fleet = Fleet(log, rows)
    fleet.go.set()
    fleet.start()
    for number in range(2):
        worker = log.start_worker()
        wait_until(lambda name=f"w{number}": has_published(log, name), "a worker at work")
        worker.kill()
        worker.wait(10)
    fleet.join(60)
    last = log.start_worker()
    wait_until(lambda: all_read(log, rows), "everything read")
    assert_counted_once(log, rows)
    stop(last)


def test_a_log_that_ends_below_the_commit_is_read_from_its_beginning(log: OutcomeLog) -> None:
    rows = [traffic(partition, 3_000) for partition in range(PARTITIONS)]
    for partition, records in enumerate(rows):
        log.produce(partition, [(row.value, row.timestamp_ms) for row in records])
    log.commit(0, 50_000)
    worker = log.start_worker()
    wait_until(lambda: all_read(log, rows), "everything read")
    assert_counted_once(log, rows)
    stop(worker)
    assert 0 < log.committed()[0] < 3_000


def test_a_worker_that_had_nothing_to_do_for_long_still_takes_over(
    kafka: RealKafka, topic_prefix: str
) -> None:
    log = OutcomeLog(kafka.bootstrap_servers, topic_prefix, partitions=1)
    rows = [traffic(0, 2_000)]
    records = [(row.value, row.timestamp_ms) for row in rows[0]]
    try:
        for _ in range(2):
            log.start_worker(BROKER_MAX_POLL_INTERVAL="3")
            log.produce(0, [records.pop(0) for _ in range(500)])
        wait_until(lambda: log.progress().get(0, (0, 0))[0] == 1_000, "the first outcomes")
        time.sleep(10)  # the second has joined, and has been idle for longer than it may be
        last = log.read(Topic.LEDGER)[-1]
        owner = next(w for w in range(2) if wrote(f"w{w}", last))
        log.workers[owner].kill()
        log.produce(0, records)
        wait_until(lambda: all_read(log, rows), "everything read")
        assert_counted_once(log, rows)
        stop(log.workers[1 - owner])
    finally:
        log.stop_workers()
