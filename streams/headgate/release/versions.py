"""Versions: how one comes to a status, and what the registry and the audit log tell of it."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.registry.lifecycle import VersionRecord, move
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.vocabulary import HEADGATE, Status, Topic
from headgate.wire.registry import VersionEntry, entry_key

GONE = frozenset({Status.ARCHIVED, Status.REMOVED})
MAX_RETIRED = 100


def set_status(
    turn: Turn,
    state: ModelState,
    version: str,
    to: Status,
    *,
    by: str = "",
    why: str = "",
    overriding: bool = False,
) -> ModelState:
    """Move a version to a status, by whom and why; raises `TransitionError`.

    Where nobody asked, Headgate did it. A version that is adopted may come from nearly anywhere;
    `overriding` a rollback brings one back that was deprecated by it.
    """
    record = state.versions.get(version)
    adopting = not state.production
    why = f"{why}: {turn.reason}" if turn.reason else why
    by = by or HEADGATE
    record = move(
        record,
        version,
        to,
        turn.now_ms,
        by=by,
        why=why,
        adopting=adopting,
        overriding=overriding,
    )
    return replace(state, versions={**state.versions, version: record})


def publish_versions(turn: Turn, before: ModelState, after: ModelState) -> None:
    """One registry entry for every version of which anything changed but the revision, and one
    line of history for every change of a status.
    """
    was, now = _entries(before), _entries(after)
    revision = after.command.revision if after.command else 0
    for version, entry in now.items():
        if was.get(version) != entry:
            _audit_changes(turn, after.model, before.versions.get(version), after.versions[version])
            told = replace(entry, revision=revision)
            turn.publish(Topic.REGISTRY, entry_key(after.model, version), told)


def _entries(state: ModelState) -> dict[str, VersionEntry]:
    """Every version as the registry tells of it, without a revision."""
    named, catalogue = aliases(state), state.catalogue
    return {
        version: VersionEntry(
            model=state.model,
            version=version,
            status=record.status,
            since_ms=record.since_ms,
            revision=0,
            aliases=named.get(version, ()),
            rolled_back=record.rolled_back,
            spec=catalogue.specs.get(version),
            measured=catalogue.measured.get(version),
            history=record.history,
            replaced_ms=record.replaced_ms,
            archived_ms=record.archived_ms,
            retained=record.retained,
            ordered=record.ordered,
            tombstone=catalogue.tombstones.get(version),
        )
        for version, record in state.versions.items()
    }


def _audit_changes(
    turn: Turn, model: str, known: VersionRecord | None, record: VersionRecord
) -> None:
    fresh = min(record.changes - (known.changes if known else 0), len(record.history))
    status = known.status if known else None
    name = f"versions.{record.version}"
    for change in record.history[len(record.history) - fresh :] if fresh > 0 else ():
        came = f"from {status} " if status else ""
        turn.audit(
            model,
            "status_changed",
            f"{record.version} of {model} went {came}to {change.status}: {change.why}.",
            operator=change.by,
            details={"version": record.version},
            before={name: {"status": str(status)}} if status else {},
            after={name: {"status": str(change.status)}},
        )
        status = change.status


def kept_in_tables(model: ModelState) -> frozenset[str]:
    """The versions whose totals are kept, heard of or not: a removed one serves nobody again."""
    rows = model.versions.items()
    return frozenset(name for name, row in rows if row.status is not Status.REMOVED)


def retired_of(state: ModelState) -> tuple[str, ...]:
    """The versions whose hosts may have stopped, by name: the last `MAX_RETIRED` of them."""
    gone = [row for row in state.versions.values() if row.status in GONE]
    newest = sorted(gone, key=lambda row: (row.since_ms, row.version))[-MAX_RETIRED:]
    return tuple(sorted(row.version for row in newest))


def aliases(state: ModelState) -> dict[str, tuple[str, ...]]:
    """Which names routers and people may use for which version."""
    named: dict[str, list[str]] = {}
    pairs = (
        ("stable", state.rollout.stable if state.rollout else state.production),
        ("candidate", state.rollout.candidate if state.rollout else ""),
        ("previous", state.previous),
    )
    for alias, version in pairs:
        if version:
            named.setdefault(version, []).append(alias)
    return {version: tuple(names) for version, names in named.items()}
