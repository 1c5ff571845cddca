"""A version's lifecycle: which status may follow which, and what is kept of each step."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from headgate.vocabulary import Status
from headgate.wire.registry import StatusChange

FOLLOWS: dict[Status, frozenset[Status]] = {
    Status.DEVELOPMENT: frozenset({Status.STAGING, Status.REMOVED}),
    Status.STAGING: frozenset({Status.CANDIDATE, Status.ARCHIVED}),
    Status.CANDIDATE: frozenset({Status.PRODUCTION, Status.STAGING}),
    Status.PRODUCTION: frozenset({Status.DEPRECATED}),
    Status.DEPRECATED: frozenset({Status.ARCHIVED, Status.PRODUCTION}),
    Status.ARCHIVED: frozenset({Status.REMOVED, Status.STAGING}),
    Status.REMOVED: frozenset(),
}
ADOPTABLE = frozenset({Status.DEVELOPMENT, Status.STAGING, Status.CANDIDATE, Status.DEPRECATED})
MAX_HISTORY = 6
MAX_REMOVED_HISTORY = 2
MAX_WHY = 100


class VersionRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a model: its status, since when, and how it came there.

    `replaced_ms` is the promotion that put another version in its place (0: none did), from which
    its dates are counted; `archived_ms` the last time it was archived. `not_before_ms` is how far
    its next step was postponed, `retained` why it must be kept. `ordered` is the last order about
    its artifacts. A version that was rolled back from is no automatic rollback target; one that is
    `scaled_down` must be started before it serves again. `history` keeps the newest changes,
    `changes` counts them all.
    """

    version: str
    status: Status
    since_ms: int
    rolled_back: bool = False
    replaced_ms: int = 0
    archived_ms: int = 0
    not_before_ms: int = 0
    retained: str = ""
    ordered: str = ""
    scaled_down: bool = False
    changes: int = 0
    history: tuple[StatusChange, ...] = ()


class TransitionError(ValueError):
    """A status that may not follow the present one."""


def move(
    record: VersionRecord | None,
    version: str,
    to: Status,
    now_ms: int,
    *,
    by: str = "",
    why: str = "",
    adopting: bool = False,
    overriding: bool = False,
) -> VersionRecord:
    """The record with its new status; a version not heard of before may start anywhere.

    `adopting` is the way into production of a model that has none, `overriding` the way back to
    staging of a version that a rollback from production deprecated. Raises `TransitionError` for a
    transition that the lifecycle does not have.
    """
    if record is None:
        dates = _dates(to, now_ms)
        record = VersionRecord(version=version, status=to, since_ms=now_ms, **dates)
        return _kept(record, to, now_ms, by, why)
    if record.status is to:
        return record
    adopted = adopting and to is Status.PRODUCTION and record.status in ADOPTABLE
    again = overriding and (record.status, to) == (Status.DEPRECATED, Status.STAGING)
    if to not in FOLLOWS[record.status] and not adopted and not again:
        raise TransitionError(f"{version} is {record.status} and cannot become {to}")
    return _kept(
        replace(record, status=to, since_ms=now_ms, **_dates(to, now_ms)), to, now_ms, by, why
    )


def _dates(to: Status, now_ms: int) -> dict[str, Any]:
    """What a step does to the dates: a postponement is used up, a new start forgets them."""
    changed: dict[str, Any] = {"not_before_ms": 0}
    if to in {Status.PRODUCTION, Status.STAGING, Status.CANDIDATE}:
        changed.update(replaced_ms=0, archived_ms=0, ordered="")
    if to is Status.ARCHIVED:
        changed.update(archived_ms=now_ms, ordered="archive_artifact")
    return changed


def _kept(record: VersionRecord, to: Status, at_ms: int, by: str, why: str) -> VersionRecord:
    most = MAX_REMOVED_HISTORY if to is Status.REMOVED else MAX_HISTORY
    change = StatusChange(status=to, at_ms=at_ms, by=by, why=why[:MAX_WHY])
    history = (*record.history, change)[-most:]
    return replace(record, history=history, changes=record.changes + 1)
