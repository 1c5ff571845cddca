"""Outlook: where a rollout stands, what happens next and when, and what a person can do now."""

from __future__ import annotations

from headgate.judge.policy import Policy
from headgate.judge.promoting import Promotion
from headgate.release.coming import coming_of
from headgate.release.courses import blue_green, canary, comparing
from headgate.release.courses.course import BlueGreen, Canary, Experiment
from headgate.release.courses.going_on import share
from headgate.release.courses.stays import proof_of
from headgate.release.judging import Judged
from headgate.release.offers import running_commands
from headgate.release.readiness import checks_of
from headgate.release.state import ModelState, Rollout
from headgate.release.watched import evidence_of
from headgate.vocabulary import AlertKind, Severity, Verdict
from headgate.wire.control import Weight
from headgate.wire.status import LackingProof, RolloutStatus


def rollout_status(
    state: ModelState,
    policy: Policy | None,
    judged: Judged | None,
    now_ms: int,
) -> RolloutStatus | None:
    """The running rollout as people and pages read it; None without one."""
    rollout = state.rollout
    if rollout is None:
        return None
    stay = rollout.course.stay if rollout.course is not None else None
    proof = _proof(state, judged)
    blind = judged is not None and judged.blind
    coming = coming_of(state, policy, rollout, proof, now_ms, blind=blind)
    known = comparing.of_rollout(state)
    return RolloutStatus(
        rollout_id=rollout.rollout_id,
        kind=rollout.kind,
        stable=rollout.stable,
        candidate=rollout.candidate,
        weight=rollout.weight,
        started_ms=rollout.started_ms,
        holding=any(i.kind is AlertKind.OUTAGE_HOLD for i in state.incidents.values()),
        place=place(rollout),
        steps=_steps(rollout),
        step=rollout.course.at + 1 if isinstance(rollout.course, Canary) else 0,
        since_ms=stay.since_ms if stay else None,
        hold_until_ms=stay.since_ms + stay.step.hold_ms if stay else None,
        max_hold_until_ms=stay.since_ms + stay.step.max_hold_ms if stay else None,
        paused=_paused(rollout),
        waits=stay.waits if stay else "",
        lacking=_lacking(policy, rollout, proof),
        checks=checks_of(rollout, policy),
        report=known.report if known is not None else None,
        compared_since_ms=known.began_ms if known is not None else None,
        reading_at_ms=comparing.next_reading_ms(known) if known is not None else None,
        next=coming.sentence,
        next_at_ms=coming.at_ms,
        can=running_commands(state, policy, proof, now_ms, in_doubt=_in_doubt(judged)),
    )


def place(rollout: Rollout) -> str:
    """Where a rollout stands, in words."""
    course = rollout.course
    if isinstance(course, Canary):
        return canary.place(course, rollout.weight)
    if isinstance(course, BlueGreen):
        return "checks, green takes nothing yet" if course.stay is None else "watch, green serves"
    if isinstance(course, Experiment):
        arms = course.comparing.test.plan.arms
        return ", ".join(f"{arm.version} {share(arm.weight)}" for arm in arms)
    return f"{share(rollout.weight)}, set by hand"


def _proof(state: ModelState, judged: Judged | None) -> Promotion | None:
    """What is lacking to a promotion; of a test its comparison decides, and not this."""
    evidence, rollout = evidence_of(state), state.rollout
    tests = rollout is not None and isinstance(rollout.course, Experiment)
    if judged is None or evidence is None or tests:
        return None
    return proof_of(state, evidence, judged)


def _lacking(
    policy: Policy | None, rollout: Rollout, proof: Promotion | None
) -> tuple[LackingProof, ...]:
    """What is not proven good, and which checks of green fail since it took over."""
    failed = blue_green.failing(policy.blue_green, rollout.course) if policy is not None else {}
    return (
        *(
            LackingProof(trigger=row.trigger, sentence=row.sentence, more=row.more, unit=row.unit)
            for row in (proof.lacking if proof is not None else ())
        ),
        *(LackingProof(trigger=name, sentence=said) for name, said in failed.items()),
    )


def _steps(rollout: Rollout) -> tuple[Weight, ...]:
    """A canary's weights step by step, so that a page can draw them."""
    if not isinstance(rollout.course, Canary):
        return ()
    return tuple(
        Weight(version=rollout.candidate, weight=step.weight) for step in rollout.course.steps
    )


def _in_doubt(judged: Judged | None) -> bool:
    """Whether a critical trigger is not sure to be within its limit."""
    doubtful = {Verdict.SUSPECT, Verdict.BREACH}
    return judged is not None and any(
        trigger.severity is Severity.CRITICAL
        and judged.assessments[trigger.name].verdict in doubtful
        for trigger in judged.policy.triggers
        if trigger.name in judged.assessments
    )


def _paused(rollout: Rollout) -> str:
    paused = rollout.paused
    if paused is None:
        return ""
    return f"paused by {paused.by}" + (f": {paused.why}" if paused.why else "")
