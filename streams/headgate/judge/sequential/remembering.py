"""Remembering: what a trigger keeps of a look, beside its wealth: counts to explain, and a path."""

from __future__ import annotations

from msgspec import Struct

from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.process import NOTHING
from headgate.judge.sequential.state import NOT_COUNTED, OpenLook, Sample, Spent, TriggerEvidence

PATH_POINTS = 48
_PATH_STEP, _PATH_EVERY_MS = 0.7, 60_000  # ln 2: a doubling is worth a point
Path = tuple[tuple[int, float], ...]


class Gathered(Struct, frozen=True):
    """What a trigger counted of both arms in a tick, the looks that stay open, and what stable's
    quantile or mean is.
    """

    looks: dict[int, OpenLook]
    candidate: Sample
    stable: Sample
    reference: float


def remembered(
    known: TriggerEvidence, gathered: Gathered, spent: Spent, now_ms: int, log_e: float
) -> TriggerEvidence:
    """The trigger after a look with ln E of a breach `log_e`. While the evidence is nothing, the
    counts of what builds it begin anew.
    """
    seen, stable = gathered.candidate, gathered.stable
    total = known.total.plus(seen, stable, now_ms)
    calm = log_e < 0 and bool(known.building.candidate or seen.n)
    return TriggerEvidence(
        spent,
        gathered.looks,
        gathered.reference or known.reference,
        NOT_COUNTED if calm else known.building.plus(seen, stable, now_ms),
        total,
        _with_point(known.path, now_ms, log_e) if total.candidate else known.path,
        known.holding_since_ms,
    )


def _with_point(path: Path, now_ms: int, log_e: float) -> Path:
    """The path, with a point where the evidence has doubled or halved, or a minute has passed."""
    if path:
        last_ms, last = path[-1]
        if abs(log_e - last) < _PATH_STEP and now_ms - last_ms < _PATH_EVERY_MS:
            return path
    path = (*path, (now_ms, round(log_e, 3)))
    return (*path[:-1:2], path[-1]) if len(path) > PATH_POINTS else path


def log_evidence(plan: Plan, log_e: list[float], *, beside: bool) -> float:
    """ln E of a breach: `beside` a live stable arm the lesser of both, else the test there is."""
    absolute, relative = log_e[0], log_e[1]
    if plan.limit is None:
        return relative if beside else NOTHING
    if plan.relative is None or not beside:
        return absolute
    return absolute if absolute < relative else relative
