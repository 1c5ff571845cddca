"""Misroutes: an outcome that carries its bucket and revision proves which version should have
served it. No test is needed: one outside its version's buckets is a fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from headgate.judge.durations import say_duration
from headgate.measure.cells import Cell
from headgate.measure.measures import BUCKET
from headgate.measure.windows import Row
from headgate.release import incidents
from headgate.release.freshness import Blindness
from headgate.release.state import ModelState, Rollout, Watched
from headgate.release.turn import Turn
from headgate.vocabulary import BASIS_POINTS, AlertKind, Severity

CALM_MS = 300_000
_SUBJECT = "routing"


Arms = Mapping[str, tuple[int, int]]  # version -> its buckets in a split: from, to (excluded)


def misrouted(fresh: Mapping[Row, Cell], splits: Mapping[int, Arms]) -> int:
    """How many of the fresh outcomes another version should have served, at the least: buckets are
    counted by whole bins of their distribution. `splits` has the arms of each revision. Where
    one is not known whole, because an arm was dropped meanwhile, only the arms left are judged.
    """
    total = 0
    for (version, revision), cell in fresh.items():
        arms, buckets = splits.get(revision), cell.sketches.get(BUCKET)
        if arms is None or buckets is None:
            continue
        if version not in arms and not _is_whole(arms):
            continue
        first, end = arms.get(version, (0, 0))
        if first == end:
            total += buckets.total
        else:
            total += buckets.count_below(first) + buckets.count_above(end - 1)
    return total


def _is_whole(arms: Arms) -> bool:
    return sum(end - first for first, end in arms.values()) == BASIS_POINTS


def arms_by_revision(watched: Iterable[Watched]) -> dict[int, dict[str, tuple[int, int]]]:
    """Which buckets each version had under which revision, as far as their evidence remembers."""
    splits: dict[int, dict[str, tuple[int, int]]] = {}
    for row in watched:
        for split in row.evidence.splits if row.evidence else ():
            arms = splits.setdefault(split.revision, {})
            arms[row.version] = (split.first, split.first + split.candidate)
            arms[row.beside] = (BASIS_POINTS - split.stable, BASIS_POINTS)
    return splits


def follow(
    turn: Turn, state: ModelState, fresh: Mapping[Row, Cell], blind: Blindness
) -> ModelState:
    """Alert on a misroute in a rollout, and resolve once five minutes brought none; time in which
    nothing was heard does not count.
    """
    rollout, told = state.rollout, any(BUCKET in cell.sketches for cell in fresh.values())
    if rollout is None or not (told or state.incidents):
        return state
    known = incidents.find(state, AlertKind.MISROUTED, _SUBJECT)
    count = misrouted(fresh, arms_by_revision(state.watched.values())) if told else 0
    if count:
        state = replace(state, misrouted_ms=turn.now_ms)
        return state if known is not None else _open(turn, state, rollout, count)
    if known is not None and blind.sentence:
        return replace(state, misrouted_ms=turn.now_ms)
    if known is None or turn.now_ms - state.misrouted_ms < CALM_MS:
        return state
    return incidents.resolve(turn, state, known, f"Over: no misroute in {say_duration(CALM_MS)}.")


def _open(turn: Turn, state: ModelState, rollout: Rollout, count: int) -> ModelState:
    requests = "request was" if count == 1 else "requests were"
    return incidents.open_incident(
        turn,
        state,
        kind=AlertKind.MISROUTED,
        trigger=_SUBJECT,
        severity=Severity.WARNING,
        sentence=f"At least {count:,} {requests} served by a version that its router did not "
        f"choose: a fleet does not obey the split of {state.model}. Comparisons may mislead.",
        versions=(*state.watched, rollout.stable),
        numbers={"misrouted": count},
    )
