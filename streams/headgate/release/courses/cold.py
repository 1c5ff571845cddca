"""Cold: a rollback to a version that was scaled down goes, and somebody must start it."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.release import incidents
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Severity


def warn_if_cold(turn: Turn, state: ModelState, target: str) -> ModelState:
    """A rollback to a version that was scaled down goes, and pages: it must be started first."""
    standby = state.standby
    if standby is None or standby.version != target:
        return state
    state = replace(state, standby=None)
    if not standby.scaled_down:
        return state
    return incidents.open_incident(
        turn,
        state,
        kind=AlertKind.COLD_ROLLBACK,
        trigger="rollback",
        severity=Severity.CRITICAL,
        sentence=f"{state.model} was rolled back to {target}, which was scaled down: start it now.",
        versions=(target,),
        numbers={},
    )
