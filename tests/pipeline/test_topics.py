"""Topics: what is planned, and what a real broker has afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from headgate.config import Settings
from headgate.local.embedded import EmbeddedBroker
from headgate.local.kafka import RealKafka
from headgate.pipeline import topics
from headgate.pipeline.topics import (
    BrokerUnreachableError,
    TopicPlan,
    TopicSpec,
    TopicState,
    apply_topics,
    check_topics,
    ledger_partitions,
    load_topics,
    plan_topics,
    read_topics,
)
from headgate.vocabulary import Topic
from support.installation import wait_until

SPEC = TopicSpec(
    short_name="outcomes",
    name="headgate.outcomes",
    partitions=8,
    replication_factor=3,
    config={"cleanup.policy": "delete", "retention.ms": "1000", "min.cleanable.dirty.ratio": "0.1"},
)
AS_ASKED = TopicState(partitions=8, config={**SPEC.config, "unclean.leader.election": "false"})


def planned(spec: TopicSpec, state: TopicState | None) -> TopicPlan:
    return plan_topics([spec], {spec.name: state} if state else {})


class SilentBroker:
    """Tells which topics it has, and answers nothing else."""

    def list_topics(self, *, timeout: float) -> SimpleNamespace:
        return SimpleNamespace(topics={SPEC.name: SimpleNamespace(partitions={})})

    def describe_configs(self, resources: list[ConfigResource]) -> dict[ConfigResource, object]:
        return dict.fromkeys(resources, self)

    def result(self, timeout: float) -> None:
        raise TimeoutError


def test_a_broker_that_falls_silent_is_told_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_admin", lambda _: SilentBroker())
    with pytest.raises(BrokerUnreachableError, match="kafka:9092 gave no answer within 15 s"):
        read_topics(Settings(bootstrap_servers="kafka:9092"), [SPEC.name])


# What is planned


def test_an_empty_broker_gets_every_topic_of_the_contract() -> None:
    specs = load_topics(Settings())
    plan = plan_topics(specs, {})
    assert plan.create == specs
    assert not (plan.grow or plan.change or plan.refused)
    assert {spec.short_name for spec in specs} == {*Topic, "govern-checkpoints-changelog"}


def test_a_broker_that_has_everything_needs_nothing() -> None:
    plan = planned(SPEC, AS_ASKED)
    assert plan.is_done
    assert plan == TopicPlan()


def test_a_plan_that_was_carried_out_leaves_nothing_to_do() -> None:
    specs = load_topics(Settings())
    there = {spec.name: TopicState(spec.partitions, spec.config) for spec in specs}
    assert plan_topics(specs, there).is_done


def test_numbers_are_compared_as_numbers() -> None:
    same = replace(AS_ASKED, config={**AS_ASKED.config, "min.cleanable.dirty.ratio": "0.10"})
    assert planned(SPEC, same).is_done


def test_too_few_partitions_grow() -> None:
    plan = planned(SPEC, replace(AS_ASKED, partitions=2))
    assert [(row.setting, row.found, row.wanted) for row in plan.grow] == [("partitions", "2", "8")]
    assert not plan.refused


def test_too_many_partitions_are_refused_with_the_reason_and_nothing_shrinks() -> None:
    plan = planned(SPEC, replace(AS_ASKED, partitions=9))
    assert not (plan.grow or plan.change)
    assert "cannot take partitions away" in plan.refused[0].refusal
    assert not plan.is_done


@pytest.mark.parametrize("short_name", ["ledger", "govern-checkpoints-changelog"])
@pytest.mark.parametrize("partitions", [7, 9])
def test_the_ledgers_and_its_checkpoints_partition_count_never_changes(
    short_name: str, partitions: int
) -> None:
    plan = planned(replace(SPEC, short_name=short_name), replace(AS_ASKED, partitions=partitions))
    assert not plan.grow
    assert "never changes" in plan.refused[0].refusal


def test_a_setting_that_differs_is_changed_and_others_are_left_alone() -> None:
    drifted = replace(AS_ASKED, config={**AS_ASKED.config, "retention.ms": "5"})
    plan = planned(SPEC, drifted)
    assert [(row.setting, row.found, row.wanted) for row in plan.change] == [
        ("retention.ms", "5", "1000")
    ]


def test_names_follow_the_prefixes_and_the_changelog_follows_the_groups() -> None:
    settings = Settings(topic_prefix="eu.", group_prefix="eu-")
    names = {spec.short_name: spec.name for spec in load_topics(settings)}
    assert names["outcomes"] == settings.topic(Topic.OUTCOMES) == "eu.outcomes"
    assert names["govern-checkpoints-changelog"] == "eu-govern-checkpoints-changelog"


def test_a_replication_factor_that_is_given_wins_over_the_contracts() -> None:
    assert {spec.replication_factor for spec in load_topics(Settings())} == {3}
    specs = load_topics(Settings(), replication_factor=1)
    assert {spec.replication_factor for spec in specs} == {1}


# What a broker has


@pytest.fixture
def settings(kafka: RealKafka, topic_prefix: str) -> Settings:
    return Settings(
        bootstrap_servers=kafka.bootstrap_servers,
        topic_prefix=topic_prefix,
        group_prefix=f"{topic_prefix[:-1]}-",
    )


def create(settings: Settings, name: str, partitions: int, **config: str) -> None:
    """A topic made by somebody else; `__` in a setting's name stands for a dot."""
    topic = NewTopic(
        name, partitions, 1, config={key.replace("__", "."): text for key, text in config.items()}
    )
    admin = AdminClient(settings.librdkafka())
    for future in admin.create_topics([topic]).values():
        future.result(15)
    wait_until(lambda: name in read_topics(settings, [name]), f"topic {name}")


def set_config(settings: Settings, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient(settings.librdkafka())
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(15)
    wait_until(lambda: read_topics(settings, [topic])[topic].config[name] == value, name)


def apply_until_seen(settings: Settings) -> TopicPlan:
    """Apply, and wait until the broker says what it was told: metadata spreads a moment later."""
    plan = apply_topics(settings, replication_factor=1)
    specs = load_topics(settings, replication_factor=1)

    def rest() -> TopicPlan:
        return plan_topics(specs, read_topics(settings, [spec.name for spec in specs]))

    wait_until(lambda: not (rest().create or rest().grow or rest().change), "topics as told", 20)
    return plan


def about(problems: Iterable[str], topic: str) -> list[str]:
    return [problem for problem in problems if f"topic {topic} " in problem]


@pytest.mark.kafka
def test_applying_twice_creates_everything_once(settings: Settings) -> None:
    first = apply_until_seen(settings)
    assert len(first.create) == len(Topic) + 1
    assert apply_topics(settings, replication_factor=1).is_done
    assert check_topics(settings) == []
    assert ledger_partitions(settings) == 4


@pytest.mark.kafka
def test_the_broker_has_each_topic_as_its_file_says(settings: Settings) -> None:
    apply_until_seen(settings)
    for spec in load_topics(settings):
        state = read_topics(settings, [spec.name])[spec.name]
        assert state.partitions == spec.partitions
        assert {name: state.config[name] for name in spec.config} == dict(spec.config)


@pytest.mark.kafka
def test_settings_that_drifted_are_mended_and_foreign_settings_stay(settings: Settings) -> None:
    apply_until_seen(settings)
    outcomes = settings.topic(Topic.OUTCOMES)
    set_config(settings, outcomes, "retention.ms", "5000")
    set_config(settings, outcomes, "max.message.bytes", "200000")
    plan = apply_until_seen(settings)
    assert [(row.topic, row.setting, row.found) for row in plan.change] == [
        (outcomes, "retention.ms", "5000")
    ]
    mended = read_topics(settings, [outcomes])[outcomes].config
    assert mended["retention.ms"] == "604800000"
    assert mended["max.message.bytes"] == "200000"


@pytest.mark.kafka
def test_missing_topics_are_named_with_the_command_that_makes_them(settings: Settings) -> None:
    problems = check_topics(settings)
    assert len(problems) == len(Topic) + 1
    (missing,) = about(problems, settings.topic(Topic.CONTROL))
    assert "is missing" in missing
    assert (
        f"headgate topics apply --bootstrap-servers {settings.bootstrap_servers} "
        f"--topic-prefix {settings.topic_prefix} --group-prefix {settings.group_prefix}" in missing
    )
    with pytest.raises(BrokerUnreachableError, match="headgate topics apply"):
        ledger_partitions(settings)


@pytest.mark.kafka
def test_a_wrong_timestamp_type_keeps_a_worker_out_until_it_is_mended(settings: Settings) -> None:
    outcomes = settings.topic(Topic.OUTCOMES)
    create(settings, outcomes, 8, message__timestamp__type="CreateTime")
    (problem,) = about(check_topics(settings), outcomes)
    assert "message.timestamp.type=CreateTime" in problem
    assert "need LogAppendTime" in problem
    assert "headgate topics apply" in problem
    apply_until_seen(settings)
    assert check_topics(settings) == []


@pytest.mark.kafka
def test_too_few_partitions_are_named_and_grown(settings: Settings) -> None:
    outcomes = settings.topic(Topic.OUTCOMES)
    create(settings, outcomes, 2, message__timestamp__type="LogAppendTime")
    (problem,) = about(check_topics(settings), outcomes)
    assert "has 2 partitions instead of 8" in problem
    assert "headgate topics apply" in problem
    plan = apply_until_seen(settings)
    assert [row.topic for row in plan.grow] == [outcomes]
    assert read_topics(settings, [outcomes])[outcomes].partitions == 8


@pytest.mark.kafka
def test_a_ledger_of_another_size_is_refused_and_stays(settings: Settings) -> None:
    ledger = settings.topic(Topic.LEDGER)
    create(settings, ledger, 2, message__timestamp__type="LogAppendTime")
    plan = apply_until_seen(settings)
    assert [row.topic for row in plan.refused] == [ledger]
    assert read_topics(settings, [ledger])[ledger].partitions == 2
    (problem,) = check_topics(settings)
    assert "has 2 partitions instead of 4" in problem
    assert "can't be changed in place" in problem


@pytest.mark.kafka
def test_more_partitions_than_asked_for_keep_no_worker_out(settings: Settings) -> None:
    outcomes = settings.topic(Topic.OUTCOMES)
    create(settings, outcomes, 12, message__timestamp__type="LogAppendTime")
    plan = apply_until_seen(settings)
    assert [row.topic for row in plan.refused] == [outcomes]
    assert check_topics(settings) == []


def test_a_broker_that_does_not_answer_is_named_with_what_to_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headgate.pipeline.topics.TIMEOUT_S", 1.0)
    with pytest.raises(BrokerUnreachableError) as raised:
        check_topics(Settings(bootstrap_servers="127.0.0.1:1"))
    assert "127.0.0.1:1" in str(raised.value)
    assert "HEADGATE_BOOTSTRAP_SERVERS" in str(raised.value)


def test_the_embedded_brokers_ledger_has_its_fixed_size(embedded: EmbeddedBroker) -> None:
    settings = Settings(bootstrap_servers=embedded.bootstrap_servers, embedded=True)
    assert ledger_partitions(settings) == 4
