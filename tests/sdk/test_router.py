from __future__ import annotations

import asyncio

import pytest
from confluent_kafka import KafkaException

from headgate.sdk import InvalidSplitError, Router, UnknownModelError


def test_the_current_split_is_read_before_the_first_choice(broker, command):
    for revision in range(1, 6):
        broker.command(command(revision, (f"v{revision}", 10_000)))
    broker.command(command(9, ("w1", 10_000), model="other"))
    with Router(broker.bootstrap_servers) as router:
        assert router.is_current
        assert router.choose("agent", "k").version == "v5"
        assert router.choose("other", "k").revision == 9


def test_only_a_higher_revision_with_a_whole_split_is_obeyed(broker, command, wait_for):
    obeyed = []
    broker.command(command(5, ("v5", 10_000)))
    with Router(broker.bootstrap_servers, on_split=obeyed.append) as router:
        broker.command(command(4, ("v4", 10_000)))
        broker.command(command(5, ("v5-again", 10_000)))
        broker.command(command(6, ("v6", 9_999)))
        broker.write("headgate.control", "agent", b"{broken")
        broker.write("headgate.control", "agent", None)
        broker.command(command(7, ("v7", 10_000)))
        wait_for(lambda: router.choose("agent", "k").version == "v7")
        wait_for(lambda: len(obeyed) >= 2)
    assert [told.revision for told in obeyed] == [5, 7]


def test_a_change_is_acknowledged_at_once_with_the_choices_so_far(broker, command, wait_for):
    broker.command(command(4, ("v4", 10_000), decision_id="d4"))
    broker.command(command(5, ("v5", 10_000), decision_id="d5"))
    with Router(broker.bootstrap_servers, router_id="gate-1", ack_interval_s=3_600) as router:
        for number in range(4):
            router.choose("agent", str(number))
        broker.command(command(6, ("v6", 10_000), decision_id="d6"))
        acks = broker.acks(lambda found: any(ack.revision == 6 for ack in found))
    assert [(ack.revision, ack.decision_id) for ack in acks] == [(5, "d5"), (6, "d6")]
    assert {ack.router_id for ack in acks} == {"gate-1"}
    assert {(row.version, row.revision): row.count for row in acks[-1].choices} == {
        ("v5", 5): 4,
        ("v6", 6): 0,
    }


def test_acks_go_on_at_the_interval_and_end_with_a_goodbye(broker, command):
    broker.command(command(5, ("v5", 10_000)))
    router = Router(broker.bootstrap_servers, ack_interval_s=0.2)
    router.start()
    broker.acks(lambda found: len(found) >= 4)
    router.close()
    acks = broker.acks(lambda found: any(ack.state == "goodbye" for ack in found))
    assert [ack.state for ack in acks].count("goodbye") == 1
    assert acks[-1].state == "goodbye"
    assert router.choose("agent", "k").version == "v5"
    router.close()


def test_acks_are_keyed_by_model_and_carry_cloud_event_headers(broker, command):
    from confluent_kafka import Consumer, TopicPartition

    broker.command(command(5, ("v5", 10_000)))
    with Router(broker.bootstrap_servers, router_id="gate-1"):
        broker.acks(lambda found: len(found) >= 1)
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "headers"})
    consumer.assign([TopicPartition("headgate.acks", number, 0) for number in range(4)])
    message = consumer.poll(20.0)
    headers = dict(message.headers())
    consumer.close()
    assert message.key() == b"agent"
    assert headers["ce_type"] == b"dev.headgate.ack.v1"
    assert headers["ce_source"] == b"router/gate-1"


def test_only_the_named_models_are_followed_and_acknowledged(broker, command):
    broker.command(command(5, ("v5", 10_000)))
    broker.command(command(5, ("w5", 10_000), model="other"))
    with Router(broker.bootstrap_servers, models=["agent"], ack_interval_s=0.1) as router:
        acks = broker.acks(lambda found: len(found) >= 4)
        with pytest.raises(UnknownModelError):
            router.choose("other", "k")
    assert {ack.model for ack in acks} == {"agent"}


def test_a_cold_start_without_kafka_serves_the_fallback_and_goes_on_trying(
    broker, command, silent_port, relay, wait_for
):
    broker.command(command(5, ("v5", 10_000)))
    router = Router(f"127.0.0.1:{silent_port}", fallback={"agent": "v1"})
    assert not router.start(timeout_s=0.2)
    choice = router.choose("agent", "k")
    assert (choice.version, choice.revision) == ("v1", 0)
    assert not router.is_current
    with pytest.raises(UnknownModelError, match="other"):
        router.choose("other", "k")
    relay(silent_port, broker.bootstrap_servers)
    wait_for(lambda: router.is_current)
    assert router.choose("agent", "k").version == "v5"
    router.close()


def test_when_kafka_goes_away_the_last_known_split_stays(broker, command, wait_for):
    broker.command(command(5, ("v5", 10_000)))
    with Router(broker.bootstrap_servers, ack_interval_s=0.1) as router:
        broker.stop()
        wait_for(lambda: not broker.answers())
        assert router.choose("agent", "k").version == "v5"
        router.close(timeout_s=0.2)
    assert router.choose("agent", "k").version == "v5"


def test_a_fallback_in_use_is_acknowledged_as_revision_0(broker, command):
    broker.command(command(5, ("w5", 10_000), model="other"))
    with Router(broker.bootstrap_servers, fallback={"agent": "v1"}) as router:
        router.choose("agent", "k")
        acks = broker.acks(lambda found: len(found) >= 2)
    assert {(ack.model, ack.revision) for ack in acks} == {("agent", 0), ("other", 5)}


def test_a_callback_hears_of_every_split_and_may_fail(broker, command, wait_for):
    heard = []

    def listen(told) -> None:
        heard.append(told.revision)
        raise RuntimeError("a fault of the user's")

    broker.command(command(5, ("v5", 10_000)))
    with Router(broker.bootstrap_servers, on_split=listen) as router:
        broker.command(command(6, ("v6", 10_000)))
        wait_for(lambda: heard == [5, 6])
        assert router.choose("agent", "k").version == "v6"


def test_a_coroutine_uses_a_router(broker, command):
    broker.command(command(5, ("v5", 10_000)))

    async def main() -> str:
        async with Router(broker.bootstrap_servers) as router:
            return router.choose("agent", "k").version

    assert asyncio.run(main()) == "v5"


def test_bad_arguments_are_errors_before_anything_starts():
    with pytest.raises(InvalidSplitError, match="sum to 9000"):
        Router("localhost:1", fallback={"agent": [("v1", 9_000)]})
    with pytest.raises(ValueError, match="router_id"):
        Router("localhost:1", router_id="")
    with pytest.raises(KafkaException, match=r"no\.such\.setting"):
        Router("localhost:1", kafka={"no.such.setting": 1}).start()


def test_routers_of_one_process_have_different_ids():
    assert Router("localhost:1").router_id != Router("localhost:1").router_id
