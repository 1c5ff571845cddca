"""What changed of a model, as an audit record tells it: each fact as it was and as it is."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins

from headgate.registry.lifecycle import VersionRecord
from headgate.release.courses.course import Canary
from headgate.release.state import ModelState

_TOLD_OF_A_VERSION = (
    "status",
    "rolled_back",
    "replaced_ms",
    "not_before_ms",
    "retained",
    "ordered",
)
_TOLD_OF_A_ROLLOUT = ("rollout_id", "kind", "stable", "candidate", "weight", "paused")


def changed(before: ModelState, after: ModelState) -> dict[str, dict[str, Any]]:
    """The fields `before` and `after` of an audit record: the facts that differ, by name.

    A fact that one side does not have is left out there.
    """
    one, other = _facts(before), _facts(after)
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return {
        "before": {name: to_builtins(one[name]) for name in names if name in one},
        "after": {name: to_builtins(other[name]) for name in names if name in other},
    }


def _facts(state: ModelState) -> dict[str, Any]:
    catalogue, command = state.catalogue, state.command
    facts: dict[str, Any] = {
        "production": state.production,
        "previous": state.previous,
        "mode": str(state.mode),
        "policy": state.policy,
        "rollout": _rollout(state),
        "weights": {row.version: row.weight for row in command.weights} if command else None,
        "embedding": catalogue.embedding,
        "rules": catalogue.rules,
        "lifecycle": state.lifecycle,
    }
    groups: dict[str, dict[str, Any]] = {
        "versions": {name: _version(row) for name, row in state.versions.items()},
        "specs": catalogue.specs,
        "measured": catalogue.measured,
        "templates": catalogue.templates,
        "families": catalogue.families,
        "deadlines": {name: row.deadline_ms for name, row in state.incidents.items()},
    }
    for group, rows in groups.items():
        facts |= {f"{group}.{name}": row for name, row in rows.items()}
    return {name: fact for name, fact in facts.items() if fact not in ("", None, ())}


def _rollout(state: ModelState) -> dict[str, Any] | None:
    """The rollout without what it counts."""
    rollout = state.rollout
    if rollout is None:
        return None
    told = {name: getattr(rollout, name) for name in _TOLD_OF_A_ROLLOUT}
    course = rollout.course
    if isinstance(course, Canary):
        told["step"] = course.at + 1
    return {name: value for name, value in told.items() if value}


def _version(record: VersionRecord) -> dict[str, Any]:
    told = {name: getattr(record, name) for name in _TOLD_OF_A_VERSION}
    return {name: value for name, value in told.items() if value}
