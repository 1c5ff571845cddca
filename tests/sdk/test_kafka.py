from __future__ import annotations

import logging

from headgate.sdk.kafka import SAME_AGAIN_S, OncePerWhile, ack_producer


def _line(kind: str, at_s: float) -> logging.LogRecord:
    record = logging.makeLogRecord({"msg": "%s [%s] %s", "args": (kind, "client", "text")})
    record.created = at_s
    return record


def test_an_absent_broker_does_not_fill_the_log():
    sparse = OncePerWhile()
    assert sparse.filter(_line("FAIL", 1_000.0))
    assert not sparse.filter(_line("FAIL", 1_000.0 + SAME_AGAIN_S - 1))
    assert sparse.filter(_line("FAIL", 1_000.0 + SAME_AGAIN_S + 1))


def test_another_kind_of_line_is_not_held_back():
    sparse = OncePerWhile()
    assert sparse.filter(_line("FAIL", 1_000.0))
    assert sparse.filter(_line("ERROR", 1_000.1))


def test_acks_are_sent_by_a_client_that_no_fatal_error_befalls():
    shared = {"enable.idempotence": True, "security.protocol": "SSL"}
    config = ack_producer("kafka:9092", shared)
    assert config["enable.idempotence"] is False
    assert config["security.protocol"] == "SSL"
