"""Requests about a rollout: start one, widen it, complete it."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.release import rollouts
from headgate.release.compatible import check_candidate, check_stable
from headgate.release.courses import blue_green, canary, comparing
from headgate.release.courses.brakes import (
    check_calendar,
    check_may_go_on,
    check_revision,
    running,
)
from headgate.release.courses.candidates import check_startable
from headgate.release.courses.course import BlueGreen, Experiment
from headgate.release.courses.going_on import called, end_incidents, share
from headgate.release.courses.starting import Asked, plan_of
from headgate.release.overriding import check_overrides, overridden
from headgate.release.refusals import RefusedError
from headgate.release.splits import check_share
from headgate.release.state import ModelState, Rollout
from headgate.release.taking_back import take_back
from headgate.release.turn import Turn
from headgate.wire.rollout_requests import Promote, SetWeight, StartRollout, StopTest


def start_rollout(turn: Turn, state: ModelState, request: StartRollout) -> tuple[ModelState, str]:
    """Give a candidate its first share beside the version in production."""
    request = request if request.stable else replace(request, stable=state.production)
    policy = _startable(state, request)
    despite = overridden(state, _candidates(request), request.operator)
    plan = plan_of(Asked(state, policy, request, turn.now_ms))
    if any(row.weight for row in plan.weights[:-1]):
        check_calendar(policy, turn.now_ms)
    state = rollouts.start(
        turn,
        state,
        plan.weights,
        operator=request.operator,
        kind=request.kind,
        course=plan.course,
    )
    return state, f"Started: {plan.sentence}{despite}"


def _startable(state: ModelState, request: StartRollout) -> Policy:
    """The policy that a rollout would be judged by. Raises `RefusedError` where none may begin."""
    model, policy = state.model, rollouts.policy_of(state)
    if not state.production or policy is None:
        raise RefusedError(
            f"{model} has no production version yet.",
            f"headgate adopt {model} {request.stable or 'VERSION'}",
        )
    if state.rollout is not None:
        raise RefusedError(
            f"The {called(state.rollout)} is running; one at a time per model.",
            f"{_ending(state.rollout, model)}, or {take_back(state)}",
        )
    if request.stable != state.production:
        raise RefusedError(
            f"{request.stable} is not in production; {state.production} is.",
            f"Leave --stable out, or say --stable {state.production}.",
        )
    if request.candidate == request.stable:
        raise RefusedError(
            f"{request.candidate} is in production already.", "Name another candidate."
        )
    for version in _candidates(request):
        check_startable(state, policy, version)
        check_candidate(state, version)
    again = "start it with"
    check_overrides(state, _candidates(request), request.overrides, again)
    return policy


def _ending(rollout: Rollout, model: str) -> str:
    course = rollout.course
    if isinstance(course, Experiment):
        return f"headgate ab stop {model}"
    to_cut_over = isinstance(course, BlueGreen) and course.stay is None
    return f"headgate rollout {'cutover' if to_cut_over else 'promote'} {model}"


def _candidates(request: StartRollout) -> tuple[str, ...]:
    arms = tuple(row.version for row in request.arms if row.version != request.stable)
    return arms or (request.candidate,)


def set_weight(turn: Turn, state: ModelState, request: SetWeight) -> tuple[ModelState, str]:
    """Another share for the candidate; more only where nothing forbids it."""
    rollout = running(state)
    check_revision(state, request)
    check_share(request.weight)
    if request.weight == rollout.weight:
        return state, f"{rollout.candidate} has {share(rollout.weight)} already."
    if isinstance(rollout.course, BlueGreen):
        raise RefusedError(
            "A blue-green rollout has no shares: green takes nothing or everything.",
            f"headgate rollout {'cutover' if rollout.course.stay is None else 'advance'} "
            f"{state.model}",
        )
    if isinstance(rollout.course, Experiment):
        raise RefusedError(
            "The shares of an A/B test are fixed: what was counted before would count for nothing.",
            f"headgate ab stop {state.model}, and start another",
        )
    policy = rollouts.policy_of(state)
    if request.weight > rollout.weight:
        check_may_go_on(state, policy, turn.now_ms)
        canary.check_is_no_promotion(state, request.weight)
        check_candidate(state, rollout.candidate)
    else:
        check_stable(state, rollout.stable)
    if policy is not None:
        state = canary.with_new_review(state, policy, request.weight, turn.now_ms)
        rollout = running(state)
    state = rollouts.reweigh(turn, state, rollout, request.weight, request.operator)
    return state, (
        f"{rollout.candidate} takes {share(request.weight)} of {state.model} "
        f"(it had {share(rollout.weight)})."
    )


def promote(turn: Turn, state: ModelState, request: Promote) -> tuple[ModelState, str]:
    """The candidate becomes the production version."""
    rollout, policy = running(state), rollouts.policy_of(state)
    check_revision(state, request)
    check_may_go_on(state, policy, turn.now_ms)
    if isinstance(rollout.course, BlueGreen) and rollout.course.stay is None:
        raise RefusedError(
            f"{rollout.candidate} has not taken over yet.",
            f"headgate rollout cutover {state.model}",
        )
    if isinstance(rollout.course, Experiment):
        raise RefusedError(
            "An A/B test ends with a winner, or without one.",
            f"headgate ab stop {state.model} --winner VERSION",
        )
    check_candidate(state, rollout.candidate)
    if isinstance(rollout.course, BlueGreen) and policy is not None:
        who, why = request.operator, f"{request.operator} asked for it"
        state = blue_green.go_on(turn, state, policy, rollout.course, operator=who, why=why)
    else:
        state = rollouts.promote(turn, state, rollout, request.operator)
        ended = f"{rollout.candidate} was promoted by {request.operator}."
        state = end_incidents(turn, state, ended)
    return state, (
        f"Promoted {rollout.candidate} to production of {state.model}; "
        f"{rollout.stable} is its previous version."
    )


def stop_test(turn: Turn, state: ModelState, request: StopTest) -> tuple[ModelState, str]:
    """End an A/B test: its winner is promoted, or stable serves everything again."""
    rollout = running(state)
    check_revision(state, request)
    if not isinstance(rollout.course, Experiment):
        raise RefusedError(
            f"No A/B test of {state.model} is running.", f"headgate status {state.model}"
        )
    policy = rollouts.policy_of(state)
    if policy is not None:
        state = comparing.with_final(state, rollout.course.comparing, policy, turn.now_ms)
    said = f" It said: {state.last_report.sentence}" if state.last_report is not None else ""
    ended = f"The A/B test was stopped by {request.operator}."
    if request.winner in {"", rollout.stable}:
        check_stable(state, rollout.stable)
        state = rollouts.stop(turn, state, rollout, request.operator)
        state = end_incidents(turn, state, ended)
        return state, f"Stopped the A/B test: {rollout.stable} serves everything again.{said}"
    if request.winner not in state.watched:
        arms = ", ".join((*state.watched, rollout.stable))
        raise RefusedError(f"{request.winner} is no arm of the test.", f"Its arms are: {arms}.")
    check_may_go_on(state, policy, turn.now_ms)
    check_candidate(state, request.winner)
    won = replace(rollout, candidate=request.winner)
    state = rollouts.promote(turn, state, won, request.operator)
    state = end_incidents(turn, state, ended)
    return state, f"Promoted {request.winner} to production of {state.model}.{said}"
