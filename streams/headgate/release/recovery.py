"""Recovery: do the routers obey? Acknowledgements, laggards and stale commands."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.durations import say_duration
from headgate.release import distrust, incidents
from headgate.release.resplits import resplit, settle
from headgate.release.routing import chosen_by, count_choices, told_before
from headgate.release.splits import Change, give_split, republish
from headgate.release.state import LIVE_ROUTER_MS, ModelState, Recovery, RouterState
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Severity
from headgate.wire.acks import Ack
from headgate.wire.control import Command

FORGET_ROUTER_MS = 3_600_000


def live_routers(state: ModelState, now_ms: int) -> dict[str, RouterState]:
    """The routers heard within 15 s of ledger time."""
    return {
        router_id: router
        for router_id, router in state.routers.items()
        if now_ms - router.heard_ms <= LIVE_ROUTER_MS
    }


def hear(turn: Turn, state: ModelState, ack: Ack) -> ModelState:
    """Take one acknowledgement in, and publish the split again where the router lacks it."""
    before = state.routers.get(ack.router_id)
    told = told_before(before, ack)
    chosen = chosen_by(told, ack)
    state = count_choices(state, before, told, chosen, turn.now_ms)
    refused = distrust.newly_refused(before, ack)
    routers = state.routers.copy()
    routers.pop(ack.router_id, None)
    if ack.state == "live":
        routers[ack.router_id] = RouterState(
            revision=ack.revision,
            heard_ms=turn.now_ms,
            started_at_ms=ack.started_at_ms,
            chosen=chosen,
            refused=ack.refused,
            refused_ms=turn.now_ms if refused else before.refused_ms if before else 0,
        )
    state = replace(state, routers=routers)
    if refused:
        state = distrust.follow(turn, state, ack, refused)
    if ack.state == "live" and state.command is not None:
        state = _mend(turn, state, ack)
    return check(turn, state)


def _mend(turn: Turn, state: ModelState, ack: Ack) -> ModelState:
    command = state.command
    if command is None:
        return state
    if ack.revision < command.revision:
        said = f"Router {ack.router_id} obeys revision {ack.revision}; sent the split again."
        return republish(turn, state, said)
    other = ack.decision_id and ack.decision_id != command.decision_id
    if other and ack.revision == command.revision:
        turn.audit(
            state.model,
            "republished",
            f"Router {ack.router_id} obeys another decision {ack.decision_id} under revision "
            f"{ack.revision}: the split goes out again under the next one.",
            decision_id=command.decision_id,
            revision=command.revision,
        )
        return _give_again(turn, state, command)
    return state


def _give_again(turn: Turn, state: ModelState, command: Command) -> ModelState:
    """The same split under the next revision; routers have no more time for it than they had."""
    before = state.recovery
    left_ms = None
    if before is not None and before.recover_by_ms is not None:
        left_ms = max(before.recover_by_ms - turn.now_ms, 0)
    change = Change(
        action=command.action,
        from_version=command.from_version,
        to_version=command.to_version,
        rollout_id=command.rollout_id,
        salt=command.salt,
        operator=command.operator,
        reasons=command.reasons,
        recovered_within_ms=left_ms,
    )
    state = resplit(give_split(turn, state, command.weights, change), turn.now_ms)
    if before is None or state.recovery is None:
        return state
    pending = replace(state.recovery, issued_ms=before.issued_ms, missed=before.missed)
    return replace(state, recovery=pending)


def check(turn: Turn, state: ModelState) -> ModelState:
    """Is the newest command obeyed by every live router; if not, is it overdue?"""
    recovery = state.recovery
    if recovery is None:
        return state
    live = live_routers(state, turn.now_ms)
    laggards = sorted(name for name, router in live.items() if router.revision < recovery.revision)
    if live and not laggards:
        return _recovered(turn, state, recovery, len(live))
    overdue = recovery.recover_by_ms is not None and turn.now_ms > recovery.recover_by_ms
    if overdue and not recovery.missed:
        return _missed(turn, state, recovery, laggards)
    return state


def _recovered(turn: Turn, state: ModelState, recovery: Recovery, routers: int) -> ModelState:
    took_ms = turn.now_ms - recovery.issued_ms
    who = "the one live router obeys" if routers == 1 else f"all {routers} live routers obey"
    sentence = f"Recovered: {who} revision {recovery.revision} after {say_duration(took_ms)}."
    turn.audit(
        state.model,
        "recovered",
        sentence,
        decision_id=recovery.decision_id,
        revision=recovery.revision,
        details={"took_ms": took_ms, "routers": routers},
    )
    ended = [
        incident
        for incident in state.incidents.values()
        if (incident.acted and not incident.would_have)
        or incident.kind is AlertKind.RECOVERY_MISSED
    ]
    state = incidents.resolve_all(turn, state, ended, sentence)
    return settle(replace(state, recovery=None), turn.now_ms)


def _missed(turn: Turn, state: ModelState, recovery: Recovery, laggards: list[str]) -> ModelState:
    took = say_duration(turn.now_ms - recovery.issued_ms)
    who = f"still on an older split: {', '.join(laggards)}" if laggards else "no router is heard"
    sentence = f"Revision {recovery.revision} is not obeyed after {took}; {who}."
    turn.audit(
        state.model,
        "recovery_missed",
        sentence,
        decision_id=recovery.decision_id,
        revision=recovery.revision,
        details={"laggards": laggards},
    )
    kind = AlertKind.RECOVERY_MISSED
    older = [kept for kept in state.incidents.values() if kept.kind is kind]
    state = incidents.resolve_all(
        turn, state, older, f"Over: revision {recovery.revision} took its place."
    )
    state = incidents.open_incident(
        turn,
        state,
        kind=kind,
        trigger="recovery",
        severity=Severity.CRITICAL,
        sentence=sentence,
        versions=(),
        numbers={"laggards": laggards, "revision": recovery.revision},
    )
    return replace(state, recovery=replace(recovery, missed=True))


def forget_routers(state: ModelState, now_ms: int) -> ModelState:
    """Without the routers that have not been heard of for an hour."""
    kept = {
        name: router
        for name, router in state.routers.items()
        if now_ms - router.heard_ms <= FORGET_ROUTER_MS
    }
    return state if len(kept) == len(state.routers) else replace(state, routers=kept)
