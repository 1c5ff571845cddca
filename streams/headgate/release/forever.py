"""A watch without an end: the measure of its budget, what is due in it, and what alarms leave."""

from __future__ import annotations

from collections.abc import Callable, Set

from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.judge.sequential.budget import MIN_PLANNED
from headgate.release.evidence import forget_evidence
from headgate.release.state import Watched

HOUR_MS = 3_600_000
MONTH_S = 30 * 86_400


def month_of(requests_per_s: float) -> int:
    """The measure of the budget: the requests of 30 days at a rate, at least 10,000."""
    return max(int(requests_per_s * MONTH_S), MIN_PLANNED)


def raised(watched: Watched, month: Callable[[], int], now_ms: int) -> Watched:
    """Raise the measure with every hour that is busier than all before.

    It depends on how much came and not on what it says, and never falls: the alarms of a month are
    at most alpha at the busiest hour's rate, and fewer at all others. What a first minute that was
    too quiet costs is small, since an hour's part of the budget is 1/720.
    """
    evidence = watched.evidence
    if evidence is None or now_ms // HOUR_MS == evidence.observed_ms // HOUR_MS:
        return watched
    return replace(watched, evidence=replace(evidence, planned=max(evidence.planned, month())))


def is_due(watched: Watched) -> bool:
    """Whether time alone may tell something new: a threshold is crossed."""
    return any(memory.crossed_since_ms is not None for memory in watched.memories.values())


def cleared(watched: Watched, policy: Policy, triggers: Set[str], now_ms: int) -> Watched:
    """Without the evidence of alarms that are over, so that what comes next is proven anew."""
    proven = frozenset(
        row.name for row in policy.triggers if row.proof == "sequential" and row.name in triggers
    )
    return forget_evidence(watched, policy, proven, now_ms) if proven else watched
