"""The timeline: what is to happen to the versions of a model by itself, when and why.

Dates of a version that was replaced count from the promotion that replaced it; where no promotion
set dates, from its status. Each step is counted from the one before as it really came, so that a
date that waited moves those behind it. Where two rules give a date, the later wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from headgate.registry.lifecycle import VersionRecord, move
from headgate.registry.semver import sort_key
from headgate.vocabulary import HEADGATE, LifecycleStep, Status
from headgate.wire.registry import LifecycleSettings, PlannedStep

SLACK_MS = 60_000  # steps are looked at once a minute
BECOMES = {
    LifecycleStep.DEPRECATE: Status.DEPRECATED,
    LifecycleStep.ARCHIVE: Status.ARCHIVED,
    LifecycleStep.REMOVE: Status.REMOVED,
}


@dataclass(frozen=True, slots=True)
class Life:
    """What the timeline looks at. `busy` versions serve or are on trial: nothing is due for them.

    `announced` says when a `step/version` was announced.
    """

    versions: Mapping[str, VersionRecord]
    settings: LifecycleSettings = field(default_factory=LifecycleSettings)
    previous: str = ""
    busy: frozenset[str] = frozenset()
    announced: Mapping[str, int] = field(default_factory=dict)


def due(life: Life, now_ms: int) -> tuple[PlannedStep, ...]:
    """The steps whose time has come: at most the next one of each version, oldest date first."""
    firsts = (next(_chain(life, record, now_ms), None) for record in life.versions.values())
    found = [row for row in firsts if row is not None and _at(row) <= now_ms]
    return tuple(sorted(found, key=lambda row: (_at(row), row.version)))


def plan(life: Life, now_ms: int) -> tuple[PlannedStep, ...]:
    """All steps that can be foreseen, in order of time; what waits has no time and comes last."""
    rows = [row for record in life.versions.values() for row in _chain(life, record, now_ms)]
    return tuple(sorted(rows, key=lambda row: (_at(row), sort_key(row.version))))


def key_of(step: PlannedStep) -> str:
    """Names a step of a version."""
    return f"{step.step}/{step.version}"


def _at(step: PlannedStep) -> float:
    return float("inf") if step.at_ms is None else step.at_ms


def _chain(life: Life, record: VersionRecord, now_ms: int) -> Iterator[PlannedStep]:
    """The steps of one version, each as if those before had been taken at their time."""
    ahead: VersionRecord | None = record
    while ahead is not None:
        row = _next(life, ahead, now_ms)
        if row is None:
            return
        yield row
        ahead = None if row.at_ms is None else taken(ahead, row, row.at_ms)


def taken(record: VersionRecord, row: PlannedStep, now_ms: int) -> VersionRecord:
    """The record once a step is taken."""
    if row.step is LifecycleStep.DELETE_ARTIFACT:
        return replace(record, ordered="delete_artifact", not_before_ms=0)
    return move(record, record.version, BECOMES[row.step], now_ms, by=HEADGATE, why=row.why)


def _next(life: Life, record: VersionRecord, now_ms: int) -> PlannedStep | None:
    if record.version in life.busy:
        return None
    step, date_ms, why = _RULES[record.status](life, record)
    if step is None:
        return None
    row = PlannedStep(version=record.version, step=step, why=why)
    if step is not LifecycleStep.DEPRECATE and record.version == life.previous:
        return replace(row, why="it is the previous version until the next promotion")
    if record.retained and step in {LifecycleStep.REMOVE, LifecycleStep.DELETE_ARTIFACT}:
        return replace(row, why=f"it is retained: {record.retained}")
    at_ms = max(date_ms, record.since_ms, record.not_before_ms)
    return replace(row, at_ms=max(at_ms, _announced_from_ms(life, row, now_ms)))


def _announced_from_ms(life: Life, row: PlannedStep, now_ms: int) -> int:
    """When a step was announced for long enough. A third version in production waits for nothing;
    what a promotion replaced is announced within a minute of it.
    """
    announced_ms = life.announced.get(key_of(row), now_ms) + life.settings.notice_ms
    if row.step is not LifecycleStep.DEPRECATE:
        return announced_ms
    return announced_ms - SLACK_MS if row.version == life.previous else 0


_Rule = tuple[LifecycleStep | None, int, str]
_NOTHING: _Rule = (None, 0, "")


def _development(life: Life, record: VersionRecord) -> _Rule:
    settings = life.settings
    if _is_beyond(life, record, settings.development_versions):
        why = f"more than {settings.development_versions} versions in development"
        return LifecycleStep.REMOVE, 0, why
    at_ms = record.since_ms + settings.development_ms
    return LifecycleStep.REMOVE, at_ms, "long in development"


def _staging(life: Life, record: VersionRecord) -> _Rule:
    settings = life.settings
    if _is_beyond(life, record, settings.staging_versions):
        why = f"more than {settings.staging_versions} versions in staging"
        return LifecycleStep.ARCHIVE, 0, why
    return LifecycleStep.ARCHIVE, record.since_ms + settings.staging_ms, "long in staging"


def _production(life: Life, record: VersionRecord) -> _Rule:
    if record.version != life.previous:
        return LifecycleStep.DEPRECATE, 0, "at most two versions are in production"
    at_ms = (record.replaced_ms or record.since_ms) + life.settings.deprecate_ms
    return LifecycleStep.DEPRECATE, at_ms, "replaced by a promotion"


def _deprecated(life: Life, record: VersionRecord) -> _Rule:
    if record.replaced_ms:
        at_ms = record.replaced_ms + life.settings.archive_ms
        return LifecycleStep.ARCHIVE, at_ms, "replaced by a promotion"
    return LifecycleStep.ARCHIVE, record.since_ms + life.settings.deprecated_ms, "long deprecated"


def _archived(life: Life, record: VersionRecord) -> _Rule:
    settings = life.settings
    if record.replaced_ms:
        apart_ms = max(settings.remove_ms - settings.archive_ms, 0)
        at_ms = max(record.replaced_ms + settings.remove_ms, record.archived_ms + apart_ms)
        return LifecycleStep.REMOVE, at_ms, "replaced by a promotion"
    return LifecycleStep.REMOVE, record.since_ms + settings.archived_ms, "long archived"


def _removed(life: Life, record: VersionRecord) -> _Rule:
    """Artifacts of what was never archived count from its removal."""
    if record.ordered == LifecycleStep.DELETE_ARTIFACT:
        return _NOTHING
    cold_ms = record.archived_ms or record.since_ms
    at_ms = cold_ms + life.settings.artifacts_ms
    return LifecycleStep.DELETE_ARTIFACT, at_ms, "removed, and long enough in cold storage"


def _is_beyond(life: Life, record: VersionRecord, most: int) -> bool:
    """Whether there are `most` newer versions in the same status."""
    place = (record.since_ms, record.version)
    newer = sum(
        other.status is record.status and (other.since_ms, other.version) > place
        for other in life.versions.values()
    )
    return newer >= most


_RULES = {
    Status.DEVELOPMENT: _development,
    Status.STAGING: _staging,
    Status.CANDIDATE: lambda life, record: _NOTHING,
    Status.PRODUCTION: _production,
    Status.DEPRECATED: _deprecated,
    Status.ARCHIVED: _archived,
    Status.REMOVED: _removed,
}
