"""Acting: what Headgate does by itself when a breach's deadline has come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headgate.judge.durations import say_duration
from headgate.judge.policy import Policy, Trigger
from headgate.judge.verdicts import Assessment
from headgate.release import incidents
from headgate.release.changed import changed
from headgate.release.compatible import NoTargetError, Target, choose_target, page
from headgate.release.courses.experiment import take_out
from headgate.release.reasons import because
from headgate.release.reversing import roll_back
from headgate.release.rollouts import policy_of
from headgate.release.splits import decision_id, next_revision, whole
from headgate.release.state import Incident, ModelState, Watched
from headgate.release.turn import Turn
from headgate.release.versions import publish_versions
from headgate.vocabulary import AlertKind, Mode, Verdict
from headgate.wire.control import Because

Due = tuple[Trigger, Incident, Assessment]


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as it is told: by whose breaches, from which state, towards which version."""

    before: ModelState
    version: str
    due: list[Due]
    target: Target
    decision: str
    sentence: str


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
        reasons=_reasons(due),
        recovered_within_ms=_recovered_within_ms(due),
    )
    sentence = (
        f"Rolled {state.model} back from {bad} to {target.version}: "
        f"{due[0][2].sentence}{target.words}"
    )
    decided = Decided(before, bad, due, target, _newest_decision(state), sentence)
    return _tell(turn, state, decided, ends=_is_ended)


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
    before, within_ms = state, _recovered_within_ms(due)
    reasons = _reasons(due)
    state = take_out(
        turn, state, rollout, policy, bad, reasons=reasons, recovered_within_ms=within_ms
    )
    sentence = (
        f"Took {bad} out of the A/B test of {state.model}, its share goes to {target.version}: "
        f"{due[0][2].sentence} The others are compared anew."
    )

    def is_its_own(incident: Incident) -> bool:
        return incident.version == bad and not incident.acted

    decided = Decided(before, bad, due, target, _newest_decision(state), sentence)
    return _tell(turn, state, decided, ends=is_its_own)


def _reasons(due: list[Due]) -> tuple[Because, ...]:
    return tuple(because(seen) for _, _, seen in due)


def _recovered_within_ms(due: list[Due]) -> int:
    return min(trigger.recovered_within for trigger, _, _ in due)


def _newest_decision(state: ModelState) -> str:
    return state.command.decision_id if state.command else ""


def _tell(
    turn: Turn, state: ModelState, decided: Decided, *, ends: Callable[[Incident], bool]
) -> ModelState:
    """What was decided goes to the audit and to on-call; the incidents that it ends are over."""
    _audit(turn, state, decided)
    state = _escalate(turn, state, decided)
    ended = [kept for kept in state.incidents.values() if ends(kept)]
    state = incidents.resolve_all(turn, state, ended, f"Ended by decision {decided.decision}.")
    publish_versions(turn, decided.before, state)
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
    decided = Decided(state, watched.version, due, target, decision, sentence)
    _audit(turn, state, decided, would_have=True)
    return _escalate(turn, state, decided)


def _escalate(turn: Turn, state: ModelState, decided: Decided) -> ModelState:
    for _, incident, _ in decided.due:
        state = incidents.escalate(turn, state, incident, decided.decision, decided.sentence)
    return state


def _audit(turn: Turn, state: ModelState, decided: Decided, *, would_have: bool = False) -> None:
    before, due, target = decided.before, decided.due, decided.target
    late_ms = max(turn.now_ms - (incident.deadline_ms or 0) for _, incident, _ in due)
    first_ms = min(incident.opened_ms for _, incident, _ in due)
    turn.audit(
        state.model,
        "decision",
        decided.sentence,
        decision_id=decided.decision,
        revision=state.command.revision if state.command else None,
        would_have=would_have,
        reasons=_reasons(due),
        **changed(before, state),
        details={
            # Who the numbers are about: a candidate beside stable, or the version in production.
            "version": decided.version,
            "role": "production" if before.rollout is None else "candidate",
            "alerts": [incident.alert_id for _, incident, _ in due],
            "target": target.version,
            "target_because": target.because,
            "after_deadline_ms": late_ms,
            "after_confirmation": say_duration(turn.now_ms - first_ms),
        },
    )
    for trigger, _, seen in due:
        if trigger.metric == "safety_violations":
            turn.audit(
                state.model,
                "safety_violation",
                seen.sentence,
                decision_id=decided.decision,
                would_have=would_have,
                details={"request_ids": seen.evidence.get("request_ids", [])},
            )
