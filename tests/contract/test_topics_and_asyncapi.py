"""Topics as the design has them, and an AsyncAPI document that covers them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.vocabulary import Topic
from headgate.wire.schemas import schema_file

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
DAY_MS = 86_400_000
# topic: key, cleanup, retention in days (None: never, or compacted), broker time
DESIGN: dict[str, tuple[str, str, int | None, bool]] = {
    "outcomes": ("request_id", "delete", 7, True),
    "requests": ("model", "delete", 90, False),
    "acks": ("model", "delete", 1, False),
    "ledger": ("model", "delete", 35, True),
    "control": ("model", "compact", None, False),
    "alerts": ("model", "delete", 30, False),
    "audit": ("model", "delete", None, False),
    "registry": ("model and version", "compact", None, False),
    "status": ("model", "compact", None, False),
    "dead-letters": ("source topic-partition", "delete", 30, False),
}


def _topic(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((SCHEMAS / "topics" / f"{name}.yaml").read_text())
    return found


def test_there_is_one_file_per_topic_and_one_for_the_checkpoints() -> None:
    names = {path.stem for path in (SCHEMAS / "topics").glob("*.yaml")}
    assert names == {*map(str, Topic), "govern-checkpoints-changelog"}


@pytest.mark.parametrize("name", DESIGN)
def test_a_topic_is_as_the_design_has_it(name: str) -> None:
    key, cleanup, days, broker_time = DESIGN[name]
    topic = _topic(name)
    config = topic["config"]
    assert topic["topic"] == name
    assert topic["key"] == key
    assert config["cleanup.policy"] == cleanup
    if cleanup == "delete":
        assert config["retention.ms"] == (-1 if days is None else days * DAY_MS)
    assert (config.get("message.timestamp.type") == "LogAppendTime") is broker_time
    assert topic["schema"] == schema_file(Topic(name))
    assert (SCHEMAS / topic["schema"]).is_file()


def test_commands_outlive_the_ledger_uncompacted() -> None:
    lag_ms = _topic("control")["config"]["min.compaction.lag.ms"]
    assert lag_ms >= _topic("ledger")["config"]["retention.ms"]


def test_the_checkpoint_changelog_is_compacted_often_and_has_the_ledgers_partitions() -> None:
    changelog = _topic("govern-checkpoints-changelog")
    assert changelog["partitions"] == _topic("ledger")["partitions"]
    assert changelog["config"] == {
        "cleanup.policy": "compact",
        "segment.bytes": 16 * 1024 * 1024,
        "segment.ms": 600_000,
        "min.cleanable.dirty.ratio": 0.1,
    }


ASYNCAPI: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text())


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [ref for value in node.values() for ref in _references(value)]
    if isinstance(node, list):
        return [ref for value in node for ref in _references(value)]
    return []


def test_every_reference_resolves() -> None:
    references = _references(ASYNCAPI)
    assert references
    for reference in references:
        if reference.startswith("./"):
            assert (SCHEMAS / reference).is_file(), reference
            continue
        node: Any = ASYNCAPI
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_topic_is_a_channel_with_its_own_schema() -> None:
    assert set(ASYNCAPI["channels"]) == set(map(str, Topic))
    for topic in Topic:
        (message,) = ASYNCAPI["channels"][topic]["messages"]
        payload = ASYNCAPI["components"]["messages"][message]["payload"]["$ref"]
        assert payload == f"./{schema_file(topic)}"


def test_every_channel_has_an_operation() -> None:
    used = {operation["channel"]["$ref"] for operation in ASYNCAPI["operations"].values()}
    assert used == {f"#/channels/{topic}" for topic in Topic}
