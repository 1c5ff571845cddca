"""What a supervisor ends with SIGTERM ends as by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest
from confluent_kafka import Consumer, TopicPartition

from headgate.cli.failures import ExitCode
from headgate.cli.signals import sigterm_is_ctrl_c
from headgate.config import Settings
from headgate.vocabulary import Action, Topic
from headgate.wire.codec import encode
from headgate.wire.control import Command, Weight
from headgate.wire.messages import ACK
from support.commands import Run
from support.responder import publish
from support.statuses import MODEL

PARTITIONS = 4


def end_this_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def end_once_something_is_on(settings: Settings, topic: Topic) -> None:
    """In a thread of its own, so that the command may run in this one."""

    def wait() -> None:
        consumer = Consumer({**settings.librdkafka(), "group.id": "t"})
        name = settings.topic(topic)
        consumer.list_topics(name, timeout=10)  # the embedded broker makes it then
        consumer.assign([TopicPartition(name, number, 0) for number in range(PARTITIONS)])
        consumer.poll(60)
        consumer.close()
        end_this_process()

    threading.Thread(target=wait, daemon=True).start()


def test_within_it_sigterm_is_an_interrupt_and_afterwards_what_it_was() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), sigterm_is_ctrl_c():
        end_this_process()
    assert signal.getsignal(signal.SIGTERM) is before


def states(settings: Settings) -> list[str]:
    """What the router's acks say of it, in order."""
    consumer = Consumer({**settings.librdkafka(), "group.id": "t", "enable.partition.eof": True})
    consumer.assign([TopicPartition(settings.topic(Topic.ACKS), n, 0) for n in range(PARTITIONS)])
    found, ended = [], 0
    while ended < PARTITIONS:
        message = consumer.poll(10)
        assert message is not None
        if message.error():
            ended += 1
        else:
            found.append(ACK.decode(message.value()).state)
    consumer.close()
    return found


def test_a_router_that_is_ended_says_goodbye(ask: Run, settings: Settings) -> None:
    command = Command(
        model=MODEL,
        revision=7,
        action=Action.ADOPT,
        weights=(Weight(version="v1", weight=10_000),),
        salt="s",
        decision_id="d-7",
        issued_at_ms=1,
    )
    publish(settings, Topic.CONTROL, (MODEL, encode(command)))
    with sigterm_is_ctrl_c():
        end_once_something_is_on(settings, Topic.ACKS)
        result = ask("router", "--model", MODEL, "--json")
    assert result.exit_code == ExitCode.INTERRUPTED, result.output
    assert states(settings)[-1] == "goodbye"


def test_a_fleet_that_is_ended_delivers_what_it_holds_and_says_so(
    ask: Run, settings: Settings
) -> None:
    publish(settings, Topic.CONTROL, ("other", b"{}"))
    with sigterm_is_ctrl_c():
        end_once_something_is_on(settings, Topic.OUTCOMES)
        words = ("--model", MODEL, "--scenario", "errors", "--rate", "50", "--duration", "10m")
        result = ask("fleet", *words, "--json")
    assert result.exit_code == ExitCode.FINE, result.output
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["delivered"] == summary["requests"] > 0
