"""Cold: a rollback to a version that was scaled down goes, and somebody must start it."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.measure.reading import covered_ms
from headgate.release import incidents
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Mode, Severity


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


def scale_down(turn: Turn, state: ModelState, why: str) -> ModelState:
    """Order, once, that the version on standby is scaled down; Headgate stops nothing itself. In
    observe mode nothing is ordered until Headgate enforces again.
    """
    standby = state.standby
    if standby is None or standby.scaled_down or state.mode is Mode.OBSERVE:
        return state
    turn.audit(
        state.model,
        "scale_down",
        f"Scale {standby.version} of {state.model} down: {why}.",
        details={"version": standby.version},
        before={"standby": standby.version},
        after={"standby": "scaled down"},
    )
    return replace(state, standby=replace(standby, scaled_down=True))


def follow(turn: Turn, state: ModelState, policy: Policy) -> ModelState:
    """The page is over once the version that was started is heard under the split in force."""
    page = incidents.find(state, AlertKind.COLD_ROLLBACK, "rollback")
    if page is None or state.command is None:
        return state
    window_ms = min(turn.now_ms - state.command.issued_at_ms, policy.blue_green.ready_last)
    version = state.production
    if not covered_ms(state.tables, version, now_ms=turn.now_ms, window_ms=window_ms):
        return state
    return incidents.resolve(turn, state, page, f"Over: {version} serves.")
