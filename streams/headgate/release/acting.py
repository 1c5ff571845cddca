"""Acting: what Headgate does by itself when a breach's deadline has come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headgate.judge.durations import say_duration
from headgate.judge.policy import Policy, Trigger
from headgate.judge.verdicts import Assessment
from headgate.release import incidents
from headgate.release.changed import changed
from headgate.release.compatible import NoTargetError, Target, choose_target, page
from headgate.release.courses.experiment import without_arm
from headgate.release.courses.going_on import end_waiting
from headgate.release.reasons import because
from headgate.release.reversing import drop, roll_back
from headgate.release.rollouts import policy_of
from headgate.release.splits import decision_id, next_revision, whole
from headgate.release.state import Incident, ModelState, Watched
from headgate.release.turn import Turn
from headgate.release.versions import publish_versions
from headgate.vocabulary import AlertKind, Mode, Verdict

Due = tuple[Trigger, Incident, Assessment]
Respond = Callable[[Turn, ModelState, Watched, list[Due], Target], ModelState]


def act(
    turn: Turn,
    state: ModelState,
    watched: Watched,
    policy: Policy,
    assessments: Mapping[str, Assessment],
) -> ModelState:
    """Act on a version if any deadline has come whose latest evidence is still a breach.

    In observe mode the decision is audited as what would have happened. Where neither stable nor
    an earlier version is fit to go back to, the split stays and a person is paged.
    """
    due = _due(state, watched, policy, assessments, turn.now_ms)
    if not due:
        return state
    try:
        usual = watched.beside if state.rollout else state.previous
        target = choose_target(state, watched.version, usual)
    except NoTargetError as error:
        return page(turn, state, due[0][0].name, error, seen=due[0][2], version=watched.version)
    return _response_to(state)(turn, state, watched, due, target)


def _response_to(state: ModelState) -> Respond:
    """What is done about a version that must go, by what runs."""
    if state.mode is Mode.OBSERVE:
        return _would_have
    return _drop if len(state.watched) > 1 else _roll_back


def _due(
    state: ModelState,
    watched: Watched,
    policy: Policy,
    assessments: Mapping[str, Assessment],
    now_ms: int,
) -> list[Due]:
    due = []
    for trigger in policy.triggers if state.incidents else ():
        incident = incidents.find(state, AlertKind.BREACH, trigger.name, watched.version)
        seen = assessments[trigger.name]
        if incident is None or incident.deadline_ms is None or seen.verdict is not Verdict.BREACH:
            continue
        if incident.deadline_ms <= now_ms:
            due.append((trigger, incident, seen))
    return due


def _roll_back(
    turn: Turn, state: ModelState, watched: Watched, due: list[Due], target: Target
) -> ModelState:
    before, bad = state, watched.version
    state = roll_back(
        turn,
        state,
        bad=bad,
        target=target.version,
        reasons=tuple(because(seen) for _, _, seen in due),
        recovered_within_ms=min(trigger.recovered_within for trigger, _, _ in due),
    )
    decision = state.command.decision_id if state.command else ""
    sentence = (
        f"Rolled {state.model} back from {bad} to {target.version}: "
        f"{due[0][2].sentence}{target.words}"
    )
    told = changed(before, state)
    judged = _judged(before, bad)
    _audit(
        turn, state, due, decision, sentence, target=target, judged=judged, would_have=False, **told
    )
    for _, incident, _ in due:
        state = incidents.escalate(turn, state, incident, decision, sentence)
    others = [kept for kept in state.incidents.values() if _is_ended(kept)]
    state = incidents.resolve_all(turn, state, others, f"Ended by decision {decision}.")
    publish_versions(turn, before, state)
    return state


def _is_ended(incident: Incident) -> bool:
    """A rollback ends what is open about the rollout; who signs commands, that a version must be
    started, or what pinned callers meet is another matter.
    """
    lasts = {
        AlertKind.COMMANDS_REFUSED,
        AlertKind.COLD_ROLLBACK,
        AlertKind.STANDBY_NOT_READY,
        AlertKind.PINNED_BREACH,
    }
    return not incident.acted and incident.kind not in lasts


def _drop(
    turn: Turn, state: ModelState, watched: Watched, due: list[Due], target: Target
) -> ModelState:
    """One arm of several goes; what it was served goes to stable."""
    rollout, policy, bad = state.rollout, policy_of(state), watched.version
    if rollout is None or policy is None or target.version != rollout.stable:
        return _roll_back(turn, state, watched, due, target)
    before = state
    reasons = tuple(because(seen) for _, _, seen in due)
    within_ms = min(trigger.recovered_within for trigger, _, _ in due)
    state = drop(turn, state, rollout, bad, reasons=reasons, recovered_within_ms=within_ms)
    state = without_arm(state, policy, turn.now_ms)
    state = end_waiting(turn, state, f"{bad} was taken out; the others are compared anew.")
    decision = state.command.decision_id if state.command else ""
    sentence = (
        f"Took {bad} out of the A/B test of {state.model}, its share goes to {target.version}: "
        f"{due[0][2].sentence} The others are compared anew."
    )
    told = changed(before, state)
    judged = _judged(before, bad)
    _audit(
        turn, state, due, decision, sentence, target=target, judged=judged, would_have=False, **told
    )
    for _, incident, _ in due:
        state = incidents.escalate(turn, state, incident, decision, sentence)
    own = [kept for kept in state.incidents.values() if kept.version == bad and not kept.acted]
    state = incidents.resolve_all(turn, state, own, f"Ended by decision {decision}.")
    publish_versions(turn, before, state)
    return state


def _would_have(
    turn: Turn, state: ModelState, watched: Watched, due: list[Due], target: Target
) -> ModelState:
    weights = whole(target.version)
    decision = decision_id(turn, state.model, next_revision(state), weights)
    sentence = (
        f"Would have rolled {state.model} back from {watched.version} to {target.version}, "
        f"but it is in observe mode: {due[0][2].sentence}{target.words}"
    )
    judged = _judged(state, watched.version)
    _audit(turn, state, due, decision, sentence, target=target, judged=judged, would_have=True)
    for _, incident, _ in due:
        state = incidents.escalate(turn, state, incident, decision, sentence)
    return state


def _judged(state: ModelState, version: str) -> dict[str, str]:
    """Who the numbers are about: a candidate beside stable, or the version in production."""
    return {"version": version, "role": "production" if state.rollout is None else "candidate"}


def _audit(
    turn: Turn,
    state: ModelState,
    due: list[Due],
    decision: str,
    sentence: str,
    *,
    target: Target,
    judged: dict[str, str],
    would_have: bool,
    **told: dict[str, Any],
) -> None:
    late_ms = max(turn.now_ms - (incident.deadline_ms or 0) for _, incident, _ in due)
    turn.audit(
        state.model,
        "decision",
        sentence,
        decision_id=decision,
        revision=state.command.revision if state.command else None,
        would_have=would_have,
        reasons=tuple(because(seen) for _, _, seen in due),
        **told,
        details={
            **judged,
            "alerts": [incident.alert_id for _, incident, _ in due],
            "target": target.version,
            "target_because": target.because,
            "after_deadline_ms": late_ms,
            "after_confirmation": say_duration(
                turn.now_ms - min(incident.opened_ms for _, incident, _ in due)
            ),
        },
    )
    for trigger, _, seen in due:
        if trigger.metric == "safety_violations":
            ids = seen.evidence.get("request_ids", [])
            turn.audit(
                state.model,
                "safety_violation",
                seen.sentence,
                decision_id=decision,
                would_have=would_have,
                details={"request_ids": ids},
            )
