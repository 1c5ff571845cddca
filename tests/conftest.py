"""Fixtures that reach outside the process: a real Kafka, the embedded broker, recorded traces."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from headgate.local.embedded import EmbeddedBroker
from headgate.local.kafka import KafkaUnavailableError, RealKafka, missing_tools

settings.register_profile("headgate", deadline=None)  # shared machines are slow at times
settings.load_profile("headgate")

ROOT = Path(__file__).resolve().parents[1]
WAITING = ("kafka", "traces")  # markers of the longest tests
IN_CI = os.environ.get("CI", "").lower() == "true"


@pytest.fixture(scope="session")
def kafka() -> Iterator[RealKafka]:
    """A real Apache Kafka for the whole run."""
    missing = missing_tools()
    if missing and not IN_CI:
        pytest.skip(f"a real Kafka needs the Debian packages {' and '.join(missing)}")
    try:
        broker = RealKafka.start()
    except KafkaUnavailableError as error:
        pytest.fail(str(error))
    with broker:
        yield broker


@pytest.fixture
def topic_prefix() -> str:
    """A prefix of the test's own, for topics; `prefix[:-1] + '-'` serves for groups."""
    return f"t{uuid.uuid4().hex[:8]}."


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    """The broker that ships inside confluent-kafka."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(scope="session")
def traces() -> Path:
    """The folder with recorded provider traces; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("HEADGATE_TRACES") or ROOT.parent / "shared" / "data")
    if not (folder / "llmperf").is_dir():
        pytest.skip(f"no recorded traces in {folder}; set HEADGATE_TRACES")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait for processes begin first, so that none is left for one of several test
    processes while the others have ended; of the rest those with many tests.
    """
    tests = Counter(item.path for item in items)
    waiting = {item.path for item in items if any(map(item.get_closest_marker, WAITING))}
    items.sort(key=lambda item: (item.path not in waiting, -tests[item.path], item.path))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was left out for want of Java or Maven."""
    missing = missing_tools()
    if missing:
        terminalreporter.section("LEFT OUT: everything on a real Kafka", sep="!", red=True)
        terminalreporter.write_line(f"Install these Debian packages: {' '.join(missing)}")
