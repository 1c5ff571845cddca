"""Safety before promotion: answers that were checked since a violation was last seen."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.measure.cells import Cell
from headgate.measure.windows import total_of
from headgate.release.courses.course import SafetyMark
from headgate.release.state import ModelState

_LABEL = "safety_violation"


def mark_of(state: ModelState, version: str) -> SafetyMark:
    """What is counted of a version up to now."""
    counts = total_of(state.tables, version, "counts")
    return SafetyMark(_checked(counts), counts.flagged.get(_LABEL, 0))


def remarked(state: ModelState) -> ModelState:
    """With the mark moved up to the newest violation, if one came since the last look."""
    rollout = state.rollout
    if rollout is None or not _came(state, rollout.candidate):
        return state
    now = mark_of(state, rollout.candidate)
    if now.violations <= rollout.safe_since.violations:
        return state
    return replace(state, rollout=replace(rollout, safe_since=now))


def _came(state: ModelState, candidate: str) -> bool:
    fresh = state.tables.fresh
    return any(cell.flagged.get(_LABEL) for row, cell in fresh.items() if row[0] == candidate)


def safely_checked(state: ModelState) -> int | None:
    """Checked answers of the candidate since the rollout began or a violation was seen; None where
    nobody checks the answers of either version.
    """
    rollout = state.rollout
    if rollout is None:
        return None
    checked = mark_of(state, rollout.candidate).checked - rollout.safe_since.checked
    stable = _checked(total_of(state.tables, rollout.stable, "counts"))
    return checked if checked or stable else None


def _checked(counts: Cell) -> int:
    return counts.labelled.get(_LABEL, 0)
