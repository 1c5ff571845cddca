"""Coming: what Headgate does next with a rollout by itself, when, and what keeps it from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headgate.judge.calendar import closed_because, opens_at_ms, opens_words
from headgate.judge.durations import say_duration
from headgate.judge.policy import Policy
from headgate.judge.promoting import Promotion
from headgate.release.courses import blue_green, canary
from headgate.release.courses.brakes import forbidding, unfit
from headgate.release.courses.course import BlueGreen, Canary, Comparing, Experiment, Stay
from headgate.release.courses.going_on import share
from headgate.release.state import ModelState, Rollout


@dataclass(frozen=True, slots=True)
class Coming:
    """What Headgate does next by itself, and not before when; None where no time is known."""

    sentence: str
    at_ms: int | None = None


def coming_of(
    state: ModelState,
    policy: Policy | None,
    rollout: Rollout,
    proof: Promotion | None,
    now_ms: int,
    *,
    blind: bool,
) -> Coming:
    """What comes next. `proof` is what promotion lacks, `blind` whether telemetry is stale now."""
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
