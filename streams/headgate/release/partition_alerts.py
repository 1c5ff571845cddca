"""Alerts that concern a whole ledger partition: one at a time per kind, firing until resolved."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.release.state import PartitionState
from headgate.release.turn import RUNBOOK, Turn
from headgate.vocabulary import ANY_MODEL, AlertKind, AlertState, Severity
from headgate.wire.alerts import Alert


def fire(
    turn: Turn, state: PartitionState, kind: AlertKind, severity: Severity, sentence: str
) -> PartitionState:
    """Open the alert of that kind; one that is open already stays as it is."""
    if kind in state.alerts:
        return state
    alert = Alert(
        alert_id=f"a-{turn.place}-{kind}",
        kind=kind,
        state=AlertState.FIRING,
        severity=severity,
        model=ANY_MODEL,
        sentence=sentence,
        runbook=f"{RUNBOOK}{kind}",
        at_ms=turn.now_ms,
        numbers={"ledger_partition": turn.ledger_partition},
        commands=("headgate status", "headgate topics check"),
    )
    turn.alert(alert)
    return replace(state, alerts={**state.alerts, kind: alert})


def keep(turn: Turn, state: PartitionState, kind: AlertKind) -> PartitionState:
    """Note that an open alert still holds, so that `is_quiet` counts from now."""
    alert = replace(state.alerts[kind], at_ms=turn.now_ms)
    return replace(state, alerts={**state.alerts, kind: alert})


def is_quiet(state: PartitionState, kind: AlertKind, quiet_ms: int) -> bool:
    """Whether the alert is open and nothing has kept it up for `quiet_ms`."""
    alert = state.alerts.get(kind)
    return alert is not None and state.time_ms - alert.at_ms > quiet_ms


def resolve(turn: Turn, state: PartitionState, kind: AlertKind, sentence: str) -> PartitionState:
    """Close the alert of that kind, if it is open."""
    alert = state.alerts.get(kind)
    if alert is None:
        return state
    over = replace(
        alert, state=AlertState.RESOLVED, at_ms=turn.now_ms, sentence=sentence, commands=()
    )
    turn.alert(over)
    return replace(
        state, alerts={known: kept for known, kept in state.alerts.items() if known is not kind}
    )
