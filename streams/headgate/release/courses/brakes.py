"""Brakes: what keeps a rollout where it is, whoever wants it to go on. No rollback asks here."""

from __future__ import annotations

from headgate.judge.calendar import closed_because, opens_words
from headgate.judge.policy import Policy
from headgate.release.compatible import check_candidate
from headgate.release.courses.going_on import called
from headgate.release.refusals import RefusedError
from headgate.release.state import Incident, ModelState, Rollout
from headgate.release.taking_back import take_back
from headgate.vocabulary import AlertKind, Mode
from headgate.wire.rollout_requests import SplitRequest


def forbidding(state: ModelState) -> Incident | None:
    """The open alert that forbids more traffic: a critical breach or an outage hold. One that led
    to a rollback is about what went, and waits for its routers.
    """
    if state.mode is Mode.OBSERVE:
        return None
    for incident in state.incidents.values():
        if incident.acted:
            continue
        critical = incident.kind is AlertKind.BREACH and incident.deadline_ms is not None
        if critical or incident.kind is AlertKind.OUTAGE_HOLD:
            return incident
    return None


def check_nothing_forbids(state: ModelState) -> None:
    """Raises `RefusedError` while an alert forbids more traffic."""
    incident = forbidding(state)
    if incident is not None:
        raise RefusedError(
            f"Alert {incident.alert_id} forbids more traffic: {incident.sentence}",
            f"{take_back(state, incident.version)}, or wait until the alert is resolved",
        )


def unfit(state: ModelState, candidate: str) -> str:
    """Why the candidate may take no more, as far as is known what it fits; empty where it may."""
    try:
        check_candidate(state, candidate)
    except RefusedError as error:
        return f"{candidate} fits no more: {error.sentence}".rstrip(".")
    return ""


def check_may_go_on(state: ModelState, policy: Policy | None, now_ms: int) -> None:
    """Raises `RefusedError` while the rollout is paused, something forbids more traffic, or the
    calendar is closed.
    """
    rollout = state.rollout
    if rollout is not None and rollout.paused is not None:
        raise RefusedError(
            f"The {called(rollout)} is paused by {rollout.paused.by}.",
            f"headgate rollout resume {state.model}",
        )
    check_nothing_forbids(state)
    check_calendar(policy, now_ms)


def check_calendar(policy: Policy | None, now_ms: int) -> None:
    """Raises `RefusedError` while the calendar gives no candidate more traffic."""
    closed = closed_because(policy.calendar, now_ms) if policy is not None else ""
    if policy is None or not closed:
        return
    raise RefusedError(
        f"No candidate gets more traffic now: {closed}; {opens_words(policy.calendar, now_ms)}.",
        "Wait until then or, in an emergency, apply a policy with another calendar; a rollback "
        "works at any time.",
    )


def running(state: ModelState) -> Rollout:
    """The rollout that runs. Raises `RefusedError` where none does."""
    if state.rollout is not None:
        return state.rollout
    command, how = state.command, ""
    if command is not None and command.rollout_id:
        how = f": {command.rollout_id} ended by {command.decision_id} ({command.action})"
    raise RefusedError(
        f"{state.model} has no running rollout{how}.",
        f"headgate rollout history {state.model}; to begin another: headgate rollout start "
        f"{state.model} --canary --candidate VERSION",
    )


def check_revision(state: ModelState, request: SplitRequest) -> None:
    """Raises `RefusedError` where the split is not the one that the person looked at."""
    command, expected = state.command, request.if_revision
    if expected is None or command is None or command.revision == expected:
        return
    by = command.operator or "Headgate"
    raise RefusedError(
        f"{by} changed the split meanwhile: revision {command.revision} is in force, not "
        f"{expected}.",
        f"headgate status {state.model}, and decide again",
    )
