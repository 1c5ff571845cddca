"""Cold: a rollback to a version that may not run goes all the same, and somebody must start it."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.release import incidents
from headgate.release.courses import scaling
from headgate.release.courses.blue_green import blue_unready, watched_blue
from headgate.release.rollouts import policy_of
from headgate.release.state import Incident, ModelState
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Severity


def warn_if_cold(turn: Turn, before: ModelState, state: ModelState, target: str) -> ModelState:
    """Page where the `target` of a rollback was scaled down, or is not known to be ready: it must
    be started first. `before` is the state that it was rolled back from.
    """
    why = _cold(before, target, turn.now_ms)
    if state.standby is not None and state.standby.version == target:
        state = replace(state, standby=None)
    if not why:
        return state
    return incidents.open_incident(
        turn,
        state,
        kind=AlertKind.COLD_ROLLBACK,
        trigger="rollback",
        severity=Severity.CRITICAL,
        sentence=f"{state.model} was rolled back to {target}, which {why}: start it now.",
        versions=(target,),
        numbers={},
    )


def _cold(state: ModelState, target: str, now_ms: int) -> str:
    """Why it may not run, for a sentence; empty where nothing says so."""
    if scaling.is_scaled_down(state, target):
        return "was scaled down"
    blue, policy = watched_blue(state), policy_of(state)
    if blue is None or blue.version != target or policy is None:
        return ""
    why = blue_unready(state, policy.blue_green, target, blue.ready, now_ms)
    return f"may not be ready ({why})" if why else ""


def pages(state: ModelState, version: str = "") -> list[Incident]:
    """The open pages about cold versions, or about one."""
    return [
        incident
        for incident in state.incidents.values()
        if incident.kind is AlertKind.COLD_ROLLBACK and version in {"", *incident.versions}
    ]


def follow(turn: Turn, state: ModelState) -> ModelState:
    """A page is over once its version serves, or the split asks nothing of it any more."""
    state = scaling.forget(state, turn.now_ms)
    if not state.incidents:
        return state
    weights = state.command.weights if state.command is not None else ()
    asked = {row.version for row in weights if row.weight}
    for page in pages(state):
        version = page.versions[0]
        if version not in asked:
            state = incidents.resolve(turn, state, page, f"Over: {version} takes no traffic now.")
        elif scaling.serves(state, version, turn.now_ms):
            state = incidents.resolve(turn, state, page, f"Over: {version} serves.")
    return state
