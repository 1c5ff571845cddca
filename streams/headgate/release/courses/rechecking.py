"""Rechecking: a check of green that fails in the watch keeps it from ending well."""

from __future__ import annotations

from headgate.judge.policy import Policy
from headgate.release import incidents
from headgate.release.alert_commands import CHECKS
from headgate.release.courses.blue_green import failing
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Severity


def follow(turn: Turn, state: ModelState, policy: Policy) -> ModelState:
    """Ask a person while a check fails, until it is reported as passed."""
    rollout = state.rollout
    found = failing(policy.blue_green, rollout.course) if rollout is not None else {}
    if not found and not state.incidents:
        return state
    known = incidents.find(state, AlertKind.ROLLOUT_WAITING, CHECKS)
    if known is not None and not found:
        return incidents.resolve(turn, state, known, "Over: no check of green fails any more.")
    if rollout is None or not found or known is not None:
        return state
    return incidents.open_incident(
        turn,
        state,
        kind=AlertKind.ROLLOUT_WAITING,
        trigger=CHECKS,
        severity=Severity.WARNING,
        sentence=f"The watch over {rollout.candidate} does not end by itself: "
        f"{', '.join(found.values())}. Mend it and report the check again, or roll back.",
        versions=(rollout.candidate, rollout.stable),
        numbers={},
    )
