"""`registry`: an entry per version, template and set of rules: anyone can read what is known."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from headgate.vocabulary import LifecycleStep, Status
from headgate.wire.fields import Count, Name, Text, TimestampMs

Share = Annotated[float, Meta(ge=0, le=1)]
NotNegative = Annotated[float, Meta(ge=0)]
Date = Annotated[
    str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?$")
]
Names = Annotated[tuple[Name, ...], Meta(max_length=64)]


class Parameters(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How the model is asked to sample."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    top_p: Share | None = None


class Performance(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What a version does, as its owners declare it or as Headgate measured it."""

    accuracy: Share | None = None
    latency_p50_ms: NotNegative | None = None
    latency_p95_ms: NotNegative | None = None
    cost_per_request: NotNegative | None = None
    user_satisfaction: Annotated[float, Meta(ge=1, le=5)] | None = None
    latency_p99_ms: NotNegative | None = None
    error_rate: Share | None = None
    hallucination_rate: Share | None = None
    tokens_per_request: NotNegative | None = None


class TrainedOn(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The data behind a version."""

    dataset: Name
    dataset_hash: Text = ""
    num_examples: Count | None = None
    training_date: Date | None = None


class VersionNeeds(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What a version asks of its callers and of the other parts of the system."""

    min_api_version: Text = ""
    required_embeddings: Names = ()
    breaking_changes: Annotated[tuple[Text, ...], Meta(max_length=64)] = ()


class Artifact(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Something to keep or to delete with a version, and the digest that names its content."""

    uri: Text
    digest: Text = ""


class VersionSpec(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What a team declares of a version; the same version never has other content."""

    version: Name
    base_model: Name
    adapter: Text = ""
    prompt_template: Text = ""
    system_prompt_hash: Text = ""
    parameters: Parameters = Parameters()
    created: Date | None = None
    created_by: Text = ""
    status: Status = Status.DEVELOPMENT
    parent_version: Text = ""
    performance: Performance | None = None
    trained_on: TrainedOn | None = None
    compatibility: VersionNeeds = VersionNeeds()
    artifacts: Annotated[tuple[Artifact, ...], Meta(max_length=64)] = ()
    stakeholders: Names = ()
    notes: Text = ""


class Tombstone(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a version that was removed: its number is never used again.

    `content_digest` names what was declared of it. Artifacts and whom to tell are kept until the
    order to delete the artifacts.
    """

    content_digest: str
    parent_version: str = ""
    artifacts: tuple[Artifact, ...] = ()
    stakeholders: tuple[str, ...] = ()


class PromptTemplate(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A prompt template by version, and which models it fits (names or shell patterns)."""

    compatible_models: Names = ()
    incompatible_models: Annotated[dict[Name, Text], Meta(max_length=64)] = {}
    changes_from_previous: Annotated[tuple[Text, ...], Meta(max_length=64)] = ()
    created: Date | None = None


class CompatibilityRule(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """An explicit entry of the matrix; an empty field stands for any."""

    compatible: bool
    model: Text = ""
    prompt_template: Text = ""
    embedding: Text = ""
    reason: Text = ""


class StatusChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a version's life: the status it came to, when, by whom and why."""

    status: Status
    at_ms: TimestampMs
    by: str = ""
    why: str = ""


_WEEK_MS, _DAY_MS = 604_800_000, 86_400_000
MIN_COLD_MS = 90 * _DAY_MS
Span = Annotated[int, Meta(ge=0, le=520 * _WEEK_MS)]
ColdSpan = Annotated[int, Meta(ge=MIN_COLD_MS, le=520 * _WEEK_MS)]
Many = Annotated[int, Meta(ge=1, le=1000)]


class LifecycleSettings(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """When versions go on by themselves, in ms.

    The first three count from the promotion that replaced a version; `artifacts_ms` from its
    archiving. Where no promotion set dates, a version may stay in a status for as long as the field
    of that name says, and only so many at a time. Steps are announced `notice_ms` and `reminder_ms`
    ahead.
    """

    deprecate_ms: Span = _WEEK_MS
    archive_ms: Span = 4 * _WEEK_MS
    remove_ms: Span = 10 * _WEEK_MS
    artifacts_ms: ColdSpan = MIN_COLD_MS
    development_ms: Span = 30 * _DAY_MS
    development_versions: Many = 10
    staging_ms: Span = 90 * _DAY_MS
    staging_versions: Many = 5
    deprecated_ms: Span = 42 * _DAY_MS
    archived_ms: Span = 365 * _DAY_MS
    notice_ms: Span = _WEEK_MS
    reminder_ms: Span = _DAY_MS


class PlannedStep(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What will happen to a version, when and why; without `at_ms` it waits for what `why` says."""

    version: Name
    step: LifecycleStep
    why: str
    at_ms: TimestampMs | None = None


class VersionEntry(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="version"
):
    """One version as it stands: where it is in its life, and what was declared and measured.

    Of one that was removed a `tombstone` takes the place of what was declared.
    """

    model: Name
    version: Name
    status: Status
    since_ms: TimestampMs
    revision: Count
    aliases: tuple[str, ...] = ()
    rolled_back: bool = False
    spec: VersionSpec | None = None
    measured: Performance | None = None
    history: tuple[StatusChange, ...] = ()
    replaced_ms: TimestampMs = 0
    archived_ms: TimestampMs = 0
    retained: str = ""
    ordered: str = ""
    tombstone: Tombstone | None = None


class TemplateEntry(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="template"
):
    """A prompt template of a model as it stands; its key is `model//template/name`."""

    model: Name
    name: Name
    template: PromptTemplate


class CompatibilityEntry(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="compatibility"
):
    """What fits with what in a model, beside its templates; its key is `model//compatibility`.

    `api_version` is what callers speak, as the policy in force says.
    """

    model: Name
    rules: tuple[CompatibilityRule, ...] = ()
    embedding: str = ""
    families: dict[str, str] = {}
    api_version: str = ""


def entry_key(model: str, *path: str) -> str:
    """The key of a model's entry on `registry`: no name in it reads as two."""
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in (model, *path))


RegistryEntry = VersionEntry | TemplateEntry | CompatibilityEntry
