"""Replay: a true log is confirmed byte for byte, and every kind of lie is found."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from headgate.config import Settings
from headgate.local.embedded import EmbeddedBroker
from headgate.release.checkpoints import freeze_marker
from headgate.release.records import OutRecord
from headgate.release.state import PartitionState
from headgate.replay.run import replay
from headgate.vocabulary import Topic
from headgate.wire.codec import encode
from headgate.wire.ledger import Entry
from support.checkpoints import checkpoint
from support.ledger import LedgerBench, Traffic

CHANGELOG = "headgate-govern-checkpoints-changelog"


class Log:
    """A bench's ledger and outputs on the embedded broker."""

    def __init__(self, embedded: EmbeddedBroker) -> None:
        self.settings = Settings(bootstrap_servers=embedded.bootstrap_servers, embedded=True)
        self.producer = Producer(self.settings.librdkafka())
        self.bench = LedgerBench()
        self.bench.adopt()
        self.bench.start()
        self.bench.serve(20, v1=Traffic(), v2=Traffic(error_rate=0.4))
        assert self.bench.commands[-1].action == "rollback"

    def write(self, records: list[OutRecord]) -> None:
        for number, (entry, at) in enumerate(self.bench.entries):
            self.producer.produce(
                self.settings.topic(Topic.LEDGER),
                value=encode(entry),
                partition=0,
                timestamp=at.timestamp_ms,
            )
            assert number == at.offset
        for record in records:
            self.producer.produce(
                self.settings.topic(record.topic),
                key=record.key,
                value=record.value,
                headers=record.headers,
                partition=0,
            )
        for topic in (Topic.CONTROL, Topic.ALERTS, Topic.AUDIT):
            self.producer.produce(self.settings.topic(topic), key=b"other", value=b"{}")
        self.producer.flush(10)

    def write_checkpoint(self, state: PartitionState) -> None:
        for key, value in checkpoint(state).items():
            self.producer.produce(CHANGELOG, key=key, value=value, partition=0)
        self.producer.flush(10)


@pytest.fixture
def log(embedded: EmbeddedBroker) -> Log:
    return Log(embedded)


def _audit(log: Log) -> tuple[list[OutRecord], OutRecord]:
    """The records without one audit record in the middle, and that one."""
    victim = next(r for r in log.bench.records if r.topic == "audit" and b"Started" in r.value)
    return [record for record in log.bench.records if record is not victim], victim


def test_a_true_log_is_confirmed(log: Log) -> None:
    log.write(log.bench.records)
    report = replay(log.settings)
    assert report.ok, report
    assert report.entries == len(log.bench.entries)
    assert report.compared["control"] == 3
    assert report.compared["audit"] == len(log.bench.audit)


def test_records_written_twice_are_confirmed(log: Log) -> None:
    log.write(log.bench.records + log.bench.records[-5:])
    assert replay(log.settings).ok


def test_a_missing_record_is_found(log: Log) -> None:
    others, victim = _audit(log)
    log.write(others)
    report = replay(log.settings)
    assert report.missing == [f"audit {victim.event_id}"]
    assert not report.ok


def test_a_changed_record_is_found(log: Log) -> None:
    others, victim = _audit(log)
    forged = OutRecord(
        topic=victim.topic,
        key=victim.key,
        value=victim.value.replace(b"ann", b"eve"),
        headers=victim.headers,
        event_id=victim.event_id,
    )
    assert forged.value != victim.value
    log.write([*others, forged])
    assert replay(log.settings).different == [f"audit {victim.event_id}"]


def test_a_record_that_no_fold_gives_is_found(log: Log) -> None:
    _, victim = _audit(log)
    headers = [(n, b"audit-0-3-99" if n == "ce_id" else v) for n, v in victim.headers]
    forged = OutRecord(
        topic=victim.topic,
        key=victim.key,
        value=victim.value,
        headers=headers,
        event_id="audit-0-3-99",
    )
    log.write([*log.bench.records, forged])
    assert replay(log.settings).unexpected == ["audit audit-0-3-99"]


@pytest.mark.parametrize(
    ("event_id", "told"),
    [([("ce_id", b"x\xff")], "x\ufffd"), ([], ""), ([("ce_id", b"a-b-c")], "a-b-c")],
)
def test_a_record_that_names_no_place_is_found_too(
    log: Log, event_id: list[tuple[str, bytes]], told: str
) -> None:
    _, victim = _audit(log)
    forged = OutRecord(
        topic=victim.topic,
        key=victim.key,
        value=victim.value,
        headers=[("ce_source", b"headgate/govern"), *event_id],
        event_id="",
    )
    log.write([*log.bench.records, forged])
    assert replay(log.settings).unexpected == [f"audit {told}"]


def test_what_no_worker_has_published_yet_is_pending_and_no_fault(log: Log) -> None:
    published = [r for r in log.bench.records if r.topic in ("control", "alerts", "audit")]
    log.write(published[:4])
    report = replay(log.settings)
    assert report.ok
    assert report.pending > 0


def test_a_replay_may_begin_at_a_checkpoint(log: Log) -> None:
    half = log.bench.state
    log.bench.serve(10, v1=Traffic())
    log.write(log.bench.records)
    log.write_checkpoint(half)
    report = replay(log.settings, since_ms=half.time_ms + 1)
    assert report.ok, report
    assert report.from_offsets[0] == half.next_offset
    assert report.entries == len(log.bench.entries) - half.next_offset
    whole = replay(log.settings, since_ms=half.time_ms)
    assert whole.from_offsets[0] == 0


def test_a_replay_may_begin_at_a_checkpoint_that_govern_has_deleted(log: Log) -> None:
    half = log.bench.state
    log.bench.serve(10, v1=Traffic())
    log.write(log.bench.records)
    log.write_checkpoint(half)
    key, _ = freeze_marker(half, ())
    log.producer.produce(CHANGELOG, key=key, value=None, partition=0)
    log.producer.flush(10)
    report = replay(log.settings, since_ms=half.time_ms + 1)
    assert report.ok, report
    assert report.from_offsets[0] == half.next_offset


def test_every_entry_survives_the_wire(log: Log) -> None:
    from headgate.wire.messages import ENTRY

    entries: list[Entry] = [entry for entry, _ in log.bench.entries]  # type: ignore[misc]
    assert all(ENTRY.decode(encode(entry)) == entry for entry in entries)
