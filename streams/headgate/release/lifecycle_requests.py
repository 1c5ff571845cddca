"""Requests about lifecycles: settings, a step put off, a version kept, one deployed again."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.registry.lifecycle import VersionRecord, move
from headgate.registry.timeline import plan
from headgate.release.lifecycles import life_of
from headgate.release.refusals import RefusedError
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.vocabulary import Status
from headgate.wire.cleanup import AgeLimit
from headgate.wire.registry_requests import Postpone, Redeploy, Retain, SetCleanup, SetLifecycle

DAY_MS = 86_400_000
MAX_RETAINED = 200


def set_lifecycle(turn: Turn, state: ModelState, request: SetLifecycle) -> tuple[ModelState, str]:
    """Other durations, at once and for all versions of the model."""
    given = request.settings
    in_order = given.deprecate_ms <= given.archive_ms <= given.remove_ms
    if not in_order or given.reminder_ms > given.notice_ms:
        raise RefusedError(
            "A replaced version is deprecated, then archived, then removed, and the reminder comes "
            "after the announcement; these durations are in another order.",
            f"headgate lifecycle set {state.model} --deprecate 1w --archive 4w --remove 10w",
        )
    state = replace(state, lifecycle=given, lifecycle_at_ms=0)
    return state, f"The timeline and the cleanup policy of {state.model} are set."


def set_cleanup(_: Turn, state: ModelState, request: SetCleanup) -> tuple[ModelState, str]:
    """The durations and numbers that a cleanup policy names; the timeline stays as it is."""
    asked = request.cleanup
    given = {
        "development_ms": _ms(asked.development),
        "development_versions": asked.development.max_versions,
        "staging_ms": _ms(asked.staging),
        "staging_versions": asked.staging.max_versions,
        "deprecated_ms": _ms(asked.deprecated),
        "archived_ms": _ms(asked.archived),
    }
    named = {field: value for field, value in given.items() if value is not None}
    settings = replace(state.lifecycle, **named)
    if settings == state.lifecycle:
        return state, f"The cleanup policy of {state.model} is as asked already."
    state = replace(state, lifecycle=settings, lifecycle_at_ms=0)
    return state, f"The cleanup policy of {state.model} is set."


def _ms(limit: AgeLimit) -> int | None:
    return None if limit.max_age_days is None else limit.max_age_days * DAY_MS


def postpone(turn: Turn, state: ModelState, request: Postpone) -> tuple[ModelState, str]:
    """The version's next step comes later, and so does all behind it."""
    record = _known(state, request.version)
    if not request.reason:
        raise RefusedError("Putting a step off needs a reason.", "Add --reason '...'.")
    ahead = [row for row in plan(life_of(state), turn.now_ms) if row.version == record.version]
    if not ahead:
        raise RefusedError(
            f"Nothing is planned for {record.version}, which is {record.status}.",
            f"headgate lifecycle plan {state.model}",
        )
    from_ms = turn.now_ms if ahead[0].at_ms is None else ahead[0].at_ms
    record = replace(record, not_before_ms=from_ms + request.days * DAY_MS)
    state = _with(state, record)
    return state, (
        f"Put off by {request.days} d: {record.version} goes on with {ahead[0].step} no earlier. "
        f"Reason: {request.reason.rstrip('.')}."
    )


def retain(turn: Turn, state: ModelState, request: Retain) -> tuple[ModelState, str]:
    """Keep a version and its artifacts, or let them go their way again."""
    record = _known(state, request.version)
    if not request.reason:
        raise RefusedError("Retention needs a reason.", "Add --reason '...'.")
    if request.lift:
        if not record.retained:
            raise RefusedError(f"{record.version} is not retained.", "Nothing to do.")
        return _with(state, replace(record, retained="")), f"{record.version} is retained no more."
    if record.ordered == "delete_artifact":
        raise RefusedError(
            f"The artifacts of {record.version} were ordered to be deleted.",
            f"headgate tail audit --from-beginning --exit, and see what became of {state.model}",
        )
    kept = f"{request.reason.rstrip('.')} ({request.operator})"[:MAX_RETAINED]
    state = _with(state, replace(record, retained=kept))
    return state, f"{record.version} is retained: neither it nor its artifacts are removed."


def redeploy(turn: Turn, state: ModelState, request: Redeploy) -> tuple[ModelState, str]:
    """What was archived is deployed again, and may become a candidate."""
    record = _known(state, request.version)
    if record.status is Status.STAGING:
        return state, f"{record.version} is in staging already."
    if record.status is not Status.ARCHIVED:
        raise RefusedError(
            f"{record.version} is {record.status}; only what is archived is deployed again.",
            f"headgate status {state.model}",
        )
    why = f"deployed again: {request.reason}" if request.reason else "deployed again"
    after = move(record, record.version, Status.STAGING, turn.now_ms, by=request.operator, why=why)
    return _with(state, after), f"{record.version} is in staging: it was deployed again."


def _known(state: ModelState, version: str) -> VersionRecord:
    record = state.versions.get(version)
    if record is None:
        raise RefusedError(
            f"{state.model} has no version {version}.", f"headgate status {state.model}"
        )
    return record


def _with(state: ModelState, record: VersionRecord) -> ModelState:
    return replace(state, versions={**state.versions, record.version: record})
