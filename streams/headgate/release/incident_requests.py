"""Requests about incidents and modes: put a deadline off, end a hold, observe or enforce."""

from __future__ import annotations

from headgate.release import incidents, rollouts
from headgate.release.evidence import forget_evidence
from headgate.release.refusals import RefusedError
from headgate.release.standards import standard_of
from headgate.release.state import ModelState
from headgate.release.taking_back import take_back
from headgate.release.turn import Turn
from headgate.release.watched import keep
from headgate.vocabulary import AlertKind, Mode
from headgate.wire.rollout_requests import Defer, EndHold, SetMode


def defer(turn: Turn, state: ModelState, request: Defer) -> tuple[ModelState, str]:
    """Put a deadline off, once, with a reason."""
    incident = state.incidents.get(request.alert_id)
    if incident is None:
        raise RefusedError(
            f"No open alert has the id {request.alert_id}.", f"headgate status {state.model}"
        )
    if incident.deadline_ms is None or incident.acted:
        raise RefusedError(f"{request.alert_id} has no deadline to put off.", "Nothing to do.")
    if incident.deferred:
        raise RefusedError(
            f"{request.alert_id} was put off before; once is all there is.",
            f"{take_back(state, incident.version)}, or let the deadline come",
        )
    if incident.deadline_ms <= incident.opened_ms:
        raise RefusedError(
            f"{request.alert_id} acts at once and cannot be put off.",
            f"headgate mode {state.model} observe, before the breach",
        )
    if not request.reason:
        raise RefusedError("Putting a deadline off needs a reason.", "Add --reason '...'.")
    state = incidents.defer(turn, state, incident, request.minutes, request.reason)
    return state, f"Put the deadline of {request.alert_id} off by {request.minutes} min."


def end_hold(turn: Turn, state: ModelState, request: EndHold) -> tuple[ModelState, str]:
    """End an outage hold; what it was held for is proven anew."""
    held = [kept for kept in state.incidents.values() if kept.kind is AlertKind.OUTAGE_HOLD]
    policy = rollouts.policy_of(state)
    if not held or policy is None:
        raise RefusedError(f"{state.model} holds nothing.", f"headgate status {state.model}")
    by_evidence = {row.name for row in policy.triggers if row.proof == "sequential"}
    ended = [kept for kept in held if kept.trigger in by_evidence]
    if not ended:
        raise RefusedError(
            "The hold is of a threshold, which ends it by itself.",
            f"{take_back(state, held[0].version)}, or wait",
        )
    names = frozenset(kept.trigger for kept in ended)
    for version, watched in state.watched.items():
        held_for = frozenset(kept.trigger for kept in ended if kept.version == version)
        standard = standard_of(state, watched)
        if held_for and standard is not None:
            state = keep(state, forget_evidence(watched, standard, held_for, turn.now_ms))
    state = incidents.resolve_all(turn, state, ended, f"The hold was ended by {request.operator}.")
    return state, f"Ended the hold of {', '.join(sorted(names))}; evidence is gathered anew."


def set_mode(turn: Turn, state: ModelState, request: SetMode) -> tuple[ModelState, str]:
    """Judge and act, or only judge."""
    does = "judges and acts" if request.mode is Mode.ENFORCE else "judges and does not act"
    state = incidents.into_mode(turn, state, request.mode)
    return state, f"Headgate {does} on {state.model}."
