"""The versions under judgement, as a state keeps them: one at a time or all at once."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from headgate.judge.sequential.state import Evidence
from headgate.release.state import ModelState, Watched


def keep(state: ModelState, watched: Watched) -> ModelState:
    """The state with what is known of one version now; the same object where nothing is new."""
    if state.watched.get(watched.version) is watched:
        return state
    return replace(state, watched={**state.watched, watched.version: watched})


def evidence_of(state: ModelState) -> Evidence | None:
    """What is gathered of the running rollout's candidate; None without a rollout."""
    known = state.watched.get(state.rollout.candidate) if state.rollout is not None else None
    return known.evidence if known is not None else None


def each(state: ModelState, change: Callable[[Watched], Watched]) -> ModelState:
    """The state after a change to every version under judgement."""
    for watched in tuple(state.watched.values()):
        state = keep(state, change(watched))
    return state


def weight_beside(state: ModelState, watched: Watched) -> int:
    """The basis points of the live arm that a version is compared with; 0 where there is none."""
    if watched.beside == watched.version:
        return 0
    for row in state.command.weights if state.command else ():
        if row.version == watched.beside:
            return row.weight
    return 0
