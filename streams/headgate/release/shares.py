"""The candidate's share, watched where outcomes carry no revision that would prove their route."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from headgate.judge.sequential.shares import Shares, is_off, observe_share
from headgate.measure.cells import NOTHING, Cell
from headgate.measure.windows import Row
from headgate.release import incidents
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.vocabulary import BASIS_POINTS, PANE_MS, AlertKind, Severity

_SUBJECT = "share"


def follow(turn: Turn, state: ModelState, fresh: Mapping[Row, Cell]) -> ModelState:
    """Test the share of what was served without a revision under the split in force."""
    rollout, evidence = state.rollout, state.evidence
    if rollout is None or evidence is None or not evidence.splits:
        return state
    split, known = evidence.splits[-1], state.shares
    if known is None or known.revision != split.revision:
        known = Shares(revision=split.revision)
        state = _resolved(turn, replace(state, shares=known))
    settled = evidence.settled_ms is not None and turn.now_ms >= evidence.settled_ms
    mine, other = (
        fresh.get((name, 0), NOTHING).requests for name in (rollout.candidate, rollout.stable)
    )
    if not settled or not mine + other:
        return state
    known = observe_share(
        known,
        mine + other,
        mine,
        weight=split.candidate / BASIS_POINTS,
        block_ms=turn.now_ms // PANE_MS * PANE_MS,
        planned=evidence.planned,
    )
    state = replace(state, shares=known)
    return _opened(turn, state, known) if is_off(known) else state


def _opened(turn: Turn, state: ModelState, known: Shares) -> ModelState:
    rollout = state.rollout
    if rollout is None or incidents.find(state, AlertKind.SHARE_OFF, _SUBJECT) is not None:
        return state
    requests, mine = (sum(column) for column in zip(*known.blocks, strict=True))
    share, weight = mine / requests, rollout.weight / BASIS_POINTS
    return incidents.open_incident(
        turn,
        state,
        kind=AlertKind.SHARE_OFF,
        trigger=_SUBJECT,
        severity=Severity.WARNING,
        sentence=f"{rollout.candidate} serves {share:.1%} of {requests:,} requests, but its weight "
        f"is {weight:.1%}: somebody does not obey the split. Comparisons may mislead.",
        versions=(rollout.candidate, rollout.stable),
        numbers={"share": round(share, 5), "weight": weight, "requests": requests},
    )


def _resolved(turn: Turn, state: ModelState) -> ModelState:
    incident = incidents.find(state, AlertKind.SHARE_OFF, _SUBJECT)
    if incident is None:
        return state
    return incidents.resolve(turn, state, incident, "Over: another split is in force.")
