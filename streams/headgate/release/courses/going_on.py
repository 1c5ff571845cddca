"""Going on: a candidate gets its next weight, or everything, and why."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.listing import listed
from headgate.judge.policy import Policy
from headgate.judge.sequential.verdicts import assess_sequential
from headgate.release import incidents, rollouts
from headgate.release.alert_commands import CHECKS
from headgate.release.changed import changed
from headgate.release.courses.course import Course, Experiment
from headgate.release.evidence import begin
from headgate.release.reasons import because
from headgate.release.standards import standard_of_candidate
from headgate.release.state import ModelState, Rollout
from headgate.release.turn import Turn
from headgate.release.watched import each, evidence_of
from headgate.vocabulary import AlertKind
from headgate.wire.control import Because

OF_A_ROLLOUT = frozenset(
    {
        AlertKind.BREACH,
        AlertKind.OUTAGE_HOLD,
        AlertKind.NO_ROLLBACK_TARGET,
        AlertKind.UNEVEN_COMPLETENESS,
        AlertKind.MISROUTED,
        AlertKind.SHARE_OFF,
        AlertKind.ROLLOUT_WAITING,
        AlertKind.TEST_VOID,
    }
)


def reasons_for(state: ModelState, policy: Policy) -> tuple[Because, ...]:
    """What was known good, or not, of every required metric when the rollout went on."""
    evidence = evidence_of(state)
    if evidence is None:
        return ()
    found = assess_sequential(standard_of_candidate(state) or policy, evidence)
    return tuple(because(seen) for seen in found.values() if seen.proven_good is not None)


def widen(
    turn: Turn,
    state: ModelState,
    policy: Policy,
    course: Course,
    *,
    operator: str = "",
    why: str,
) -> ModelState:
    """The weight of the stay that begins, never less than there is, and a new phase of evidence."""
    rollout, stay = state.rollout, course.stay
    if rollout is None or stay is None:
        return state
    was, before, reasons = state, rollout.weight, reasons_for(state, policy)
    weight = max(stay.step.weight, before)
    state = rollouts.reweigh(turn, state, rollout, weight, operator, reasons=reasons)
    state = with_course(state, course)
    standard = standard_of_candidate(state) or policy
    state = each(state, lambda watched: begin(state, watched, standard, turn.now_ms))
    state = end_waiting(turn, state, f"{rollout.candidate} went on.")
    sentence = (
        f"{rollout.candidate} of {state.model} went from {share(before)} to {share(weight)}: {why}."
    )
    _audit(turn, was, state, sentence, reasons)
    return state


def complete(
    turn: Turn, state: ModelState, policy: Policy, *, operator: str = "", why: str
) -> ModelState:
    """The candidate is promoted, and with the rollout its incidents end."""
    rollout = state.rollout
    if rollout is None:
        return state
    was, reasons = state, reasons_for(state, policy)
    state = rollouts.promote(turn, state, rollout, operator, reasons=reasons)
    ended = f"{rollout.candidate} was promoted by {operator or 'Headgate'}."
    state = end_incidents(turn, state, ended)
    sentence = f"Promoted {rollout.candidate} to production of {state.model}: {why}."
    _audit(turn, was, state, sentence, reasons)
    return state


def end_incidents(turn: Turn, state: ModelState, sentence: str) -> ModelState:
    """Resolve whatever concerned the rollout alone."""
    ended = [kept for kept in state.incidents.values() if kept.kind in OF_A_ROLLOUT]
    return incidents.resolve_all(turn, state, ended, sentence)


def with_course(state: ModelState, course: Course) -> ModelState:
    """The state with the rollout at another place of its course."""
    if state.rollout is None or state.rollout.course is course:
        return state
    return replace(state, rollout=replace(state.rollout, course=course))


def called(rollout: Rollout) -> str:
    """`rollout of v2`, or `A/B test of v2, v3 and v1`."""
    if not isinstance(rollout.course, Experiment):
        return f"rollout of {rollout.candidate}"
    arms = rollout.course.comparing.test.plan.arms
    return f"A/B test of {listed(arm.version for arm in arms)}"


def share(weight: int) -> str:
    """`5 %` for 500 basis points."""
    return f"{weight / 100:g} %"


def end_waiting(turn: Turn, state: ModelState, sentence: str) -> ModelState:
    """Nobody is waited for any more; a check that fails waits for its next report."""
    kind = AlertKind.ROLLOUT_WAITING
    waiting = [
        kept for kept in state.incidents.values() if kept.kind is kind and kept.trigger != CHECKS
    ]
    return incidents.resolve_all(turn, state, waiting, sentence)


def _audit(
    turn: Turn,
    before: ModelState,
    state: ModelState,
    sentence: str,
    reasons: tuple[Because, ...],
) -> None:
    """A decision of Headgate's own; a person's is told of by the answer to the request."""
    if state.command is None or state.command.operator:
        return
    turn.audit(
        state.model,
        "decision",
        sentence,
        decision_id=state.command.decision_id,
        revision=state.command.revision,
        reasons=reasons,
        **changed(before, state),
    )
