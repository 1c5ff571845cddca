"""Operator requests: each is admitted with a sentence, or refused with one and a remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from headgate.judge.durations import say_duration
from headgate.judge.policy import PolicyError, digest_of, parse_policy
from headgate.registry.lifecycle import TransitionError
from headgate.release import incidents, rollouts
from headgate.release.evidence import new_phase
from headgate.release.state import Incident, ModelState, PolicyRecord, Rollout
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Mode
from headgate.wire.requests import (
    Adopt,
    AnyRequest,
    ApplyPolicy,
    Defer,
    Promote,
    Rollback,
    SetMode,
    SetWeight,
    StartRollout,
)


class RefusedError(ValueError):
    """A request that changes nothing: what happened, and what to do instead."""

    def __init__(self, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy


def answer(turn: Turn, state: ModelState, request: AnyRequest) -> ModelState:
    """Apply a request to its model and audit the outcome; a refusal changes nothing."""
    before = state
    made = len(turn.effects)
    try:
        _check_expiry(turn, request)
        state, sentence = _HANDLERS[type(request)](turn, state, request)
    except (RefusedError, TransitionError) as refusal:
        del turn.effects[made:]
        remedy = getattr(refusal, "remedy", f"headgate status {request.model}")
        turn.audit(request.model, "refused", str(refusal), remedy=remedy, **_who(request))
        return before
    rollouts.publish_versions(turn, before, state)
    changed = state.command is not before.command and state.command is not None
    turn.audit(
        request.model,
        "accepted",
        sentence,
        decision_id=state.command.decision_id if changed and state.command else "",
        revision=state.command.revision if changed and state.command else None,
        **_who(request),
    )
    return state


def _who(request: AnyRequest) -> dict[str, Any]:
    return {
        "request_id": request.request_id,
        "request_type": type(request).__struct_config__.tag,
        "operator": request.operator,
        "operator_reason": request.reason,
    }


def _check_expiry(turn: Turn, request: AnyRequest) -> None:
    if request.expires_at_ms is not None and turn.now_ms > request.expires_at_ms:
        late = say_duration(turn.now_ms - request.expires_at_ms)
        raise RefusedError(f"The request expired {late} before it arrived.", "Send it again.")


def _rollout(state: ModelState) -> Rollout:
    if state.rollout is None:
        raise RefusedError(
            f"{state.model} has no running rollout.",
            f"headgate rollout start {state.model} --stable ... --candidate ... --weight ...",
        )
    return state.rollout


def _adopt(turn: Turn, state: ModelState, request: Adopt) -> tuple[ModelState, str]:
    if state.production == request.version:
        raise RefusedError(f"{state.production} is in production already.", "Nothing to do.")
    if state.production:
        raise RefusedError(
            f"{state.model} has {state.production} in production already; adopt is for the first.",
            f"headgate rollout start {state.model} --stable {state.production} "
            f"--candidate {request.version} --weight 500",
        )
    if request.policy is not None:
        state = replace(state, policy=_policy(request.policy))
    if state.policy is None:
        raise RefusedError(
            f"{state.model} has no policy to be judged by.",
            f"headgate adopt {state.model} {request.version} --policy FILE",
        )
    state = rollouts.adopt(turn, state, request.version, request.operator)
    return state, (
        f"Adopted {request.version} as the production version of {state.model}, "
        f"judged by policy {state.policy.name if state.policy else ''}."
    )


def _policy(content: dict[str, Any]) -> PolicyRecord:
    try:
        policy = parse_policy(content)
    except PolicyError as error:
        raise RefusedError(
            f"The policy does not hold together: {error}.",
            "Mend the file and apply it again; the old policy stays in force.",
        ) from error
    return PolicyRecord(name=policy.name, digest=digest_of(content), content=content)


def _apply_policy(turn: Turn, state: ModelState, request: ApplyPolicy) -> tuple[ModelState, str]:
    record = _policy(request.policy)
    if state.policy is not None and state.policy.digest == record.digest:
        return state, f"Policy {record.name} ({record.digest}) is in force already."
    known = {trigger.name for trigger in parse_policy(record.content).triggers}
    gone = [kept for kept in state.incidents.values() if _is_gone(kept, known)]
    state = incidents.resolve_all(turn, state, gone, f"Policy {record.name} has no such trigger.")
    memories = {name: kept for name, kept in state.memories.items() if name in known}
    state = replace(state, policy=record, memories=memories)
    state = new_phase(state, parse_policy(record.content), turn.now_ms)
    return state, (f"Policy {record.name} ({record.digest}) is in force for {state.model}.")


def _is_gone(incident: Incident, known: set[str]) -> bool:
    of_a_trigger = incident.kind in {AlertKind.BREACH, AlertKind.OUTAGE_HOLD}
    return of_a_trigger and not incident.acted and incident.trigger not in known


def _start_rollout(turn: Turn, state: ModelState, request: StartRollout) -> tuple[ModelState, str]:
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


def _share(weight: int) -> str:
    return f"{weight / 100:g} %"


def _set_weight(turn: Turn, state: ModelState, request: SetWeight) -> tuple[ModelState, str]:
    rollout = _rollout(state)
    if request.weight == rollout.weight:
        return state, f"{rollout.candidate} has {_share(rollout.weight)} already."
    if request.weight > rollout.weight:
        _check_nothing_forbids_more(state)
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


def _promote(turn: Turn, state: ModelState, request: Promote) -> tuple[ModelState, str]:
    rollout = _rollout(state)
    _check_nothing_forbids_more(state)
    state = rollouts.promote(turn, state, rollout, request.operator)
    state = _end_incidents(turn, state, f"{rollout.candidate} was promoted by {request.operator}.")
    return state, (
        f"Promoted {rollout.candidate} to production of {state.model}; "
        f"{rollout.stable} is its previous version."
    )


def _rollback(turn: Turn, state: ModelState, request: Rollback) -> tuple[ModelState, str]:
    policy = rollouts.policy_of(state)
    if state.rollout is not None:
        bad, target = state.rollout.candidate, state.rollout.stable
    else:
        bad, target = state.production, state.previous
    if not bad or not target or policy is None:
        raise RefusedError(
            f"{state.model} has nothing to roll back to: no rollout runs and no previous "
            "version is known.",
            f"headgate status {state.model}",
        )
    state = rollouts.roll_back(
        turn,
        state,
        bad=bad,
        target=target,
        reasons=(),
        recovered_within_ms=policy.recovered_within,
        operator=request.operator,
    )
    state = _end_incidents(turn, state, f"{bad} was rolled back by {request.operator}.")
    return state, f"Rolled {state.model} back from {bad} to {target}."


def _end_incidents(turn: Turn, state: ModelState, sentence: str) -> ModelState:
    of_rollout = {AlertKind.BREACH, AlertKind.OUTAGE_HOLD, AlertKind.NO_ROLLBACK_TARGET}
    ended = [kept for kept in state.incidents.values() if kept.kind in of_rollout]
    return incidents.resolve_all(turn, state, ended, sentence)


def _defer(turn: Turn, state: ModelState, request: Defer) -> tuple[ModelState, str]:
    incident = state.incidents.get(request.alert_id)
    if incident is None:
        raise RefusedError(
            f"No open alert has the id {request.alert_id}.", f"headgate status {state.model}"
        )
    if incident.deadline_ms is None or incident.acted:
        raise RefusedError(f"{request.alert_id} has no deadline to put off.", "Nothing to do.")
    if incident.deferred:
        raise RefusedError(
            f"{request.alert_id} was put off before; once is all there is.",
            f"headgate rollout rollback {state.model}, or let the deadline come",
        )
    if incident.deadline_ms <= incident.opened_ms:
        raise RefusedError(
            f"{request.alert_id} acts at once and cannot be put off.",
            f"headgate mode {state.model} observe, before the breach",
        )
    if not request.reason:
        raise RefusedError("Putting a deadline off needs a reason.", "Add --reason '...'.")
    state = incidents.defer(turn, state, incident, request.minutes, request.reason)
    return state, f"Put the deadline of {request.alert_id} off by {request.minutes} min."


def _set_mode(turn: Turn, state: ModelState, request: SetMode) -> tuple[ModelState, str]:
    """Back in enforce mode, breaches that were only observed open anew, with new deadlines."""
    if request.mode is Mode.ENFORCE and state.mode is Mode.OBSERVE:
        observed = [kept for kept in state.incidents.values() if kept.kind is AlertKind.BREACH]
        state = incidents.resolve_all(turn, state, observed, "Headgate enforces again.")
    does = "judges and acts" if request.mode is Mode.ENFORCE else "judges and does not act"
    return replace(state, mode=request.mode), f"Headgate {does} on {state.model}."


_HANDLERS: dict[type, Callable[[Turn, ModelState, Any], tuple[ModelState, str]]] = {
    Adopt: _adopt,
    ApplyPolicy: _apply_policy,
    StartRollout: _start_rollout,
    SetWeight: _set_weight,
    Promote: _promote,
    Rollback: _rollback,
    Defer: _defer,
    SetMode: _set_mode,
}
