"""Rollouts: what starts, widens, stops and completes one, whoever asked for it."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.policy import Policy, policy_in_force
from headgate.judge.routing import Point
from headgate.release import measuring, production
from headgate.release.courses.course import Course
from headgate.release.courses.safety import mark_of
from headgate.release.evidence import begin
from headgate.release.resplits import resplit
from headgate.release.seating import demote_others, seat, unseat
from headgate.release.splits import Change, give_split, shared, whole
from headgate.release.standards import recorded_of, standard_of
from headgate.release.state import ModelState, Rollout, Watched
from headgate.release.turn import Turn
from headgate.release.versions import set_status
from headgate.release.watched import each, keep
from headgate.vocabulary import BASIS_POINTS, Action, RolloutKind, Status
from headgate.wire.control import Because, Weight


def policy_of(state: ModelState) -> Policy | None:
    """The policy in force; it was checked when it came."""
    known = state.policy
    return policy_in_force(known.digest, known.content) if known else None


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
    state = production.ended(turn, state, f"A rollout of {candidate.version} began.")
    state = measuring.record(state, stable, least=measuring.ENOUGH)
    for row in weights[:-1]:
        state = seat(turn, state, row.version, rollout_id, operator)
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
    state = replace(state, rollout=rollout, choices={}, answers={}, watched={})
    for row in weights[:-1]:
        state = keep(state, _watched(state, rollout, row.version))
    return state


def _watched(state: ModelState, rollout: Rollout, version: str) -> Watched:
    """A version that a rollout that begins now puts under judgement."""
    since_ms = rollout.started_ms
    watched = Watched(
        version=version,
        beside=rollout.stable,
        recorded=recorded_of(state, rollout.stable),
        since_ms=since_ms,
        first_revision=rollout.first_revision,
        routing=(Point(since_ms),),
    )
    standard = standard_of(state, watched)
    return begin(state, watched, standard, since_ms) if standard is not None else watched


def stop(turn: Turn, state: ModelState, rollout: Rollout, operator: str) -> ModelState:
    """Stable serves everything again; nobody was proven bad."""
    back = _towards(rollout.stable, rollout, Action.SET_WEIGHTS, operator)
    state = unseat(turn, state, operator, f"rollout {rollout.rollout_id} was stopped")
    state = give_split(turn, state, whole(rollout.stable), back)
    return replace(state, rollout=None, watched={})


def _towards(
    version: str,
    rollout: Rollout,
    action: Action,
    operator: str,
    reasons: tuple[Because, ...] = (),
) -> Change:
    """A change of a running rollout's split, to the good of one of its two versions."""
    other = rollout.candidate if version == rollout.stable else rollout.stable
    return Change(
        action=action,
        from_version=other,
        to_version=version,
        rollout_id=rollout.rollout_id,
        operator=operator,
        reasons=reasons,
    )


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
    change = _towards(rollout.candidate, rollout, Action.SET_WEIGHTS, operator, reasons)
    split = shared(rollout.candidate, rollout.stable, weight)
    rollout = replace(rollout, weight=weight)
    state = replace(give_split(turn, state, split, change), rollout=rollout)
    if weight == BASIS_POINTS:
        state = _with_record(state, rollout.stable)
    return resplit(state, turn.now_ms)


def _with_record(state: ModelState, stable: str) -> ModelState:
    """Stable is about to be silent: who is on trial is held against what it did until now."""
    state = measuring.record(state, stable, least=measuring.ENOUGH)
    recorded = recorded_of(state, stable)
    return each(state, lambda watched: replace(watched, recorded=recorded))


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
    state = measuring.record(state, rollout.stable, least=measuring.ENOUGH)
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
    state = demote_others(turn, state, operator)
    state = unseat(turn, state, operator, f"{rollout.candidate} was promoted")
    change = _towards(rollout.candidate, rollout, Action.PROMOTE, operator, reasons)
    state = give_split(turn, state, whole(rollout.candidate), change)
    left = {key: kept for key, kept in state.rolled_back_by.items() if key != rollout.candidate}
    return replace(state, rollout=None, watched={}, rolled_back_by=left)
