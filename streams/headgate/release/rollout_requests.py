"""Requests about a rollout: start one, widen it, complete it, go back."""

from __future__ import annotations

from headgate.release import incidents, rollouts
from headgate.release.compatible import check_candidate, choose_target
from headgate.release.refusals import RefusedError
from headgate.release.state import ModelState, Rollout
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Mode
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
    state = rollouts.start(
        turn,
        state,
        stable=request.stable,
        candidate=request.candidate,
        weight=request.weight,
        operator=request.operator,
    )
    return state, (
        f"Started: {request.candidate} takes {_share(request.weight)} of {model}, "
        f"{request.stable} the rest."
    )


def set_weight(turn: Turn, state: ModelState, request: SetWeight) -> tuple[ModelState, str]:
    """Another share for the candidate; more only where nothing forbids it."""
    rollout = _running(state)
    if request.weight == rollout.weight:
        return state, f"{rollout.candidate} has {_share(rollout.weight)} already."
    if request.weight > rollout.weight:
        _check_nothing_forbids_more(state)
        check_candidate(state, rollout.candidate)
    state = rollouts.reweigh(turn, state, rollout, request.weight, request.operator)
    return state, (
        f"{rollout.candidate} takes {_share(request.weight)} of {state.model} "
        f"(it had {_share(rollout.weight)})."
    )


def _check_nothing_forbids_more(state: ModelState) -> None:
    """An open critical incident or a hold forbids more traffic while Headgate enforces."""
    if state.mode is Mode.OBSERVE:
        return
    for incident in state.incidents.values():
        critical_breach = incident.kind is AlertKind.BREACH and incident.deadline_ms is not None
        if critical_breach or incident.kind is AlertKind.OUTAGE_HOLD:
            raise RefusedError(
                f"Alert {incident.alert_id} forbids more traffic: {incident.sentence}",
                f"headgate rollout rollback {state.model}, or wait until the alert is resolved",
            )


def promote(turn: Turn, state: ModelState, request: Promote) -> tuple[ModelState, str]:
    """The candidate becomes the production version."""
    rollout = _running(state)
    _check_nothing_forbids_more(state)
    check_candidate(state, rollout.candidate)
    state = rollouts.promote(turn, state, rollout, request.operator)
    state = _end_incidents(turn, state, f"{rollout.candidate} was promoted by {request.operator}.")
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
    state = _end_incidents(turn, state, f"{bad} was rolled back by {request.operator}.")
    return state, f"Rolled {state.model} back from {bad} to {target.version}. {target.because}"


def _end_incidents(turn: Turn, state: ModelState, sentence: str) -> ModelState:
    of_rollout = {
        AlertKind.BREACH,
        AlertKind.OUTAGE_HOLD,
        AlertKind.NO_ROLLBACK_TARGET,
        AlertKind.UNEVEN_COMPLETENESS,
        AlertKind.MISROUTED,
        AlertKind.SHARE_OFF,
    }
    ended = [kept for kept in state.incidents.values() if kept.kind in of_rollout]
    return incidents.resolve_all(turn, state, ended, sentence)


def _running(state: ModelState) -> Rollout:
    if state.rollout is None:
        raise RefusedError(
            f"{state.model} has no running rollout.",
            f"headgate rollout start {state.model} --stable ... --candidate ... --weight ...",
        )
    return state.rollout


def _share(weight: int) -> str:
    return f"{weight / 100:g} %"
