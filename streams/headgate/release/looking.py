"""Looking: judge a rollout at one moment and let its incidents follow the verdicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial

from msgspec.structs import replace

from headgate.judge.looks import Arm, Look
from headgate.judge.policy import Policy, Trigger
from headgate.judge.proofs import Remembered, assess
from headgate.judge.verdicts import Assessment, Memory
from headgate.measure.cells import Cell
from headgate.measure.windows import read_window, without_fresh
from headgate.release import incidents, misroutes, shares
from headgate.release.acting import act
from headgate.release.evidence import begin, settle_unheard, take_fresh
from headgate.release.freshness import Blindness
from headgate.release.rollouts import policy_of
from headgate.release.routing import answered_now, follow
from headgate.release.splits import weight_of
from headgate.release.state import Incident, ModelState, Rollout
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Verdict


def look_of(
    state: ModelState, rollout: Rollout, policy: Policy, now_ms: int, blind: Blindness
) -> Look:
    """What the proofs may see of the rollout now."""
    stable_is_live = weight_of(state, rollout.stable) > 0
    return Look(
        now_ms=now_ms,
        candidate=_arm(state, rollout, rollout.candidate, now_ms),
        stable=_arm(state, rollout, rollout.stable, now_ms) if stable_is_live else None,
        faults=policy.caller_faults.rules(),
        blind=blind.sentence,
        blind_because_lagging=blind.lagging,
        answered=answered_now(state, now_ms),
    )


def _arm(state: ModelState, rollout: Rollout, version: str, now_ms: int) -> Arm:
    def read(window_ms: int, since_revision: int, *, distributions: bool = True) -> Cell:
        return read_window(
            state.tables,
            version,
            now_ms=now_ms,
            window_ms=window_ms,
            from_ms=rollout.started_ms,
            since_revision=since_revision,
            distributions=distributions,
        )

    return Arm(
        version=version,
        window=partial(read, since_revision=rollout.first_revision),
        same_split=partial(read, since_revision=state.split_since_revision),
    )


def judge(
    state: ModelState, now_ms: int, blind: Blindness, *, brief: bool = False
) -> tuple[Mapping[str, Assessment], dict[str, Memory]]:
    """The verdicts of the running rollout and what to remember; nothing without a rollout."""
    policy = policy_of(state)
    if policy is None or state.rollout is None:
        return {}, {}
    seen = look_of(state, state.rollout, policy, now_ms, blind)
    known = Remembered(state.memories, state.evidence)
    return assess(policy, dataclasses.replace(seen, brief=brief), known)


def look(turn: Turn, state: ModelState, blind: Blindness) -> ModelState:
    """One look: verdicts, incidents, and the action whose deadline has come."""
    policy = policy_of(state)
    rollout = state.rollout
    if policy is None or rollout is None:
        tables = without_fresh(state.tables)
        return state if tables is state.tables else replace(state, tables=tables)
    if state.evidence is None:
        state = replace(state, evidence=begin(state, rollout, policy, turn.now_ms))
    state = settle_unheard(state, turn.now_ms)
    state = misroutes.follow(turn, state, state.tables.fresh)
    state = shares.follow(turn, state, state.tables.fresh)
    state = take_fresh(state, policy, look_of(state, rollout, policy, turn.now_ms, blind))
    state = follow(turn, state)
    assessments, memories = judge(state, turn.now_ms, blind, brief=not state.incidents)
    if memories != state.memories:
        state = replace(state, memories=memories)
    for trigger in policy.triggers:
        state = _follow(turn, state, trigger, assessments[trigger.name])
    return act(turn, state, policy, assessments)


def _follow(turn: Turn, state: ModelState, trigger: Trigger, seen: Assessment) -> ModelState:
    """Open and resolve the incidents of one trigger after its verdict."""
    if seen.verdict is Verdict.BREACH and not _of_trigger(state, trigger):
        state = incidents.open_breach(turn, state, trigger, seen)
    elif seen.cleared:
        for incident in _of_trigger(state, trigger):
            state = incidents.resolve(turn, state, incident, f"Over: {seen.sentence}")
    hold = incidents.find(state, AlertKind.OUTAGE_HOLD, trigger.name)
    if seen.hold and hold is None:
        state = incidents.open_hold(turn, state, trigger, seen)
    elif hold is not None and not seen.hold and seen.verdict in {Verdict.OK, Verdict.BREACH}:
        state = incidents.resolve(turn, state, hold, f"The hold is over: {seen.sentence}")
    return state


def _of_trigger(state: ModelState, trigger: Trigger) -> tuple[Incident, ...]:
    """The breaches of a trigger that are open in this rollout.

    One that led to a rollback belongs to an earlier rollout and waits for its routers; one that
    would have, in observe mode, is still this rollout's.
    """
    return tuple(
        incident
        for incident in state.incidents.values()
        if incident.kind is AlertKind.BREACH
        and incident.trigger == trigger.name
        and (incident.would_have or not incident.acted)
    )
