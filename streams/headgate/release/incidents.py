"""Incidents: from a confirmed breach over its deadline to an action, or back to calm.

An incident is an alert with a lasting id. It fires when a breach is confirmed, escalates when it
leads to an action (or a deadline is missed), and resolves when its evidence falls back, when a
person ends it, or when every live router obeys the action.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from msgspec.structs import replace

from headgate.judge.durations import say_duration
from headgate.judge.policy import Trigger
from headgate.judge.verdicts import Assessment
from headgate.registry.differences import say_how_asked
from headgate.release.alert_commands import commands_of
from headgate.release.courses.course import BlueGreen
from headgate.release.state import Incident, ModelState, Watched
from headgate.release.turn import RUNBOOK, Turn
from headgate.vocabulary import AlertKind, AlertState, Mode, Severity
from headgate.wire.alerts import Alert

MAX_NAME = 128  # of an alert's id on the wire
BREACHES = frozenset({AlertKind.BREACH, AlertKind.PINNED_BREACH})


def find(state: ModelState, kind: AlertKind, trigger: str, version: str = "") -> Incident | None:
    """The open incident of that kind, about that version, that has not led to an action yet."""
    for incident in state.incidents.values():
        same = incident.kind is kind and incident.trigger == trigger
        if same and incident.version == version and not incident.acted:
            return incident
    return None


def open_incident(
    turn: Turn,
    state: ModelState,
    *,
    kind: AlertKind,
    trigger: str,
    severity: Severity,
    sentence: str,
    versions: tuple[str, ...],
    numbers: dict[str, Any],
    deadline_ms: int | None = None,
    version: str = "",
) -> ModelState:
    """A new firing alert, written to alerts and audit."""
    incident = Incident(
        alert_id=_new_id(turn, state, trigger, version),
        kind=kind,
        trigger=trigger,
        severity=severity,
        opened_ms=turn.now_ms,
        sentence=sentence,
        versions=versions,
        numbers=numbers,
        deadline_ms=deadline_ms,
        version=version,
    )
    turn.alert(alert_of(state, incident, AlertState.FIRING, turn.now_ms))
    turn.audit(
        state.model,
        "incident_opened",
        sentence,
        details={"alert_id": incident.alert_id, "kind": str(kind), "trigger": trigger, **numbers},
    )
    return _keep(state, incident)


def _new_id(turn: Turn, state: ModelState, trigger: str, version: str) -> str:
    """An id that no open incident has, of those that one entry opens about one trigger."""
    alert_id = f"a-{turn.place}-{trigger}"
    of_version = f"{alert_id}-{version}"
    if alert_id not in state.incidents:
        return alert_id
    if of_version not in state.incidents and len(of_version) <= MAX_NAME:
        return of_version
    return next(name for n in count(2) if (name := f"{alert_id}-{n}") not in state.incidents)


def open_breach(
    turn: Turn, state: ModelState, watched: Watched, trigger: Trigger, assessment: Assessment
) -> ModelState:
    """The incident of a proven breach; its deadline starts now."""
    within_ms = 0 if _is_cut_over(state) else trigger.act_within
    deadline_ms = turn.now_ms + within_ms if trigger.action == "rollback" else None
    parts = (assessment.sentence, trigger.advice, _how_asked(state, watched, trigger))
    sentence = " ".join(part for part in parts if part)
    return open_incident(
        turn,
        state,
        kind=AlertKind.BREACH,
        trigger=trigger.name,
        severity=Severity(trigger.severity),
        sentence=sentence,
        versions=_versions(watched),
        numbers=assessment.evidence,
        deadline_ms=deadline_ms,
        version=watched.version,
    )


def _is_cut_over(state: ModelState) -> bool:
    """After a cutover nobody is waited for: blue is ready, and green serves everybody."""
    course = state.rollout.course if state.rollout else None
    return isinstance(course, BlueGreen) and course.stay is not None


def _how_asked(state: ModelState, watched: Watched, trigger: Trigger) -> str:
    """What more tokens or cost may come from: registered differences in prompt and parameters."""
    if trigger.metric not in {"tokens_mean", "cost_mean_usd"}:
        return ""
    specs = state.catalogue.specs
    stable, candidate = specs.get(watched.beside), specs.get(watched.version)
    return say_how_asked(stable, candidate) if stable and candidate else ""


def open_hold(
    turn: Turn, state: ModelState, watched: Watched, trigger: Trigger, seen: Assessment
) -> ModelState:
    """Bad absolutely but stable shares it: nothing advances until it is over."""
    return open_incident(
        turn,
        state,
        kind=AlertKind.OUTAGE_HOLD,
        trigger=trigger.name,
        severity=Severity.CRITICAL,
        sentence=f"{seen.sentence} The rollout holds: nothing advances, nothing is rolled back.",
        versions=_versions(watched),
        numbers=seen.evidence,
        version=watched.version,
    )


def escalate(
    turn: Turn, state: ModelState, incident: Incident, decision_id: str, sentence: str
) -> ModelState:
    """The incident led to a decision; it stays open until the routers obey."""
    would_have = state.mode is Mode.OBSERVE
    acted = replace(incident, acted=decision_id, would_have=would_have, sentence=sentence)
    turn.alert(alert_of(state, acted, AlertState.ESCALATED, turn.now_ms))
    return _keep(state, acted)


def resolve(turn: Turn, state: ModelState, incident: Incident, sentence: str) -> ModelState:
    """The incident is over."""
    over = replace(incident, sentence=sentence, deadline_ms=None)
    turn.alert(alert_of(state, over, AlertState.RESOLVED, turn.now_ms))
    turn.audit(
        state.model,
        "incident_resolved",
        sentence,
        details={"alert_id": incident.alert_id, "trigger": incident.trigger},
    )
    left = {key: kept for key, kept in state.incidents.items() if key != incident.alert_id}
    return replace(state, incidents=left)


def resolve_all(
    turn: Turn, state: ModelState, incidents: Iterable[Incident], sentence: str
) -> ModelState:
    """Several incidents are over for one reason."""
    for incident in tuple(incidents):
        state = resolve(turn, state, incident, sentence)
    return state


def defer(
    turn: Turn, state: ModelState, incident: Incident, minutes: int, reason: str
) -> ModelState:
    """Put the deadline off, once."""
    if incident.deadline_ms is None:
        raise ValueError("an incident without a deadline cannot be put off")
    later = replace(
        incident,
        deferred=True,
        deadline_ms=incident.deadline_ms + minutes * 60_000,
        sentence=f"{incident.sentence} Put off by {minutes} min: {reason.rstrip('.')}.",
    )
    turn.alert(alert_of(state, later, AlertState.FIRING, turn.now_ms))
    return _keep(state, later)


def into_mode(turn: Turn, state: ModelState, mode: Mode) -> ModelState:
    """The state in that mode. Back in enforce mode, breaches that were only observed are over, and
    open anew, with new deadlines, at the next look that still proves them.
    """
    if mode is Mode.ENFORCE and state.mode is Mode.OBSERVE:
        observed = [kept for kept in state.incidents.values() if kept.kind in BREACHES]
        state = resolve_all(turn, state, observed, "Headgate enforces again.")
    return replace(state, mode=mode)


def alert_of(state: ModelState, incident: Incident, alert_state: AlertState, at_ms: int) -> Alert:
    """The incident as on-call reads it."""
    observing = state.mode is Mode.OBSERVE and incident.kind in BREACHES
    return Alert(
        alert_id=incident.alert_id,
        kind=incident.kind,
        state=alert_state,
        severity=incident.severity,
        model=state.model,
        sentence=_sentence(state, incident, alert_state, at_ms),
        runbook=f"{RUNBOOK}{incident.kind}",
        at_ms=at_ms,
        versions=incident.versions,
        trigger=incident.trigger,
        deadline_ms=incident.deadline_ms,
        would_have=observing,
        numbers=incident.numbers,
        commands=() if alert_state is AlertState.RESOLVED else commands_of(state, incident),
    )


def _sentence(state: ModelState, incident: Incident, alert_state: AlertState, at_ms: int) -> str:
    """What happened and, while a deadline lies ahead, what Headgate does when it comes."""
    if alert_state is not AlertState.FIRING or incident.deadline_ms is None:
        return incident.sentence
    left_ms = incident.deadline_ms - at_ms
    if left_ms <= 0:
        return incident.sentence
    does = "rolls back" if state.mode is Mode.ENFORCE else "would roll back"
    return f"{incident.sentence} Headgate {does} in {say_duration(left_ms)} unless it falls back."


def _versions(watched: Watched) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in (watched.version, watched.beside) if name))


def _keep(state: ModelState, incident: Incident) -> ModelState:
    return replace(state, incidents={**state.incidents, incident.alert_id: incident})
