"""Reversing: traffic is taken back from a version, all of it or one arm of several."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.registry.lifecycle import VersionRecord
from headgate.release import measuring
from headgate.release.courses.cold import warn_if_cold
from headgate.release.resplits import resplit
from headgate.release.seating import demote, demote_others, unseat
from headgate.release.splits import Change, give_split, whole
from headgate.release.state import ModelState, Rollout
from headgate.release.turn import Turn
from headgate.release.versions import set_status
from headgate.vocabulary import Action, Status
from headgate.wire.control import Because


def roll_back(
    turn: Turn,
    state: ModelState,
    *,
    bad: str,
    also: tuple[str, ...] = (),
    target: str,
    reasons: tuple[Because, ...],
    recovered_within_ms: int,
    operator: str = "",
) -> ModelState:
    """All traffic to `target`, which whoever chose it thereby clears; `bad`, and what goes `also`,
    is no automatic target until somebody clears it.
    """
    before = state
    change = Change(
        action=Action.ROLLBACK,
        from_version=bad,
        to_version=target,
        rollout_id=state.rollout.rollout_id if state.rollout else "",
        operator=operator,
        reasons=reasons,
        recovered_within_ms=recovered_within_ms,
    )
    for name in (bad, *also, target):
        state = measuring.record(state, name, least=measuring.ENOUGH)
    for name in (bad, *also):
        state = _mark_rolled_back(turn, state, name, operator)
    state = unseat(turn, state, operator, f"its rollout ended with the rollback from {bad}")
    if target != state.production:
        passed_over = {state.production, state.previous} - {bad, target}
        state = demote(turn, state, passed_over, operator, f"passed over for {target}")
        why = f"rolled back to from {bad}"
        state = set_status(turn, state, target, Status.PRODUCTION, by=operator, why=why)
        record = replace(state.versions[target], replaced_ms=0, not_before_ms=0, rolled_back=False)
        state = replace(state, versions={**state.versions, target: record}, production=target)
        state = replace(state, previous=_earlier(state, bad, passed_over))
        state = demote_others(turn, state, operator)
    state = give_split(turn, state, whole(target), change)
    decision = state.command.decision_id if state.command else ""
    kept = {name: by for name, by in state.rolled_back_by.items() if name != target}
    marked = {**kept, **dict.fromkeys((bad, *also), decision)}
    state = replace(state, rollout=None, watched={}, rolled_back_by=marked)
    return warn_if_cold(turn, before, state, target)


def drop(
    turn: Turn,
    state: ModelState,
    rollout: Rollout,
    bad: str,
    *,
    reasons: tuple[Because, ...],
    recovered_within_ms: int,
    operator: str = "",
) -> ModelState:
    """One of several candidates gives its share to stable; the others keep theirs."""
    rows = state.command.weights if state.command else ()
    freed = sum(row.weight for row in rows if row.version == bad)
    weights = tuple(
        replace(row, weight=row.weight + freed) if row.version == rollout.stable else row
        for row in rows
        if row.version != bad
    )
    change = Change(
        action=Action.ROLLBACK,
        from_version=bad,
        to_version=rollout.stable,
        rollout_id=rollout.rollout_id,
        operator=operator,
        reasons=reasons,
        recovered_within_ms=recovered_within_ms,
    )
    state = _mark_rolled_back(turn, state, bad, operator)
    state = give_split(turn, state, weights, change)
    decision = state.command.decision_id if state.command else ""
    left = {name: kept for name, kept in state.watched.items() if name != bad}
    rollout = replace(rollout, candidate=weights[0].version, weight=weights[0].weight)
    state = replace(
        state,
        rollout=rollout,
        watched=left,
        rolled_back_by={**state.rolled_back_by, bad: decision},
    )
    return resplit(state, turn.now_ms)


def _mark_rolled_back(turn: Turn, state: ModelState, bad: str, operator: str) -> ModelState:
    after = Status.DEPRECATED if bad == state.production else Status.STAGING
    state = set_status(turn, state, bad, after, by=operator, why="rolled back from")
    marked: VersionRecord = replace(state.versions[bad], rolled_back=True)
    return replace(state, versions={**state.versions, bad: marked})


def _earlier(state: ModelState, bad: str, passed_over: set[str]) -> str:
    """The next version to go back to: the last to be replaced that is still deployed.

    One that was passed over comes behind all others, and must fit again when it is gone back to.
    Where there is none it is the one just rolled back from, which is no target until it is
    promoted again, but stays deployed.
    """
    deployed = [
        record
        for name, record in state.versions.items()
        if record.status in {Status.PRODUCTION, Status.DEPRECATED}
        and name != state.production
        and not record.rolled_back
    ]

    def place(record: VersionRecord) -> tuple[bool, int, str]:
        return record.version not in passed_over, record.replaced_ms, record.version

    newest = max(deployed, key=place, default=None)
    return newest.version if newest else bad
