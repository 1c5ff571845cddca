"""Misroutes: an outcome that carries its bucket and revision proves which version should have
served it. No test is needed: one outside its version's buckets is a fact.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from headgate.judge.durations import say_duration
from headgate.judge.sequential.state import Split
from headgate.measure.cells import Cell
from headgate.measure.measures import BUCKET
from headgate.measure.windows import Row
from headgate.release import incidents
from headgate.release.state import ModelState, Rollout
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Severity

CALM_MS = 300_000
_SUBJECT = "routing"


def misrouted(fresh: Mapping[Row, Cell], rollout: Rollout, splits: Mapping[int, Split]) -> int:
    """How many of the fresh outcomes another version should have served, at the least: buckets are
    counted by whole bins of their distribution.
    """
    total = 0
    for (version, revision), cell in fresh.items():
        split, buckets = splits.get(revision), cell.sketches.get(BUCKET)
        if split is None or buckets is None:
            continue
        if version == rollout.candidate:
            total += buckets.count_above(split.candidate - 1) if split.candidate else buckets.total
        elif version == rollout.stable:
            total += buckets.count_below(split.candidate) if split.stable else buckets.total
        else:
            total += buckets.total
    return total


def follow(turn: Turn, state: ModelState, fresh: Mapping[Row, Cell]) -> ModelState:
    """Alert on a misroute, and resolve once five minutes brought none."""
    rollout = state.rollout
    if rollout is None or state.evidence is None:
        return state
    known = incidents.find(state, AlertKind.MISROUTED, _SUBJECT)
    splits = {split.revision: split for split in state.evidence.splits}
    count = misrouted(fresh, rollout, splits)
    if count:
        state = replace(state, misrouted_ms=turn.now_ms)
        return state if known is not None else _open(turn, state, rollout, count)
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
        versions=(rollout.candidate, rollout.stable),
        numbers={"misrouted": count},
    )
