"""Standby: blue after the cutover, ready to be gone back to until it is scaled down.

Headgate orders the scale-down on audit; it stops nothing itself.
"""

from __future__ import annotations

from headgate.judge.policy import Policy
from headgate.release import incidents
from headgate.release.courses import cold
from headgate.release.courses.blue_green import blue_unready
from headgate.release.courses.course import BlueGreen, Check
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Severity

_SUBJECT = "standby"


def follow(turn: Turn, state: ModelState, policy: Policy) -> ModelState:
    """Alert while blue is not ready, and order its scale-down once its time has come."""
    standby = state.standby
    if standby is not None and turn.now_ms >= standby.until_ms:
        state = cold.scale_down(turn, state, "it was kept ready for as long as the policy says")
    state = cold.follow(turn, state, policy)
    watched = _watched(state)
    known = incidents.find(state, AlertKind.STANDBY_NOT_READY, _SUBJECT)
    if watched is None:
        return (
            incidents.resolve(turn, state, known, "Over: nothing is on standby.")
            if known
            else state
        )
    version, ready = watched
    why = blue_unready(state, policy.blue_green, version, ready, turn.now_ms)
    if why and known is None:
        return _open(turn, state, policy, version, why)
    if not why and known is not None:
        return incidents.resolve(turn, state, known, f"Over: {version} is ready.")
    return state


def _watched(state: ModelState) -> tuple[str, Check | None] | None:
    """The version that must stay ready, and the newest report of it."""
    rollout, standby = state.rollout, state.standby
    if rollout is not None and isinstance(rollout.course, BlueGreen) and rollout.course.stay:
        return rollout.stable, rollout.course.blue_ready
    if standby is not None and not standby.scaled_down:
        return standby.version, standby.ready
    return None


def _open(turn: Turn, state: ModelState, policy: Policy, version: str, why: str) -> ModelState:
    check = policy.blue_green.ready_check
    return incidents.open_incident(
        turn,
        state,
        kind=AlertKind.STANDBY_NOT_READY,
        trigger=_SUBJECT,
        severity=Severity.CRITICAL,
        sentence=f"Blue may not be ready to switch back to: {why}. Start {version}, then "
        f"headgate check report {state.model} {version} {check} --passed.",
        versions=(version,),
        numbers={},
    )
