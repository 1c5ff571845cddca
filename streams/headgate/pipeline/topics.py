"""Topics: what the contract asks for, what the broker has, and the way from one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from headgate.config import Settings
from headgate.contract import contract_file
from headgate.vocabulary import Topic

TIMEOUT_S = 15.0
EMBEDDED_PARTITIONS = 4
FIXED_PARTITIONS = frozenset({"ledger", "govern-checkpoints-changelog"})


class BrokerUnreachableError(RuntimeError):
    """The broker does not answer: which one, and what to check."""


@dataclass(frozen=True)
class TopicSpec:
    """One topic of the contract; `name` is its full name on this broker."""

    short_name: str
    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str]
    owner: str = ""
    key: str = ""


@dataclass(frozen=True)
class TopicState:
    """One topic as the broker has it."""

    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True)
class Difference:
    """One setting that differs: what is there, what the contract says, whether it can be mended."""

    topic: str
    setting: str
    found: str
    wanted: str
    refusal: str = ""


@dataclass
class TopicPlan:
    """What `apply_topics` would do; `refused` holds what it must not do."""

    create: list[TopicSpec] = field(default_factory=list)
    grow: list[Difference] = field(default_factory=list)
    change: list[Difference] = field(default_factory=list)
    refused: list[Difference] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether the broker has everything as the contract asks."""
        return not (self.create or self.grow or self.change or self.refused)


def load_topics(settings: Settings, *, replication_factor: int | None = None) -> list[TopicSpec]:
    """The contract's topics under this installation's names."""
    specs = []
    for path in sorted(contract_file("schemas", "topics").glob("*.yaml")):
        row = yaml.safe_load(path.read_text())
        by_group = row.get("prefix") == "group"
        prefix = settings.group_prefix if by_group else settings.topic_prefix
        specs.append(
            TopicSpec(
                short_name=row["topic"],
                name=f"{prefix}{row['topic']}",
                partitions=row["partitions"],
                replication_factor=replication_factor or row["replication_factor"],
                config={name: _text(value) for name, value in row["config"].items()},
                owner=row["owner"],
                key=row["key"],
            )
        )
    return specs


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def plan_topics(specs: Iterable[TopicSpec], existing: Mapping[str, TopicState]) -> TopicPlan:
    """What has to happen; partitions never shrink, and the ledger's never change."""
    plan = TopicPlan()
    for spec in specs:
        state = existing.get(spec.name)
        if state is None:
            plan.create.append(spec)
            continue
        _plan_partitions(plan, spec, state)
        for setting, wanted in spec.config.items():
            found = state.config.get(setting, "")
            if not _same(found, wanted):
                plan.change.append(Difference(spec.name, setting, found, wanted))
    return plan


def _plan_partitions(plan: TopicPlan, spec: TopicSpec, state: TopicState) -> None:
    found, wanted = state.partitions, spec.partitions
    if found == wanted:
        return
    refusal = ""
    if spec.short_name in FIXED_PARTITIONS:
        refusal = "its partition count never changes: a model's entries would change places"
    elif found > wanted:
        refusal = "Kafka cannot take partitions away; more than the contract's do no harm"
    row = Difference(spec.name, "partitions", str(found), str(wanted), refusal)
    (plan.refused if refusal else plan.grow).append(row)


def _same(found: str, wanted: str) -> bool:
    try:
        return float(found) == float(wanted)
    except ValueError:
        return found == wanted


def read_topics(settings: Settings, names: Iterable[str]) -> dict[str, TopicState]:
    """The named topics as the broker has them; raises `BrokerUnreachableError`."""
    admin = _admin(settings)
    there = _metadata(settings, admin)
    found = [name for name in names if name in there]
    if not found:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in found]
    configs = {
        resource.name: _answer(settings, future)
        for resource, future in admin.describe_configs(resources).items()
    }
    return {
        name: TopicState(
            partitions=len(there[name].partitions),
            config={key: entry.value or "" for key, entry in configs[name].items()},
        )
        for name in found
    }


def _admin(settings: Settings) -> AdminClient:
    return AdminClient({**settings.librdkafka(), "log_level": 0})


def _answer(settings: Settings, future: Any) -> Any:
    try:
        return future.result(TIMEOUT_S)
    except TimeoutError as error:
        raise BrokerUnreachableError(
            f"{settings.bootstrap_servers} gave no answer within {TIMEOUT_S:g} s; try again"
        ) from error


def _metadata(settings: Settings, admin: AdminClient) -> dict[str, Any]:
    try:
        topics = admin.list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        raise BrokerUnreachableError(
            f"no Kafka broker answers at {settings.bootstrap_servers} ({error.args[0].str()}); "
            "check --bootstrap-servers or HEADGATE_BOOTSTRAP_SERVERS"
        ) from error
    return dict(topics)


def apply_topics(settings: Settings, *, replication_factor: int | None = None) -> TopicPlan:
    """Create and mend what can be; returns the plan that was carried out. Idempotent."""
    specs = load_topics(settings, replication_factor=replication_factor)
    plan = plan_topics(specs, read_topics(settings, [spec.name for spec in specs]))
    admin = _admin(settings)
    futures: list[Any] = []
    if plan.create:
        wanted = [
            NewTopic(spec.name, spec.partitions, spec.replication_factor, config=dict(spec.config))
            for spec in plan.create
        ]
        futures.extend(admin.create_topics(wanted, operation_timeout=TIMEOUT_S).values())
    if plan.grow:
        grown = [NewPartitions(row.topic, int(row.wanted)) for row in plan.grow]
        futures.extend(admin.create_partitions(grown, operation_timeout=TIMEOUT_S).values())
    changed = [_resource(topic, plan.change) for topic in {row.topic for row in plan.change}]
    if changed:
        futures.extend(admin.incremental_alter_configs(changed).values())
    for future in futures:
        _answer(settings, future)
    return plan


def _resource(topic: str, changes: Iterable[Difference]) -> ConfigResource:
    entries = [
        ConfigEntry(row.setting, row.wanted, incremental_operation=AlterConfigOpType.SET)
        for row in changes
        if row.topic == topic
    ]
    return ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)


def check_topics(settings: Settings) -> list[str]:
    """What keeps a worker from starting, each with the command that mends it."""
    specs = load_topics(settings)
    existing = read_topics(settings, [spec.name for spec in specs])
    return [sentence for spec in specs for sentence in _problems(settings, spec, existing)]


def _problems(settings: Settings, spec: TopicSpec, existing: Mapping[str, TopicState]) -> list[str]:
    mend = (
        f"run: headgate topics apply --bootstrap-servers {settings.bootstrap_servers} "
        f"--topic-prefix {settings.topic_prefix} --group-prefix {settings.group_prefix}"
    )
    state = existing.get(spec.name)
    if state is None:
        return [f"topic {spec.name} is missing; {mend}"]
    problems = []
    kind = "message.timestamp.type"
    if kind in spec.config and state.config.get(kind) != spec.config[kind]:
        problems.append(
            f"topic {spec.name} has {kind}={state.config.get(kind)}, but decisions need "
            f"{spec.config[kind]}; {mend}"
        )
    if spec.short_name in FIXED_PARTITIONS and state.partitions != spec.partitions:
        problems.append(
            f"topic {spec.name} has {state.partitions} partitions instead of {spec.partitions}; "
            "this can't be changed in place: delete it and the other one of ledger and checkpoint "
            f"changelog, then {mend}"
        )
    elif state.partitions < spec.partitions:
        problems.append(
            f"topic {spec.name} has {state.partitions} partitions instead of {spec.partitions}; "
            f"{mend}"
        )
    return problems


def ledger_partitions(settings: Settings) -> int:
    """How many partitions the ledger has."""
    if settings.embedded:
        return EMBEDDED_PARTITIONS
    name = settings.topic(Topic.LEDGER)
    found = read_topics(settings, [name])
    if name not in found:
        raise BrokerUnreachableError(f"topic {name} is missing; run: headgate topics apply")
    return found[name].partitions
