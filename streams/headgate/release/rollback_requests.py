"""Requests to roll back: the candidate, an arm of a test, or the version in production."""

from __future__ import annotations

import shlex

from headgate.judge.durations import say_duration
from headgate.judge.listing import listed
from headgate.judge.policy import Policy
from headgate.release import incidents, rollouts
from headgate.release.compatible import Target, choose_target
from headgate.release.courses.experiment import take_out
from headgate.release.courses.going_on import end_incidents
from headgate.release.overriding import check_overrides, overridden
from headgate.release.refusals import RefusedError
from headgate.release.reversing import roll_back
from headgate.release.state import ModelState, Rollout
from headgate.release.taking_back import despite_rollback, take_back
from headgate.release.turn import Turn
from headgate.vocabulary import HEADGATE, Action
from headgate.wire.rollout_requests import Rollback


def rollback(turn: Turn, state: ModelState, request: Rollback) -> tuple[ModelState, str]:
    """All traffic from what is on trial, or from one arm of several, or back to the previous
    version.
    """
    rollout = state.rollout
    if rollout is None:
        return _from_production(turn, state, request)
    on_trial = tuple(state.watched) or (rollout.candidate,)
    if request.version not in {"", *on_trial}:
        raise _not_on_trial(state, request.version)
    bad = request.version or on_trial[0]
    target = choose_target(state, bad, rollout.stable, by_hand=True)
    if request.version and len(on_trial) > 1 and target.version == rollout.stable:
        return _arm(turn, state, rollout, request)
    also = () if request.version else on_trial[1:]
    return _all(turn, state, (bad, *also), target, request)


def _from_production(turn: Turn, state: ModelState, request: Rollback) -> tuple[ModelState, str]:
    bad, usual = state.production, state.previous
    if not bad or not usual:
        raise _nothing_to_go_back_to(state)
    if not request.version:
        raise _unnamed(turn, state)
    if request.version != bad:
        raise _not_on_trial(state, request.version)
    check_overrides(
        state, (usual,), request.overrides, take_back(state), role=", the previous version,"
    )
    target = choose_target(state, bad, usual, by_hand=True)
    despite = overridden(state, (target.version,), request.operator)
    state, sentence = _all(turn, state, (bad,), target, request)
    return state, f"{sentence}{despite}"


def _all(
    turn: Turn,
    state: ModelState,
    versions: tuple[str, ...],
    target: Target,
    request: Rollback,
) -> tuple[ModelState, str]:
    bad, *also = versions
    state = roll_back(
        turn,
        state,
        bad=bad,
        also=tuple(also),
        target=target.version,
        reasons=(),
        recovered_within_ms=_policy(state).recovered_within,
        operator=request.operator,
    )
    names, were = listed(versions), "were" if also else "was"
    state = end_incidents(turn, state, f"{names} {were} rolled back by {request.operator}.")
    return state, f"Rolled {state.model} back from {names} to {target.version}. {target.because}"


def _arm(
    turn: Turn, state: ModelState, rollout: Rollout, request: Rollback
) -> tuple[ModelState, str]:
    """One arm of several goes, as after a proven breach; the others go on."""
    bad, policy = request.version, _policy(state)
    state = take_out(
        turn,
        state,
        rollout,
        policy,
        bad,
        recovered_within_ms=policy.recovered_within,
        operator=request.operator,
    )
    its_own = [row for row in state.incidents.values() if row.version == bad and not row.acted]
    state = incidents.resolve_all(
        turn, state, its_own, f"{bad} was taken out by {request.operator}."
    )
    return state, (
        f"Took {bad} out of the A/B test of {state.model}, its share goes to {rollout.stable}. "
        "The others are compared anew."
    )


def _policy(state: ModelState) -> Policy:
    policy = rollouts.policy_of(state)
    if policy is None:
        raise _nothing_to_go_back_to(state)
    return policy


def _nothing_to_go_back_to(state: ModelState) -> RefusedError:
    return RefusedError(
        f"{state.model} has nothing to roll back to: no rollout runs and no previous "
        "version is known.",
        f"headgate status {state.model}",
    )


def _unnamed(turn: Turn, state: ModelState) -> RefusedError:
    """Who names nothing means what is on trial: somebody may have taken that back already."""
    bad, usual = state.production, state.previous
    return RefusedError(
        f"No rollout of {state.model} runs: {bad} serves everything, and a rollback would go on to "
        f"{usual}.{_last_rollback(turn, state)}",
        f"{despite_rollback(state)}, if {bad} is to go",
    )


def _last_rollback(turn: Turn, state: ModelState) -> str:
    """Who took what back, where nothing was commanded since."""
    command = state.command
    if command is None or command.action is not Action.ROLLBACK:
        return ""
    by = command.operator or HEADGATE.capitalize()
    decided = command.decision_id
    names = [name for name, known in state.rolled_back_by.items() if known == decided]
    ago = say_duration(turn.now_ms - command.issued_at_ms)
    return f" {by} rolled {listed(names) or command.from_version} back {ago} ago ({decided})."


def _not_on_trial(state: ModelState, version: str) -> RefusedError:
    """Raised for a version that is not what would be taken back."""
    decision = state.rolled_back_by.get(version, "")
    how = f"was rolled back already, by decision {decision}" if decision else "is not on trial"
    names = list(state.watched) if state.rollout is not None else [state.production]
    commands = listed([take_back(state, name) for name in names], "or")
    return RefusedError(
        f"{version} {how}; this would take {listed(names)} back.",
        f"headgate status {shlex.quote(state.model)}; if {listed(names, 'or')} is to go too: "
        f"{commands}",
    )
