"""Standby: blue after the cutover, ready to be gone back to until it is scaled down.

Headgate orders the scale-down on audit; it stops nothing itself.
"""

from __future__ import annotations

from headgate.judge.policy import Policy
from headgate.measure.windows import covered_ms
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
    state = cold.follow(turn, state, served=_serves(state, policy, turn.now_ms))
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


def _serves(state: ModelState, policy: Policy, now_ms: int) -> bool:
    """Whether production was heard since the split in force was given."""
    since_ms = state.command.issued_at_ms if state.command is not None else now_ms
    window_ms = min(now_ms - since_ms, policy.blue_green.ready_last)
    return covered_ms(state.tables, state.production, now_ms=now_ms, window_ms=window_ms) > 0


def _watched(state: ModelState) -> tuple[str, Check | None] | None:
    """The version that must stay ready, and the newest report of it."""
    if state.standby is not None and not state.standby.scaled_down:
        return state.standby.version, state.standby.ready
    rollout = state.rollout
    if rollout is None or not isinstance(rollout.course, BlueGreen) or rollout.course.stay is None:
        return None
    return rollout.stable, rollout.course.blue_ready


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
