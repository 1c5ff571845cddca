"""Choices and outcomes of the arms of a rollout: counted from acks, compared at every tick."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.judge.routing import (
    TOLD_WITHIN_MS,
    Answered,
    Heard,
    Point,
    answered,
    completeness,
    enough_of,
    is_uneven,
    with_point,
)
from headgate.release import incidents
from headgate.release.resplits import in_flight_ms
from headgate.release.state import ModelState, RouterState, Watched
from headgate.release.turn import Turn
from headgate.release.watched import each, keep
from headgate.vocabulary import AlertKind, Severity
from headgate.wire.acks import Ack

MAX_ROWS = 64
_SUBJECT = "completeness"

Chosen = dict[tuple[int, str], int]  # how often, by revision and version


def told_before(before: RouterState | None, ack: Ack) -> Chosen:
    """What this run of the router has told by now."""
    return before.chosen if before and before.started_at_ms == ack.started_at_ms else {}


def chosen_by(told: Chosen, ack: Ack) -> Chosen:
    """The newest count of every split that this run of the router has told of, in order."""
    chosen = told.copy()
    for row in ack.choices:
        chosen[row.revision, row.version] = row.count
    return chosen if len(chosen) == len(told) else dict(sorted(chosen.items())[-MAX_ROWS:])


def count_choices(
    state: ModelState, before: RouterState | None, told: Chosen, chosen: Chosen, now_ms: int
) -> ModelState:
    """Add what one router has chosen since its last ack; one that was started anew counts anew.

    What a router chose while its acks got lost was answered meanwhile: it is due no answer now.
    """
    rollout = state.rollout
    if rollout is None:
        return state
    known = state.choices
    choices = known.copy()
    for key, count in chosen.items():
        more = count - told.get(key, 0)
        if more > 0 and key[0] >= rollout.first_revision:
            choices[key[1]] = choices.get(key[1], 0) + more
    if choices == known:
        return state
    state = replace(state, choices=choices)
    if now_ms - (before.heard_ms if before else rollout.started_ms) <= TOLD_WITHIN_MS:
        return state
    late = {version: count - known.get(version, 0) for version, count in choices.items()}
    return each(state, lambda watched: _chosen_earlier(watched, late))


def count_answers(state: ModelState) -> ModelState:
    """Add the outcomes of the rollout's arms that came since the last look, as requests."""
    rollout, fresh = state.rollout, state.tables.fresh
    if rollout is None or not fresh:
        return state
    answers = state.answers.copy()
    for (version, revision), cell in fresh.items():
        is_arm = version in state.watched or version == rollout.stable
        if is_arm and (revision >= rollout.first_revision or not revision):
            answers[version] = answers.get(version, 0) + cell.requests
    return replace(state, answers=answers)


def _chosen_earlier(watched: Watched, more: Mapping[str, int]) -> Watched:
    """The version's history as if these choices had been made before it began."""
    mine, other = more.get(watched.version, 0), more.get(watched.beside, 0)
    moved = tuple(
        replace(
            point,
            candidate_choices=point.candidate_choices + mine,
            stable_choices=point.stable_choices + other,
        )
        for point in watched.routing
    )
    return replace(watched, routing=moved)


def point_of(state: ModelState, watched: Watched, now_ms: int) -> Point:
    """Choices and outcomes of a version and of the arm beside it now."""
    mine, other = watched.version, watched.beside
    return Point(
        now_ms,
        state.choices.get(mine, 0),
        state.choices.get(other, 0),
        state.answers.get(mine, 0),
        state.answers.get(other, 0),
    )


def answered_now(
    state: ModelState, watched: Watched, policy: Policy, now_ms: int
) -> Answered | None:
    """How many of the version's last choices have outcomes; None while there are fewer than the
    policy needs.
    """
    if watched.evidence is None or not state.choices:
        return None
    point = point_of(state, watched, now_ms)
    return answered(watched.routing, point, in_flight_ms(watched.evidence), enough_of(policy))


def follow(turn: Turn, state: ModelState, watched: Watched) -> ModelState:
    """Keep the version, with a point every 5 s; alert while unequal parts of the arms are heard."""
    if watched.evidence is None or not state.choices:
        return keep(state, watched)
    point = point_of(state, watched, turn.now_ms)
    history = with_point(watched.routing, point)
    if history is watched.routing:
        return keep(state, watched)
    state = keep(state, replace(watched, routing=history))
    settled_ms, latency_ms = watched.evidence.settled_ms, in_flight_ms(watched.evidence)
    if settled_ms is None:
        return state
    heard = completeness(history, point, latency_ms, settled_ms)
    return _alert(turn, state, watched, heard) if heard is not None else state


def _alert(turn: Turn, state: ModelState, watched: Watched, heard: Heard) -> ModelState:
    uneven = is_uneven(heard)
    if not uneven and not state.incidents:
        return state
    kind = AlertKind.UNEVEN_COMPLETENESS
    known = incidents.find(state, kind, _SUBJECT, watched.version)
    mine, other, _ = heard
    words = f"outcomes came for {mine:.1%} of the candidate's choices and {other:.1%} of stable's"
    if not uneven:
        return incidents.resolve(turn, state, known, f"Over: {words}.") if known else state
    if known is not None:
        return state
    return incidents.open_incident(
        turn,
        state,
        kind=kind,
        trigger=_SUBJECT,
        severity=Severity.WARNING,
        sentence=f"Unequal parts are heard of the two arms: {words}. Comparisons may mislead.",
        versions=(watched.version, watched.beside),
        numbers={"candidate": round(mine, 4), "stable": round(other, 4)},
        version=watched.version,
    )
