"""The candidate's share, watched where outcomes carry no revision that would prove their route."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from headgate.judge.sequential.shares import (
    TEST_TOLERANCE,
    TOLERANCE,
    Shares,
    is_off,
    observe_share,
)
from headgate.measure.cells import NOTHING, Cell
from headgate.measure.windows import Row
from headgate.release import incidents
from headgate.release.courses.course import Experiment
from headgate.release.state import ModelState, Watched
from headgate.release.turn import Turn
from headgate.release.watched import keep
from headgate.vocabulary import BASIS_POINTS, PANE_MS, AlertKind, Severity

_SUBJECT = "share"


def follow(
    turn: Turn, state: ModelState, watched: Watched, fresh: Mapping[Row, Cell]
) -> ModelState:
    """Test the share of what was served without a revision under the split in force."""
    evidence = watched.evidence
    if evidence is None or not evidence.splits:
        return state
    split, known = evidence.splits[-1], watched.shares
    if known is None or known.revision != split.revision:
        known = Shares(revision=split.revision)
        watched = replace(watched, shares=known)
        state = _resolved(turn, keep(state, watched), watched)
    settled = evidence.settled_ms is not None and turn.now_ms >= evidence.settled_ms
    served = {
        row.version: fresh.get((row.version, 0), NOTHING).requests
        for row in (state.command.weights if state.command else ())
    }
    requests = sum(served.values())
    if not settled or not requests:
        return state
    known = observe_share(
        known,
        requests,
        served.get(watched.version, 0),
        weight=split.candidate / BASIS_POINTS,
        block_ms=turn.now_ms // PANE_MS * PANE_MS,
        planned=evidence.planned,
        tolerance=_tolerance(state),
    )
    watched = replace(watched, shares=known)
    state = keep(state, watched)
    weight = split.candidate / BASIS_POINTS
    return _opened(turn, state, watched, known, weight) if is_off(known) else state


def _tolerance(state: ModelState) -> float:
    """How far beside its weight a share may lie, as a part of it."""
    course = state.rollout.course if state.rollout is not None else None
    return TEST_TOLERANCE if isinstance(course, Experiment) else TOLERANCE


def _opened(
    turn: Turn, state: ModelState, watched: Watched, known: Shares, weight: float
) -> ModelState:
    if incidents.find(state, AlertKind.SHARE_OFF, _SUBJECT, watched.version) is not None:
        return state
    requests, mine = (sum(column) for column in zip(*known.blocks, strict=True))
    share = mine / requests
    return incidents.open_incident(
        turn,
        state,
        kind=AlertKind.SHARE_OFF,
        trigger=_SUBJECT,
        severity=Severity.WARNING,
        sentence=f"{watched.version} serves {share:.1%} of {requests:,} requests, but its weight "
        f"is {weight:.1%}: somebody does not obey the split. Comparisons may mislead.",
        versions=(watched.version, watched.beside),
        numbers={"share": round(share, 5), "weight": weight, "requests": requests},
        version=watched.version,
    )


def _resolved(turn: Turn, state: ModelState, watched: Watched) -> ModelState:
    incident = incidents.find(state, AlertKind.SHARE_OFF, _SUBJECT, watched.version)
    if incident is None:
        return state
    return incidents.resolve(turn, state, incident, "Over: another split is in force.")
