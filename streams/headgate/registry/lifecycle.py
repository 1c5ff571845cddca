"""A version's lifecycle: which status may follow which."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from headgate.vocabulary import Status

FOLLOWS: dict[Status, frozenset[Status]] = {
    Status.DEVELOPMENT: frozenset({Status.STAGING, Status.CANDIDATE, Status.REMOVED}),
    Status.STAGING: frozenset({Status.CANDIDATE, Status.ARCHIVED}),
    Status.CANDIDATE: frozenset({Status.PRODUCTION, Status.STAGING}),
    Status.PRODUCTION: frozenset({Status.DEPRECATED}),
    Status.DEPRECATED: frozenset({Status.ARCHIVED, Status.PRODUCTION}),
    Status.ARCHIVED: frozenset({Status.REMOVED, Status.STAGING}),
    Status.REMOVED: frozenset(),
}


class VersionRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a model: its status, since when, and whether it was ever rolled back from.

    A version that was rolled back from is no automatic rollback target.
    """

    version: str
    status: Status
    since_ms: int
    rolled_back: bool = False


class TransitionError(ValueError):
    """A status that may not follow the present one."""


def move(record: VersionRecord | None, version: str, to: Status, now_ms: int) -> VersionRecord:
    """The record with its new status; a version not heard of before may start anywhere.

    Raises `TransitionError` for a transition that the lifecycle does not have.
    """
    if record is None:
        return VersionRecord(version=version, status=to, since_ms=now_ms)
    if record.status is to:
        return record
    if to not in FOLLOWS[record.status]:
        raise TransitionError(f"{version} is {record.status} and cannot become {to}")
    return replace(record, status=to, since_ms=now_ms)
