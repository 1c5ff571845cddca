"""Seating: which versions are candidates and which are in production, as rollouts come and go."""

from __future__ import annotations

from collections.abc import Set

from msgspec.structs import replace

from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.release.versions import set_status
from headgate.vocabulary import Status


def seat(turn: Turn, state: ModelState, version: str, rollout_id: str, operator: str) -> ModelState:
    """The version becomes a candidate of the rollout; a developed one is deployed first.

    One that was rolled back from production, which somebody overrides, comes back to staging first
    and is not gone back to any more.
    """
    known = state.versions.get(version)
    if known is not None and known.status is Status.DEVELOPMENT:
        why = f"deployed for rollout {rollout_id}"
        state = set_status(turn, state, version, Status.STAGING, by=operator, why=why)
    if known is not None and known.status is Status.DEPRECATED:
        why = f"rollout {rollout_id} overrides {state.rolled_back_by[version]}"
        state = set_status(
            turn, state, version, Status.STAGING, by=operator, why=why, overriding=True
        )
        state = replace(state, previous="" if state.previous == version else state.previous)
    why = f"rollout {rollout_id} began"
    return set_status(turn, state, version, Status.CANDIDATE, by=operator, why=why)


def unseat(turn: Turn, state: ModelState, operator: str, why: str) -> ModelState:
    """Whoever is a candidate still is none any more, and keeps its good name."""
    for name, record in tuple(state.versions.items()):
        if record.status is Status.CANDIDATE:
            state = set_status(turn, state, name, Status.STAGING, by=operator, why=why)
    return state


def demote_others(turn: Turn, state: ModelState, operator: str) -> ModelState:
    """Two versions at most are in production: the current and the previous one."""
    others = state.versions.keys() - {state.production, state.previous}
    return demote(turn, state, others, operator, "at most two versions are in production")


def demote(
    turn: Turn, state: ModelState, versions: Set[str], operator: str, why: str
) -> ModelState:
    """Those of the versions that are in production are deprecated."""
    for name, record in tuple(state.versions.items()):
        if name in versions and record.status is Status.PRODUCTION:
            state = set_status(turn, state, name, Status.DEPRECATED, by=operator, why=why)
    return state
