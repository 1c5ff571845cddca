from __future__ import annotations

import logging
import threading

import numpy as np
import pytest

from headgate.sdk.split import Choice
from headgate.sdk.testing import InMemoryBus, MemoryPublisher
from headgate.sdk.tokens import LabelTokenError, label_token
from headgate.wire.outcomes import Outcome

BAD_FIELDS = [
    {"latency_ms": -1.0},
    {"latency_ms": float("nan")},
    {"latency_ms": float("inf")},
    {"latency_ms": "fast"},
    {"rating": 6.0},
    {"hallucination": "yes"},
    {"input_tokens": 1.5},
    {"segment": {"tenant": 5}},
    {"cost_usd": object()},
    {"latency_ms": np.array([1.0, 2.0])},
    {"no_such_field": 1},
]


@pytest.mark.parametrize("fields", BAD_FIELDS, ids=lambda fields: str(*fields))
def test_a_bad_value_is_counted_and_never_raised(fields):
    bus = InMemoryBus()
    publisher = MemoryPublisher(bus)
    assert not publisher.record("r1", "agent", "v1", **fields)
    assert publisher.record("r2", "agent", "v1", latency_ms=5.0)
    assert publisher.stats.dropped["invalid"] == 1
    assert [outcome.request_id for outcome in bus.outcomes] == ["r2"]


@pytest.mark.parametrize("request_id", ["", "x" * 129, None, "\ud800"])
def test_a_request_without_a_usable_id_is_counted_and_never_raised(request_id):
    publisher = MemoryPublisher(InMemoryBus())
    assert not publisher.publish(Outcome(request_id=request_id, model="m", version="v"))
    assert publisher.stats.dropped["invalid"] == 1


def test_something_that_is_no_outcome_is_counted_and_never_raised():
    publisher = MemoryPublisher(InMemoryBus())
    assert not publisher.publish({"request_id": "r"})
    assert not publisher.record("r", "m", None)
    assert publisher.stats.dropped["invalid"] == 2


def test_each_kind_of_drop_is_logged_once_and_names_the_field(caplog):
    publisher = MemoryPublisher(InMemoryBus())
    with caplog.at_level(logging.WARNING, "headgate.sdk"):
        for _ in range(5):
            publisher.record("r", "agent", "v1", latency_ms=-1.0)
        publisher.record("r", "agent", "v1", rating=9.0)
    assert len(caplog.records) == 2
    assert "$.latency_ms" in caplog.text
    assert "$.rating" in caplog.text


def test_numbers_of_numpy_are_taken_as_numbers():
    bus = InMemoryBus()
    publisher = MemoryPublisher(bus)
    assert publisher.record(
        "r",
        "agent",
        "v1",
        latency_ms=np.float32(5),
        input_tokens=np.int64(7),
        hallucination=np.bool_(True),
    )
    (outcome,) = bus.outcomes
    assert (outcome.latency_ms, outcome.input_tokens, outcome.hallucination) == (5.0, 7, True)


def test_an_outcome_carries_the_routers_choice_and_a_time():
    bus = InMemoryBus()
    publisher = MemoryPublisher(bus)
    publisher.record("r1", "agent", Choice("v2", 9, 1_234), error_type="timeout")
    publisher.publish(Outcome(request_id="r2", model="agent", version="v2", timestamp_ms=5))
    first, second = bus.outcomes
    assert (first.version, first.revision, first.bucket) == ("v2", 9, 1_234)
    assert first.timestamp_ms > 1_600_000_000_000
    assert second.timestamp_ms == 5


def test_a_late_label_reaches_the_request_of_its_token():
    bus = InMemoryBus()
    publisher = MemoryPublisher(bus)
    token = label_token("r1", "agent", Choice("v2", 9, 1_234))
    assert publisher.label(token, rating=4.5, hallucination=False, segment={"tenant": "acme"})
    (label,) = bus.outcomes
    assert (label.request_id, label.model, label.version) == ("r1", "agent", "v2")
    assert (label.revision, label.bucket) == (9, 1_234)
    assert (label.rating, label.hallucination, label.latency_ms) == (4.5, False, None)


def test_a_label_that_says_nothing_or_a_broken_token_publishes_nothing():
    bus = InMemoryBus()
    publisher = MemoryPublisher(bus)
    assert not publisher.label(label_token("r1", "agent", "v1"))
    assert not publisher.label(label_token("r1", "agent", "v1"), rating=11)
    with pytest.raises(LabelTokenError):
        publisher.label("nonsense", rating=4.0)
    assert bus.outcomes == []
    assert publisher.stats.dropped["invalid"] == 2


def test_several_threads_publish_and_nothing_is_lost_or_miscounted():
    bus = InMemoryBus()
    publisher = MemoryPublisher(bus)

    def work(name: str) -> None:
        for number in range(500):
            publisher.record(f"{name}-{number}", "agent", "v1", latency_ms=1.0)

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({outcome.request_id for outcome in bus.outcomes}) == 2_000
    assert (publisher.stats.accepted, publisher.stats.delivered) == (2_000, 2_000)
