"""Rollouts: what starts, widens, reverses and completes one, whoever asked for it."""

from __future__ import annotations

from collections.abc import Set

from msgspec.structs import replace

from headgate.judge.policy import Policy, parse_policy
from headgate.judge.routing import Point
from headgate.registry.lifecycle import VersionRecord
from headgate.release import measuring
from headgate.release.courses.cold import warn_if_cold
from headgate.release.courses.course import Course
from headgate.release.courses.safety import mark_of
from headgate.release.evidence import begin, resplit
from headgate.release.splits import Change, give_split, shared, whole
from headgate.release.state import ModelState, Rollout, Watched
from headgate.release.turn import Turn
from headgate.release.versions import set_status
from headgate.release.watched import keep
from headgate.vocabulary import Action, RolloutKind, Status
from headgate.wire.control import Because, Weight


def policy_of(state: ModelState) -> Policy | None:
    """The policy in force; it was checked when it came."""
    return parse_policy(state.policy.content) if state.policy else None


def adopt(turn: Turn, state: ModelState, version: str, operator: str) -> ModelState:
    """Make `version` the first production version and give it all traffic."""
    state = set_status(turn, state, version, Status.PRODUCTION, by=operator, why="adopted")
    change = Change(action=Action.ADOPT, to_version=version, salt=turn.place, operator=operator)
    return replace(give_split(turn, state, whole(version), change), production=version)


def start(
    turn: Turn,
    state: ModelState,
    weights: tuple[Weight, ...],
    *,
    operator: str,
    kind: RolloutKind = RolloutKind.MANUAL,
    course: Course | None = None,
) -> ModelState:
    """Give candidates their first shares, stable last, under a salt of its own: each rollout draws
    other users.
    """
    rollout_id, stable, candidate = f"r-{turn.place}", weights[-1].version, weights[0]
    for row in weights[:-1]:
        state = _seat(turn, state, row.version, rollout_id, operator)
    change = Change(
        action=Action.SET_WEIGHTS,
        from_version=stable,
        to_version=candidate.version,
        rollout_id=rollout_id,
        salt=rollout_id,
        operator=operator,
    )
    state = give_split(turn, state, weights, change)
    rollout = Rollout(
        rollout_id=rollout_id,
        stable=stable,
        candidate=candidate.version,
        weight=candidate.weight,
        started_ms=turn.now_ms,
        first_revision=state.command.revision if state.command else 0,
        kind=kind,
        course=course,
        safe_since=mark_of(state, candidate.version),
    )
    state = replace(state, rollout=rollout, choices={}, watched={})
    for row in weights[:-1]:
        state = keep(state, _watched(state, rollout, row.version))
    return state


def _seat(
    turn: Turn, state: ModelState, version: str, rollout_id: str, operator: str
) -> ModelState:
    known = state.versions.get(version)
    if known is not None and known.status is Status.DEVELOPMENT:
        why = f"deployed for rollout {rollout_id}"
        state = set_status(turn, state, version, Status.STAGING, by=operator, why=why)
    why = f"rollout {rollout_id} began"
    return set_status(turn, state, version, Status.CANDIDATE, by=operator, why=why)


def _unseat(turn: Turn, state: ModelState, operator: str, why: str) -> ModelState:
    """Whoever is a candidate still is none any more, and keeps its good name."""
    for name, record in tuple(state.versions.items()):
        if record.status is Status.CANDIDATE:
            state = set_status(turn, state, name, Status.STAGING, by=operator, why=why)
    return state


def _watched(state: ModelState, rollout: Rollout, version: str) -> Watched:
    """A version that a rollout that begins now puts under judgement."""
    policy, since_ms = policy_of(state), rollout.started_ms
    watched = Watched(
        version=version,
        beside=rollout.stable,
        since_ms=since_ms,
        first_revision=rollout.first_revision,
        routing=(Point(since_ms),),
    )
    return begin(state, watched, policy, since_ms) if policy is not None else watched


def stop(turn: Turn, state: ModelState, rollout: Rollout, operator: str) -> ModelState:
    """Stable serves everything again; nobody was proven bad."""
    change = Change(
        action=Action.SET_WEIGHTS,
        from_version=rollout.candidate,
        to_version=rollout.stable,
        rollout_id=rollout.rollout_id,
        operator=operator,
    )
    state = _unseat(turn, state, operator, f"rollout {rollout.rollout_id} was stopped")
    state = give_split(turn, state, whole(rollout.stable), change)
    return replace(state, rollout=None, watched={})


def drop(
    turn: Turn,
    state: ModelState,
    rollout: Rollout,
    bad: str,
    *,
    reasons: tuple[Because, ...],
    recovered_within_ms: int,
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
        reasons=reasons,
        recovered_within_ms=recovered_within_ms,
    )
    state = _mark_rolled_back(turn, state, bad, "")
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


def reweigh(
    turn: Turn,
    state: ModelState,
    rollout: Rollout,
    weight: int,
    operator: str,
    *,
    reasons: tuple[Because, ...] = (),
) -> ModelState:
    """Change the candidate's share within the rollout: the same users, more or fewer of them."""
    change = Change(
        action=Action.SET_WEIGHTS,
        from_version=rollout.stable,
        to_version=rollout.candidate,
        rollout_id=rollout.rollout_id,
        operator=operator,
        reasons=reasons,
    )
    split = shared(rollout.candidate, rollout.stable, weight)
    rollout = replace(rollout, weight=weight)
    state = replace(give_split(turn, state, split, change), rollout=rollout)
    return resplit(state, turn.now_ms)


def roll_back(
    turn: Turn,
    state: ModelState,
    *,
    bad: str,
    target: str,
    reasons: tuple[Because, ...],
    recovered_within_ms: int,
    operator: str = "",
) -> ModelState:
    """All traffic to `target`; `bad` is no automatic target until somebody clears it."""
    change = Change(
        action=Action.ROLLBACK,
        from_version=bad,
        to_version=target,
        rollout_id=state.rollout.rollout_id if state.rollout else "",
        operator=operator,
        reasons=reasons,
        recovered_within_ms=recovered_within_ms,
    )
    state = _mark_rolled_back(turn, state, bad, operator)
    state = _unseat(turn, state, operator, f"its rollout ended with the rollback from {bad}")
    if target != state.production:
        passed_over = {state.production, state.previous} - {bad, target}
        state = _demote(turn, state, passed_over, operator, f"passed over for {target}")
        why = f"rolled back to from {bad}"
        state = set_status(turn, state, target, Status.PRODUCTION, by=operator, why=why)
        record = replace(state.versions[target], replaced_ms=0, not_before_ms=0)
        state = replace(state, versions={**state.versions, target: record}, production=target)
        state = replace(state, previous=_earlier(state, bad, passed_over))
        state = _demote_others(turn, state, operator)
    state = give_split(turn, state, whole(target), change)
    decision = state.command.decision_id if state.command else ""
    rolled_back_by = {**state.rolled_back_by, bad: decision}
    state = replace(state, rollout=None, watched={}, rolled_back_by=rolled_back_by)
    return warn_if_cold(turn, state, target)


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


def _demote_others(turn: Turn, state: ModelState, operator: str) -> ModelState:
    """Two versions at most are in production: the current and the previous one."""
    others = state.versions.keys() - {state.production, state.previous}
    return _demote(turn, state, others, operator, "at most two versions are in production")


def _demote(
    turn: Turn, state: ModelState, versions: Set[str], operator: str, why: str
) -> ModelState:
    for name, record in tuple(state.versions.items()):
        if name in versions and record.status is Status.PRODUCTION:
            state = set_status(turn, state, name, Status.DEPRECATED, by=operator, why=why)
    return state


def promote(
    turn: Turn,
    state: ModelState,
    rollout: Rollout,
    operator: str,
    *,
    reasons: tuple[Because, ...] = (),
) -> ModelState:
    """The candidate takes all traffic and becomes production; stable becomes `previous`.

    Promotion by a person clears a version that was once rolled back from.
    """
    state = measuring.record(state, rollout.candidate)
    why = f"promoted in place of {rollout.stable}"
    state = set_status(turn, state, rollout.candidate, Status.PRODUCTION, by=operator, why=why)
    cleared = replace(state.versions[rollout.candidate], rolled_back=False)
    replaced = replace(state.versions[rollout.stable], replaced_ms=turn.now_ms)
    both = {rollout.candidate: cleared, rollout.stable: replaced}
    state = replace(
        state,
        versions={**state.versions, **both},
        production=rollout.candidate,
        previous=rollout.stable,
    )
    state = _demote_others(turn, state, operator)
    state = _unseat(turn, state, operator, f"{rollout.candidate} was promoted")
    change = Change(
        action=Action.PROMOTE,
        from_version=rollout.stable,
        to_version=rollout.candidate,
        rollout_id=rollout.rollout_id,
        operator=operator,
        reasons=reasons,
    )
    state = give_split(turn, state, whole(rollout.candidate), change)
    left = {key: kept for key, kept in state.rolled_back_by.items() if key != rollout.candidate}
    return replace(state, rollout=None, watched={}, rolled_back_by=left)
