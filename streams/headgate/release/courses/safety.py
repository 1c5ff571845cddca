"""Safety before promotion: answers that were checked since a violation was last seen."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.measure.cells import NOTHING, Cell
from headgate.release.courses.course import SafetyMark
from headgate.release.state import ModelState

_LABEL = "safety_violation"


def mark_of(state: ModelState, version: str) -> SafetyMark:
    """What is counted of a version up to now."""
    cell = state.tables.totals.get(version, NOTHING)
    return SafetyMark(_checked(cell), cell.flagged.get(_LABEL, 0))


def remarked(state: ModelState) -> ModelState:
    """With the mark moved up to the newest violation, if there was one."""
    rollout = state.rollout
    if rollout is None:
        return state
    now = mark_of(state, rollout.candidate)
    if now.violations <= rollout.safe_since.violations:
        return state
    return replace(state, rollout=replace(rollout, safe_since=now))


def safely_checked(state: ModelState) -> int | None:
    """Checked answers of the candidate since the rollout began or a violation was seen; None where
    nobody checks the answers of either version.
    """
    rollout = state.rollout
    if rollout is None:
        return None
    checked = mark_of(state, rollout.candidate).checked - rollout.safe_since.checked
    stable = _checked(state.tables.totals.get(rollout.stable, NOTHING))
    return checked if checked or stable else None


def _checked(cell: Cell) -> int:
    return cell.labelled.get(_LABEL, 0)
