"""The watch over production: while no rollout runs, the version that serves is judged for ever.

It is held against what is recorded of the version before it, so that nothing of it is compared with
traffic of another hour. A rollout ends the watch; after it a new one begins.
"""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.measure.reading import covered_ms
from headgate.measure.windows import MINUTE_MS
from headgate.release import incidents, measuring
from headgate.release.evidence import begin
from headgate.release.forever import HOUR_MS, cleared, is_due, month_of, raised
from headgate.release.rates import requests_per_s
from headgate.release.standards import recorded_of, standard_of
from headgate.release.state import ModelState, Watched
from headgate.release.turn import Turn
from headgate.release.watched import keep
from headgate.vocabulary import AlertKind


def follow(turn: Turn, state: ModelState, policy: Policy) -> ModelState:
    """Begin the watch where it can begin, raise its budget's measure, end it where none is wanted.

    It begins once a minute of traffic tells the model's rate.
    """
    if state.rollout is not None:
        return state
    if not policy.production.watch:
        return ended(turn, state, "The policy watches production no more.")
    watched = state.watched.get(state.production)
    if not state.tables.fresh or not state.production:
        return state
    if watched is not None:
        month = partial(_month, state, watched, turn.now_ms)
        return keep(state, raised(watched, month, turn.now_ms))
    heard_ms = covered_ms(state.tables, state.production, now_ms=turn.now_ms, window_ms=HOUR_MS)
    return _begun(state, turn.now_ms) if heard_ms >= MINUTE_MS else state


def _begun(state: ModelState, now_ms: int) -> ModelState:
    watched = _reference(state, now_ms)
    standard = standard_of(state, watched)
    if standard is None:
        return state
    watched = begin(state, watched, standard, now_ms, forever=_month(state, watched, now_ms))
    return replace(state, watched={watched.version: watched})


def _reference(state: ModelState, now_ms: int) -> Watched:
    """Production beside the previous version; where that was rolled back from, or there is none,
    beside what was measured of itself before.
    """
    record = state.versions.get(state.previous)
    own = not state.previous or (record is not None and record.rolled_back)
    beside = state.production if own else state.previous
    return Watched(
        version=state.production,
        beside=beside,
        since_ms=now_ms,
        recorded=recorded_of(state, beside, declared=not own),
    )


def _month(state: ModelState, watched: Watched, now_ms: int) -> int:
    """The requests of 30 days at the model's rate of the last hour."""
    return month_of(requests_per_s(state, watched, now_ms, window_ms=HOUR_MS))


def after_alarms(turn: Turn, before: ModelState, state: ModelState, policy: Policy) -> ModelState:
    """The state after the incidents followed a look: an alarm that is over leaves no evidence."""
    over = frozenset(
        incident.trigger
        for name, incident in before.incidents.items()
        if incident.kind is AlertKind.BREACH and name not in state.incidents
    )
    watched = state.watched.get(state.production)
    return keep(state, cleared(watched, policy, over, turn.now_ms)) if watched else state


def is_idle(state: ModelState) -> bool:
    """Whether a look at production could tell nothing new: nothing came, nothing is due."""
    if state.rollout is not None or state.tables.fresh or state.incidents:
        return False
    return not any(is_due(watched) for watched in state.watched.values())


def ended(turn: Turn, state: ModelState, why: str) -> ModelState:
    """No watch any more: its incidents are over, and what the version did is recorded."""
    if state.rollout is not None:
        return state
    if state.watched:
        state = measuring.record(state, state.production, least=measuring.ENOUGH)
        state = replace(state, watched={})
    over = [
        incident
        for incident in state.incidents.values()
        if incident.version and incident.kind is not AlertKind.PINNED_BREACH
        if incident.would_have or not incident.acted
    ]
    return incidents.resolve_all(turn, state, over, why)
