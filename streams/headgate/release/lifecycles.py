"""Lifecycles: on ticks, versions go on by themselves once their time has come.

Headgate orders what becomes of artifacts; it deletes nothing itself. In observe mode nothing is
taken: it is announced, and audited as what would have happened.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from headgate.registry.timeline import Life, due, plan, taken
from headgate.registry.tombstones import artifacts_of, bury, emptied
from headgate.release import notices
from headgate.release.changed import changed
from headgate.release.resplits import resplit
from headgate.release.splits import Change, give_split, weight_of, whole
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.release.versions import publish_versions
from headgate.vocabulary import Action, LifecycleStep, Mode, Status
from headgate.wire.registry import PlannedStep

CHECK_MS = 60_000
NEVER_MS = 2**53
_SHRINKS = {LifecycleStep.REMOVE: bury, LifecycleStep.DELETE_ARTIFACT: emptied}


def life_of(state: ModelState) -> Life:
    """The model's versions as the timeline looks at them."""
    rollout = (state.rollout.stable, state.rollout.candidate) if state.rollout else ()
    return Life(
        versions=state.versions,
        settings=state.lifecycle,
        previous=state.previous,
        busy=frozenset(name for name in (state.production, *rollout) if name),
        announced={key: notice.announced_ms for key, notice in state.notices.items()},
    )


def woken(before: ModelState | None, state: ModelState) -> ModelState:
    """Where versions changed, something else may be due: look at the next minute's check."""
    if before is None or before.versions is state.versions or not state.lifecycle_at_ms:
        return state
    return replace(state, lifecycle_at_ms=0)


def follow(turn: Turn, state: ModelState) -> ModelState:
    """Take what is due, announce what comes, and reckon when to look again."""
    if not state.versions or turn.now_ms < state.lifecycle_at_ms:
        return state
    before = state
    for step in due(life_of(state), turn.now_ms):
        state = _take(turn, state, step)
    ahead = plan(life_of(state), turn.now_ms)
    state = notices.follow(turn, state, ahead)
    publish_versions(turn, before, state)
    return replace(state, lifecycle_at_ms=_look_again_ms(state, ahead, turn.now_ms))


def _look_again_ms(state: ModelState, ahead: tuple[PlannedStep, ...], now_ms: int) -> int:
    moments = [NEVER_MS]
    for row in ahead:
        if row.at_ms is not None:
            moments += notices.moments(state, row, row.at_ms, now_ms)
    return max(min(moments), now_ms + CHECK_MS)


def _take(turn: Turn, state: ModelState, step: PlannedStep) -> ModelState:
    if state.mode is Mode.OBSERVE:
        return notices.would_have(turn, state, step)
    before, record = state, state.versions[step.version]
    served = record.status is Status.DEPRECATED or weight_of(state, step.version) > 0
    retires = step.step is LifecycleStep.ARCHIVE and served and state.production != ""
    if retires and _is_recovering(state):
        return state
    after = taken(record, step, turn.now_ms)
    state = replace(state, versions={**state.versions, step.version: after})
    if retires:
        state = _retire(turn, state, step)
    if step.step in {LifecycleStep.ARCHIVE, LifecycleStep.DELETE_ARTIFACT}:
        _order(turn, before, state, step)
    state = notices.done(turn, state, step)
    shrink = _SHRINKS.get(step.step)
    if shrink is None:
        return state
    return replace(state, catalogue=shrink(state.catalogue, step.version))


def _is_recovering(state: ModelState) -> bool:
    """Routers are still to obey a rollback in time: no other command may take its place."""
    recovery = state.recovery
    return recovery is not None and recovery.recover_by_ms is not None and not recovery.missed


def _retire(turn: Turn, state: ModelState, step: PlannedStep) -> ModelState:
    """Take a version out of the split and say so, for whoever runs its hosts to stop them."""
    held = weight_of(state, step.version) > 0
    weights = state.command.weights if state.command and not held else whole(state.production)
    change = Change(
        action=Action.RETIRE,
        from_version=step.version,
        to_version=state.production,
        rollout_id=state.rollout.rollout_id if state.rollout else "",
    )
    return resplit(give_split(turn, state, weights, change), turn.now_ms)


def _order(turn: Turn, before: ModelState, state: ModelState, step: PlannedStep) -> None:
    """Write the order about a version's artifacts to audit, and which command went with it."""
    command = state.command if state.command is not before.command else None
    artifacts = msgspec.to_builtins(list(artifacts_of(state.catalogue, step.version)))
    archives = step.step is LifecycleStep.ARCHIVE
    does, where = ("Move", "to cold") if archives else ("Delete", "from cold")
    turn.audit(
        state.model,
        "archive_artifact" if archives else "delete_artifact",
        f"{does} the artifacts of {state.model} {step.version} {where} storage: {step.why}.",
        decision_id=command.decision_id if command else "",
        revision=command.revision if command else None,
        **changed(before, state),
        details={
            "version": step.version,
            "artifacts": artifacts,
            "archived_ms": state.versions[step.version].archived_ms,
        },
    )
