"""A real Kafka from Maven: it leaves nothing behind, keeps its data, and says what it misses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from headgate.local.kafka import (
    DEBIAN_PACKAGES,
    KAFKA_VERSION,
    KafkaUnavailableError,
    RealKafka,
    kafka_jars,
    missing_tools,
)
from support.installation import wait_until

PARENT = """
import sys, time
from pathlib import Path
from headgate.local.kafka import RealKafka
kafka = RealKafka.start(Path(sys.argv[1]), heap_mb=256)
print(kafka.pid, flush=True)
time.sleep(600)
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def own_kafka(kafka: RealKafka, tmp_path: Path) -> Iterator[RealKafka]:
    """A broker of the test's own; `kafka` is asked first, because it knows when to skip."""
    with RealKafka.start(tmp_path / "kafka", heap_mb=256) as broker:
        yield broker


def create(broker: RealKafka, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    for future in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        future.result(20)


def publish(broker: RealKafka, topic: str, value: str) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "acks": "all"})
    producer.produce(topic, value)
    assert producer.flush(30) == 0


def read(broker: RealKafka, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "test"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: list[bytes] = []

    def all_there() -> bool:
        found.extend(m.value() for m in consumer.consume(count, 0.5) if m.error() is None)
        return len(found) >= count

    try:
        wait_until(all_there, f"{count} records")
    finally:
        consumer.close()
    return found


@pytest.mark.kafka
def test_a_killed_parent_leaves_no_broker_behind(kafka: RealKafka, tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "kafka")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
    finally:
        parent.kill()
        parent.wait(30)
    wait_until(lambda: not is_alive(pid), f"the end of broker {pid}", 30)


@pytest.mark.kafka
@pytest.mark.parametrize("kill", [False, pytest.param(True, marks=pytest.mark.verify)])
def test_a_halted_or_killed_broker_resumes_with_its_data_on_its_port(
    own_kafka: RealKafka, tmp_path: Path, kill: bool
) -> None:
    servers = own_kafka.bootstrap_servers
    create(own_kafka, "t")
    publish(own_kafka, "t", "one")
    own_kafka.halt(kill=kill)
    own_kafka.resume()
    publish(own_kafka, "t", "two")
    assert own_kafka.bootstrap_servers == servers
    assert read(own_kafka, "t", 2) == [b"one", b"two"]
    own_kafka.stop()
    own_kafka.stop()
    assert not is_alive(own_kafka.pid)
    assert (tmp_path / "kafka" / "server.properties").is_file(), "a folder that was given stays"


@pytest.mark.kafka
def test_a_stopped_broker_takes_its_temporary_folder_along(
    kafka: RealKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with RealKafka.start(heap_mb=256):
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH and an empty cache; put tools into the folder that this is."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def put_tool(folder: Path, name: str, script: str) -> None:
    tool = folder / name
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)


def test_missing_java_and_maven_are_named_by_their_debian_packages(only: Path) -> None:
    assert missing_tools() == list(DEBIAN_PACKAGES)
    with pytest.raises(KafkaUnavailableError) as raised:
        kafka_jars()
    for package in DEBIAN_PACKAGES:
        assert package in str(raised.value)


def test_only_what_is_missing_is_named(only: Path) -> None:
    put_tool(only, "java", "exit 0")
    with pytest.raises(KafkaUnavailableError, match="maven") as raised:
        kafka_jars()
    assert "openjdk" not in str(raised.value)


def test_jars_without_java_are_told_like_any_other_lack(only: Path, tmp_path: Path) -> None:
    (tmp_path / "cache" / "headgate" / f"kafka-{KAFKA_VERSION}").mkdir(parents=True)
    with pytest.raises(KafkaUnavailableError, match="openjdk-17-jre-headless"):
        RealKafka.start(tmp_path / "kafka")


def test_a_maven_that_fails_is_quoted_and_leaves_no_half_filled_cache(
    only: Path, tmp_path: Path
) -> None:
    put_tool(only, "java", "exit 0")
    put_tool(only, "mvn", "echo the registry is on fire; exit 1")
    with pytest.raises(KafkaUnavailableError, match="the registry is on fire"):
        kafka_jars()
    assert not list((tmp_path / "cache" / "headgate").glob("kafka-*"))


def test_a_kafka_that_cannot_start_quotes_what_it_said(only: Path, tmp_path: Path) -> None:
    (tmp_path / "cache" / "headgate" / f"kafka-{KAFKA_VERSION}").mkdir(parents=True)
    put_tool(only, "java", "echo no class like that >&2; exit 1")
    with pytest.raises(KafkaUnavailableError, match="no class like that"):
        RealKafka.start(tmp_path / "kafka")
