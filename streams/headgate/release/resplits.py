"""Resplits: evidence is told of every split, since when its routers obey, and who is in flight."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.sequential.columns import without_stable
from headgate.judge.sequential.state import Evidence, Split, WarmUp
from headgate.release.rates import requests_per_s
from headgate.release.splits import weight_of
from headgate.release.state import ModelState, Watched
from headgate.release.watched import each, weight_beside
from headgate.vocabulary import BASIS_POINTS

MAX_IN_FLIGHT_MS = 60_000
UNHEARD_MS = 60_000
MAX_SPLITS = 64


def resplit(state: ModelState, now_ms: int) -> ModelState:
    """The state whose evidence knows the split that was just given: no new phase begins."""
    return each(state, lambda watched: resplit_one(state, watched, now_ms))


def resplit_one(state: ModelState, watched: Watched, now_ms: int) -> Watched:
    evidence = watched.evidence
    if evidence is None:
        return watched
    split = split_of(state, watched, now_ms)
    if evidence.splits and evidence.splits[-1].stable and not split.stable:
        evidence = without_stable(evidence)
    warm_up = evidence.warm_up
    if not evidence.splits or split.candidate > evidence.splits[-1].candidate:
        rate = requests_per_s(state, watched, now_ms)
        warm_up = WarmUp(
            since_ms=now_ms,
            until_ms=now_ms + in_flight_ms(evidence),
            routed_per_s=rate * split.candidate / BASIS_POINTS,
            measured=evidence.p99_ms is not None,
        )
    splits = (*evidence.splits, split)[-MAX_SPLITS:]
    told = replace(evidence, splits=splits, warm_up=warm_up, settled_ms=None)
    return replace(watched, evidence=told)


def split_of(state: ModelState, watched: Watched, now_ms: int) -> Split:
    """The split in force as one of its arms sees it; arms take buckets in the order of weights."""
    first = 0
    for row in state.command.weights if state.command else ():
        if row.version == watched.version:
            break
        first += row.weight
    return Split(
        revision=state.command.revision if state.command else 0,
        since_ms=now_ms,
        candidate=weight_of(state, watched.version),
        stable=weight_beside(state, watched),
        first=first,
    )


def in_flight_ms(evidence: Evidence) -> int:
    """How long requests are in flight: stable's p99 latency, at most a minute."""
    p99_ms = evidence.p99_ms
    return MAX_IN_FLIGHT_MS if p99_ms is None else min(p99_ms, MAX_IN_FLIGHT_MS)


def settle(state: ModelState, now_ms: int) -> ModelState:
    """Every router obeys: what carries no revision belongs to the split once it has landed."""
    return each(state, lambda watched: _settle(watched, now_ms))


def _settle(watched: Watched, now_ms: int) -> Watched:
    evidence = watched.evidence
    if evidence is None:
        return watched
    settled_ms = now_ms + in_flight_ms(evidence)
    return replace(watched, evidence=replace(evidence, settled_ms=settled_ms))


def settle_unheard(state: ModelState, watched: Watched, now_ms: int) -> Watched:
    """A fleet that routes by itself acknowledges nothing: its split settles by time alone."""
    evidence = watched.evidence
    if evidence is None or evidence.settled_ms is not None or state.routers or not evidence.splits:
        return watched
    if now_ms - evidence.splits[-1].since_ms < UNHEARD_MS:
        return watched
    return _settle(watched, now_ms)
