"""Requests about a rollout's course: pause it, go on, report a check."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.release.alert_commands import check_command
from headgate.release.compatible import check_candidate
from headgate.release.courses import blue_green, canary, comparing, standby
from headgate.release.courses.brakes import check_may_go_on, check_revision, running
from headgate.release.courses.course import BlueGreen, Check, Course, Experiment
from headgate.release.courses.following import WAYS, pause
from headgate.release.courses.going_on import called, end_waiting, share
from headgate.release.courses.reviewing import objection_of
from headgate.release.early import proof_now
from headgate.release.refusals import RefusedError
from headgate.release.rollouts import policy_of
from headgate.release.state import ModelState, Rollout
from headgate.release.taking_back import take_back
from headgate.release.turn import Turn
from headgate.release.watched import evidence_of
from headgate.wire.rollout_requests import (
    Advance,
    Pause,
    ReportCheck,
    Resume,
    Skip,
    SplitRequest,
)


def pause_rollout(turn: Turn, state: ModelState, request: Pause) -> tuple[ModelState, str]:
    """Nothing advances any more; breaches are still acted on."""
    rollout = running(state)
    if rollout.paused is not None:
        raise RefusedError(
            f"The {called(rollout)} is paused by {rollout.paused.by} already.",
            f"headgate rollout resume {state.model}",
        )
    state = pause(turn, state, request.operator, request.reason)
    return state, (
        f"Paused the {called(rollout)}{_at(rollout)}; a proven breach is still rolled back."
    )


def _at(rollout: Rollout) -> str:
    return "" if isinstance(rollout.course, Experiment) else f" at {share(rollout.weight)}"


def resume_rollout(turn: Turn, state: ModelState, request: Resume) -> tuple[ModelState, str]:
    """Go on where it stood. One that waited for a person gets its hold once more, and a review that
    was void begins anew.
    """
    rollout = running(state)
    stay = rollout.course.stay if rollout.course is not None else None
    waits = stay is not None and stay.waits
    if rollout.paused is None and not waits:
        raise RefusedError(
            f"The {called(rollout)} is not paused.", f"headgate status {state.model}"
        )
    if rollout.course is not None and stay is not None:
        since_ms = turn.now_ms
        if rollout.paused is not None and not waits:
            since_ms = stay.since_ms + turn.now_ms - rollout.paused.since_ms
        fresh = replace(stay, since_ms=since_ms, unknown_since_ms=None, waits="")
        rollout = replace(rollout, course=replace(rollout.course, stay=fresh))
    state = replace(state, rollout=replace(rollout, paused=None))
    policy, review = policy_of(state), stay.review if stay is not None else None
    if policy is not None and review is not None and review.void:
        state = canary.with_new_review(
            state,
            policy,
            rollout.weight,
            turn.now_ms,
            first_revision=review.test.first_revision,
        )
    if not isinstance(rollout.course, Experiment):  # a test that is decided waits to be stopped
        state = end_waiting(turn, state, f"Resumed by {request.operator}.")
    return state, f"Resumed the {called(rollout)}{_at(rollout)}."


def advance(turn: Turn, state: ModelState, request: Advance) -> tuple[ModelState, str]:
    """The next step before its time, if all that is required is proven good and no check or review
    speaks against it.
    """
    rollout, policy, course = _on_course(turn, state, request)
    evidence = evidence_of(state)
    if course.stay is not None and course.stay.unknown_since_ms is not None:
        raise RefusedError(
            f"What {rollout.candidate} does is unknown now, so nothing is proven: too little of it "
            "is heard yet, or telemetry is missing.",
            f"Wait, or mend the telemetry (headgate status {state.model} says which), or headgate "
            f"rollout skip {state.model} --reason '...'",
        )
    if course.stay is not None and evidence is not None:
        proof = proof_now(state, policy, evidence, turn.now_ms)
        if not proof.proven:
            raise RefusedError(
                f"{rollout.candidate} is not proven good: {proof.sentence}.",
                f"Wait for the proof, or headgate rollout skip {state.model} --reason '...'",
            )
    if failed := blue_green.failing(policy.blue_green, course):
        raise RefusedError(
            f"{rollout.candidate} fails checks since it took over: {', '.join(failed.values())}.",
            f"{check_command(state.model, rollout.candidate, *failed)}, or headgate rollout "
            f"skip {state.model} --reason '...'",
        )
    if against := objection_of(comparing.of_rollout(state), rollout.candidate):
        raise RefusedError(
            f"{rollout.candidate} may not go on: {against}.",
            f"headgate rollout skip {state.model} --reason '...', or {take_back(state)}",
        )
    return _go_on(turn, state, policy, request.operator, "asked for it")


def skip(turn: Turn, state: ModelState, request: Skip) -> tuple[ModelState, str]:
    """The next step without proof, for which a person answers."""
    _, policy, _ = _on_course(turn, state, request)
    if not request.reason:
        raise RefusedError("Going on without proof needs a reason.", "Add --reason '...'.")
    return _go_on(turn, state, policy, request.operator, "skipped the proof")


def _on_course(
    turn: Turn, state: ModelState, request: SplitRequest
) -> tuple[Rollout, Policy, Course]:
    """What may go on now. Raises `RefusedError`."""
    rollout, policy = running(state), policy_of(state)
    check_revision(state, request)
    if isinstance(request, Advance) and request.cutover:
        blue_green.check_is_cutover(state, turn.now_ms)
    course = rollout.course
    if course is None or policy is None or type(course) not in WAYS:
        raise _no_steps(state.model, course)
    check_may_go_on(state, policy, turn.now_ms)
    check_candidate(state, rollout.candidate)
    if isinstance(course, BlueGreen) and course.stay is None:
        blue_green.check_may_cut_over(state, policy, course, turn.now_ms)
    return rollout, policy, course


def _no_steps(model: str, course: Course | Experiment | None) -> RefusedError:
    if isinstance(course, Experiment):
        return RefusedError(
            "An A/B test has no steps: its shares are fixed until it is stopped.",
            f"headgate ab report {model}, then headgate ab stop {model}",
        )
    return RefusedError(
        "A rollout by hand has no steps.",
        f"headgate rollout set-weight {model} BASIS_POINTS, or promote",
    )


def _go_on(
    turn: Turn, state: ModelState, policy: Policy, operator: str, did: str
) -> tuple[ModelState, str]:
    rollout, settings = running(state), policy.blue_green
    cuts_over = isinstance(rollout.course, BlueGreen) and rollout.course.stay is None
    if rollout.course is not None:
        way = WAYS[type(rollout.course)]
        why = f"{operator} {did}"
        state = way.go_on(turn, state, policy, rollout.course, operator=operator, why=why)
    if state.rollout is None:
        return state, f"Promoted {rollout.candidate} to production of {state.model}."
    said = f"{rollout.candidate} takes {share(state.rollout.weight)} of {state.model}."
    if not cuts_over:
        return state, said
    return state, f"{said} {standby.keeping(state.model, rollout.stable, settings)}."


def report_check(turn: Turn, state: ModelState, request: ReportCheck) -> tuple[ModelState, str]:
    """Keep what somebody found of green, or of blue."""
    policy = policy_of(state)
    if policy is None:
        raise RefusedError(f"{state.model} has no policy.", f"headgate adopt {state.model} ...")
    settings = policy.blue_green
    if request.check not in settings.known_checks:
        raise RefusedError(
            f"Policy {policy.name} names no check {request.check}.",
            f"It names: {', '.join(settings.known_checks)}.",
        )
    seen = Check(
        passed=request.passed, at_ms=turn.now_ms, by=request.operator, detail=request.detail
    )
    said = "passed" if request.passed else "failed"
    sentence = f"{request.check} of {state.model} {request.version} {said}."
    if request.check != settings.ready_check:
        return blue_green.report(state, request, seen), sentence
    state, more = standby.report(turn, state, request, seen)
    return state, sentence + more
