"""Commands as a script sees them: exit codes, standard output, standard error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from headgate.config import load_settings
from headgate.local.demo import touch_topics
from headgate.local.embedded import EmbeddedBroker
from headgate.local.kafka import RealKafka
from headgate.vocabulary import Action, Mode, Topic, split_bucket
from headgate.wire.codec import encode
from headgate.wire.control import Command, Weight
from headgate.wire.status import ModelStatus
from support.commands import call

NOWHERE = ("--bootstrap-servers", "127.0.0.1:1")


def run(*words: str, servers: str | None = None) -> Any:
    environ = {"HEADGATE_CONFIG": None, "HEADGATE_BOOTSTRAP_SERVERS": servers}
    return call(*words, env=environ)


@pytest.fixture
def broker(embedded: EmbeddedBroker, topic_prefix: str) -> tuple[str, ...]:
    """The flags that lead to the embedded broker with its topics made."""
    flags = {"bootstrap_servers": embedded.bootstrap_servers, "topic_prefix": topic_prefix}
    touch_topics(load_settings(None, flags, {}))
    return ("--bootstrap-servers", embedded.bootstrap_servers, "--topic-prefix", topic_prefix)


def publish(broker: tuple[str, ...], topic: Topic, *messages: Any) -> None:
    producer = Producer({"bootstrap.servers": broker[1]})
    for message in messages:
        value = message if isinstance(message, bytes) else encode(message)
        producer.produce(f"{broker[3]}{topic}", value, b"m")
    assert producer.flush(10) == 0


def status(model: str, revision: int = 5, **fields: Any) -> ModelStatus:
    return ModelStatus(
        model=model, at_ms=1, revision=revision, mode=Mode.ENFORCE, fresh=True, **fields
    )


def test_the_version_and_help_are_fine() -> None:
    assert run("--version").exit_code == 0
    assert "rollout" in run("--help").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("adopt", "m"),
        ("rollout", "start", "m", "--stable", "v1", "--candidate", "v2", "--weight", "all"),
        ("defer", "m", "a-1", "--minutes", "31", "--reason", "x"),
        ("mode", "m", "sleep"),
        ("status", "--bootstrap-servers", "nowhere"),
        ("fleet", "--model", "m"),
        ("fleet", "--model", "m", "--scenario", "eruption"),
        ("fleet", "--model", "m", "--arm", "v1=nothing.jsonl"),
        ("demo", "--scenario", "eruption"),
        ("adopt", "m", "v1", "--policy", "nothing.yaml"),
        ("router", "--choose", "k"),
        ("replay", "--since", "yesterday"),
    ],
)
def test_wrong_usage_ends_with_2(words: tuple[str, ...], embedded: EmbeddedBroker) -> None:
    result = run(*words, servers=embedded.bootstrap_servers)
    assert result.exit_code == 2, result.output
    assert result.stderr


def test_a_bad_policy_is_told_in_full_before_anything_is_sent(
    tmp_path: Path, broker: tuple[str, ...]
) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        "name: p\n"
        "triggers:\n"
        "  - {name: e, metric: error_rate, limit: {abov: 1},\n"
        "     severity: critical, action: rollback}\n"
        "  - {name: t, metric: error_rate, limit: {above: 1}, severity: warning, action: alert,\n"
        "     windw: 1m, for: soon}\n"
    )
    result = run("policy", "apply", "m", str(file), *broker)
    assert result.exit_code == 2
    assert "Did you mean above?" in result.stderr
    assert "Did you mean window?" in result.stderr
    assert "triggers.1.for = 'soon'" in result.stderr


def test_every_mistake_of_a_trigger_is_told_at_once_in_plain_words_and_nothing_else(
    tmp_path: Path, broker: tuple[str, ...]
) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        "name: p\n"
        "triggers:\n"
        "  - {name: e, metric: eror_rate, limit: {above: 1}, severity: bad, action: rollback}\n"
    )
    result = run("policy", "apply", "m", str(file), *broker)
    assert result.exit_code == 2
    assert "2 mistakes" in result.stderr
    assert "triggers.0.metric = 'eror_rate'" in result.stderr
    assert "must be 'critical' or 'warning'" in result.stderr


def test_an_absent_broker_ends_with_3() -> None:
    result = run("tail", "audit", "--from-beginning", "--exit", *NOWHERE)
    assert result.exit_code == 3
    assert "127.0.0.1:1" in result.stderr


@pytest.mark.kafka
def test_too_few_brokers_for_the_copies_names_the_flag_that_helps(
    kafka: RealKafka, topic_prefix: str
) -> None:
    place = ("--bootstrap-servers", kafka.bootstrap_servers, "--topic-prefix", topic_prefix)
    result = run("topics", "apply", *place)
    assert result.exit_code == 3
    assert "give --replication-factor" in result.stderr


def test_no_outcome_in_time_ends_with_4(broker: tuple[str, ...]) -> None:
    result = run("rollout", "promote", "m", "--timeout", "0.5", *broker)
    assert result.exit_code == 4
    assert "no outcome" in result.stderr


def test_nothing_known_of_a_model_ends_with_1(broker: tuple[str, ...]) -> None:
    publish(broker, Topic.STATUS, status("other"))
    assert run("status", "m", *broker).exit_code == 1
    assert run("status", "other", *broker).exit_code == 0


def test_status_as_json_gives_the_newest_of_each_model(broker: tuple[str, ...]) -> None:
    publish(broker, Topic.STATUS, status("b"), status("a", 5), status("a", 6), status("a", 5))
    rows = json.loads(run("status", "--json", *broker).stdout)
    assert [(row["model"], row["revision"]) for row in rows] == [("a", 6), ("b", 5)]


def test_tail_to_the_end_gives_every_record_and_hides_none_that_is_broken(
    broker: tuple[str, ...],
) -> None:
    publish(broker, Topic.AUDIT, b"{broken", b"{}")
    readable = run("tail", "audit", "--from-beginning", "--exit", *broker).stdout
    assert len(readable.splitlines()) == 2
    assert readable.count("cannot be read") == 2
    machine = run("tail", "audit", "--from-beginning", "--exit", "--json", *broker).stdout
    assert {json.loads(line)["topic"] for line in machine.splitlines()} == {"audit"}


def test_the_router_says_which_version_serves_a_key(broker: tuple[str, ...]) -> None:
    weights = (Weight(version="v2", weight=5_000), Weight(version="v1", weight=5_000))
    for revision in (4, 3):
        publish(
            broker,
            Topic.CONTROL,
            Command(
                model="m",
                revision=revision,
                action=Action.SET_WEIGHTS,
                weights=weights,
                salt=f"s{revision}",
                decision_id="d",
                issued_at_ms=1,
            ),
        )
    words = ("router", "--model", "m", "--choose", "user-1", "--json", *broker)
    bucket = split_bucket("s4", "m", "user-1")
    version = "v2" if bucket < 5_000 else "v1"
    assert json.loads(run(*words).stdout) == {"version": version, "revision": 4, "bucket": bucket}


def test_a_fleet_publishes_what_its_trace_holds_and_says_so(
    broker: tuple[str, ...], tmp_path: Path
) -> None:
    trace = tmp_path / "v1.jsonl"
    trace.write_text('{"latency_ms": 1}\n')
    words = ("fleet", "--model", "m", "--arm", f"v1={trace}", "--rate", "50", "--duration", "2s")
    result = run(*words, "--json", *broker)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout.splitlines()[-1])
    assert summary["published"] == {"v1": summary["requests"]}
    assert summary["delivered"] == summary["requests"] > 0
