"""Outlook: where a rollout stands, what happens next and when, and what a person can do now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headgate.judge.calendar import closed_because, opens_at_ms, opens_words
from headgate.judge.durations import say_duration
from headgate.judge.policy import Policy
from headgate.judge.promoting import Promotion
from headgate.release.courses import blue_green, canary, comparing
from headgate.release.courses.brakes import forbidding, unfit
from headgate.release.courses.course import BlueGreen, Canary, Comparing, Experiment, Stay
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
    coming = _next(state, policy, rollout, proof, now_ms, blind=blind)
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


@dataclass(frozen=True, slots=True)
class Coming:
    """What Headgate does next by itself, and not before when; None where no time is known."""

    sentence: str
    at_ms: int | None = None


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


def _next(
    state: ModelState,
    policy: Policy | None,
    rollout: Rollout,
    proof: Promotion | None,
    now_ms: int,
    *,
    blind: bool,
) -> Coming:
    course = rollout.course
    stay = course.stay if course is not None else None
    failed = blue_green.failing(policy.blue_green, course) if policy is not None else {}
    proven = proof is not None and proof.proven
    standstill = _standstill(state, rollout, stay, tuple(failed.values()), proven=proven)
    if standstill is not None:
        return standstill
    if policy is not None and isinstance(course, BlueGreen) and stay is None:
        return _before_cutover(state, policy, rollout, course, now_ms, blind=blind)
    if isinstance(course, Experiment):
        return Coming(_of_test(course.comparing))
    if policy is not None and stay is not None and not rollout.weight:
        return Coming("Nothing by itself: the candidate was given nothing of the traffic.")
    if policy is not None and stay is not None:
        return _after_stay(policy, rollout, stay, proof, now_ms)
    return Coming("Nothing by itself: a person sets every share. A proven breach rolls back.")


def _standstill(
    state: ModelState, rollout: Rollout, stay: Stay | None, failed: Sequence[str], *, proven: bool
) -> Coming | None:
    """What keeps the rollout where it is; None where nothing does."""
    if rollout.paused is not None:
        return Coming("Nothing until somebody resumes it; a proven breach is rolled back.")
    if stay is not None and stay.waits:
        by_now = ", though everything required is proven good by now" if proven else ""
        return Coming(f"Nothing until a person decides{by_now}; a proven breach is rolled back.")
    incident = forbidding(state)
    if incident is not None:
        return Coming("Nothing advances while an alert forbids it.", incident.deadline_ms)
    if failed:
        return Coming(
            f"Nothing until it is reported as passed: {', '.join(failed)}. A proven breach is "
            "rolled back."
        )
    return None


def _of_test(known: Comparing) -> str:
    if known.void:
        return f"Nothing: the test is void, because {known.void}."
    if known.test.decided is not None:
        return "Nothing by itself: the test is decided, and somebody must stop it."
    more = known.report.more if known.report is not None else known.test.plan.needed
    about = f", about {more:,} more requests from now" if more is not None else ""
    return f"A verdict once there is data enough{about}; a proven breach takes its arm out."


def _before_cutover(
    state: ModelState,
    policy: Policy,
    rollout: Rollout,
    course: BlueGreen,
    now_ms: int,
    *,
    blind: bool,
) -> Coming:
    settings, blue, calendar = policy.blue_green, rollout.stable, policy.calendar
    missing = blue_green.unpassed(settings, course, now_ms)
    if missing:
        return Coming(f"The cutover, once these are mended: {', '.join(missing.values())}.")
    why = blue_green.blue_unready(state, settings, blue, course.blue_ready, now_ms)
    if why:
        return Coming(f"The cutover, once blue is ready: {why}.")
    if why := unfit(state, rollout.candidate):
        return Coming(f"No cutover: {why}.")
    by_hand, closed = settings.cutover == "manual", closed_because(calendar, now_ms)
    if blind and not by_hand:
        return Coming("The cutover, once telemetry is fresh again.")
    words = "The cutover."
    if by_hand:
        words = "The cutover, on somebody's request: every check passed and blue is ready."
    if closed:
        words += f" Not yet: {closed}; {opens_words(calendar, now_ms)}."
    at_ms = None if by_hand and not closed else opens_at_ms(calendar, now_ms)
    return Coming(words, at_ms)


def _to(rollout: Rollout) -> str:
    course = rollout.course
    step = canary.next_step(course) if isinstance(course, Canary) else None
    if step is None:
        return "promotion"
    weight = canary.weight_at(step, rollout)
    if weight > rollout.weight:
        return f"{share(weight)} of the traffic"
    return f"the next step ({share(step.weight)}), still at {share(weight)}"


def _after_stay(
    policy: Policy, rollout: Rollout, stay: Stay, proof: Promotion | None, now_ms: int
) -> Coming:
    course = rollout.course
    to = _to(rollout)
    early = policy.canary.early and isinstance(course, Canary)
    earliest_ms = now_ms if early else max(stay.since_ms + stay.step.hold_ms, now_ms)
    at_ms = opens_at_ms(policy.calendar, earliest_ms)
    closed = closed_because(policy.calendar, earliest_ms)
    waits = f" Then {closed}." if closed else ""
    if proof is not None and not proof.proven:
        last_ms = stay.since_ms + stay.step.max_hold_ms
        return Coming(
            f"{to.capitalize()}, once it is proven good; not yet: {proof.sentence}. Without proof "
            f"in {say_duration(max(last_ms - now_ms, 0))} it waits for a person.{waits}",
            at_ms,
        )
    return Coming(
        f"{to.capitalize()}, if it stays proven good until the hold is over.{waits}", at_ms
    )
