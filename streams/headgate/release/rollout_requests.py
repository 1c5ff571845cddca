"""Requests about a rollout: start one, widen it, complete it, go back."""

from __future__ import annotations

from headgate.release import rollouts
from headgate.release.compatible import check_candidate, choose_target
from headgate.release.courses.brakes import check_nothing_forbids, check_revision, running
from headgate.release.courses.course import BlueGreen
from headgate.release.courses.going_on import end_incidents, share
from headgate.release.courses.starting import plan_of
from headgate.release.refusals import RefusedError
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.wire.requests import Promote, Rollback, SetWeight, StartRollout


def start_rollout(turn: Turn, state: ModelState, request: StartRollout) -> tuple[ModelState, str]:
    """Give a candidate its first share beside the version in production."""
    model = state.model
    if not state.production or state.policy is None:
        raise RefusedError(
            f"{model} has no production version yet.",
            f"headgate adopt {model} {request.stable}",
        )
    if state.rollout is not None:
        raise RefusedError(
            f"A rollout of {state.rollout.candidate} is running; one at a time per model.",
            f"headgate rollout promote {model}, or headgate rollout rollback {model}",
        )
    if request.stable != state.production:
        raise RefusedError(
            f"{request.stable} is not in production; {state.production} is.",
            f"headgate rollout start {model} --stable {state.production} "
            f"--candidate {request.candidate} --weight {request.weight}",
        )
    if request.candidate == request.stable:
        raise RefusedError(
            f"{request.candidate} is in production already.", "Name another candidate."
        )
    check_candidate(state, request.candidate)
    _check_overrides(state, request)
    policy = rollouts.policy_of(state)
    if policy is None:
        raise RefusedError(f"{model} has no policy.", f"headgate policy apply {model} FILE")
    plan = plan_of(policy, request, turn.now_ms)
    state = rollouts.start(
        turn,
        state,
        stable=request.stable,
        candidate=request.candidate,
        weight=plan.weight,
        operator=request.operator,
        kind=request.kind,
        course=plan.course,
    )
    return state, f"Started: {plan.sentence}"


def _check_overrides(state: ModelState, request: StartRollout) -> None:
    """A version that was rolled back from starts again only if somebody names that decision."""
    decision = state.rolled_back_by.get(request.candidate, "")
    if decision == request.overrides:
        return
    if not decision:
        raise RefusedError(
            f"{request.candidate} was not rolled back by {request.overrides}.",
            "Leave --overrides out.",
        )
    raise RefusedError(
        f"{request.candidate} was rolled back by decision {decision}.",
        f"headgate explain {decision}; to try it again all the same, start it with "
        f"--overrides {decision}",
    )


def set_weight(turn: Turn, state: ModelState, request: SetWeight) -> tuple[ModelState, str]:
    """Another share for the candidate; more only where nothing forbids it."""
    rollout = running(state)
    if request.weight == rollout.weight:
        return state, f"{rollout.candidate} has {share(rollout.weight)} already."
    check_revision(state, request)
    if isinstance(rollout.course, BlueGreen):
        raise RefusedError(
            "A blue-green rollout has no shares: green takes nothing or everything.",
            f"headgate rollout advance {state.model}",
        )
    if request.weight > rollout.weight:
        check_nothing_forbids(state)
    state = rollouts.reweigh(turn, state, rollout, request.weight, request.operator)
    return state, (
        f"{rollout.candidate} takes {share(request.weight)} of {state.model} "
        f"(it had {share(rollout.weight)})."
    )


def promote(turn: Turn, state: ModelState, request: Promote) -> tuple[ModelState, str]:
    """The candidate becomes the production version."""
    rollout = running(state)
    check_revision(state, request)
    check_nothing_forbids(state)
    if isinstance(rollout.course, BlueGreen) and rollout.course.stay is None:
        raise RefusedError(
            f"{rollout.candidate} has not taken over yet.",
            f"headgate rollout advance {state.model}",
        )
    state = rollouts.promote(turn, state, rollout, request.operator)
    state = end_incidents(turn, state, f"{rollout.candidate} was promoted by {request.operator}.")
    return state, (
        f"Promoted {rollout.candidate} to production of {state.model}; "
        f"{rollout.stable} is its previous version."
    )


def rollback(turn: Turn, state: ModelState, request: Rollback) -> tuple[ModelState, str]:
    """All traffic from the candidate, or back to the previous version."""
    policy = rollouts.policy_of(state)
    if state.rollout is not None:
        bad, usual = state.rollout.candidate, state.rollout.stable
    else:
        bad, usual = state.production, state.previous
    if not bad or not usual or policy is None:
        raise RefusedError(
            f"{state.model} has nothing to roll back to: no rollout runs and no previous "
            "version is known.",
            f"headgate status {state.model}",
        )
    known = state.versions.get(usual)
    if state.rollout is None and known is not None and known.rolled_back:
        raise RefusedError(
            f"{usual} is the previous version, but it was rolled back from.",
            f"headgate lifecycle plan {state.model}, and start a rollout of another version",
        )
    target = choose_target(state, bad, usual, by_hand=True)
    state = rollouts.roll_back(
        turn,
        state,
        bad=bad,
        target=target.version,
        reasons=(),
        recovered_within_ms=policy.recovered_within,
        operator=request.operator,
    )
    state = end_incidents(turn, state, f"{bad} was rolled back by {request.operator}.")
    return state, f"Rolled {state.model} back from {bad} to {target.version}. {target.because}"
