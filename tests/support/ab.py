"""A/B tests by hand: cells as ingest would count them, drawn for one arm."""

from __future__ import annotations

from typing import Any

import numpy as np

from headgate.judge.ab.criteria import Arm, Criterion
from headgate.judge.ab.plan import TestPlan, plan_test
from headgate.measure.cells import Cell
from headgate.measure.hdr import bucket_index
from headgate.measure.slots import NO_SLOTS, BySlot
from headgate.wire.ledger import SLOTS, Slots
from support.evidence import sketch

RATINGS = (0.03, 0.05, 0.12, 0.29, 0.51)
TWO = (Arm(version="b", weight=5_000), Arm(version="a", weight=5_000))
THREE = (
    Arm(version="c", weight=2_000),
    Arm(version="b", weight=3_000),
    Arm(version="a", weight=5_000),
)


def criterion(metric: str, matters: float = 0.1) -> Criterion:
    """A criterion in the direction that anybody would choose."""
    better = "higher" if metric in {"success_rate", "rating_mean"} else "lower"
    return Criterion(metric=metric, better=better, matters=matters)


def plan(*criteria: Criterion, arms: tuple[Arm, ...] = TWO, **more: Any) -> TestPlan:
    """A plan for these criteria."""
    return plan_test(arms, criteria, **more)


def by_slot(slots: Any, weights: Any = None) -> tuple[int, ...]:
    """Counts or sums per slot."""
    return tuple(int(x) for x in np.bincount(slots, weights=weights, minlength=SLOTS))


def served(
    seed: int,
    n: int,
    *,
    errors: float = 0.03,
    latency_ms: float = 800.0,
    success: float = 0.8,
    dearer: float = 1.0,
    buckets: bool = True,
    in_slots: int = SLOTS,
) -> Cell:
    """`n` independent requests of one arm; a third of them judged and rated."""
    rng = np.random.default_rng(seed)
    slot = rng.integers(0, in_slots, n)
    failed, judged = rng.random(n) < errors, rng.random(n) < 1 / 3
    well = judged & (rng.random(n) < success)
    late = slot[~failed]
    took = np.rint(1_000 * rng.lognormal(np.log(latency_ms), 0.6, len(late))).astype(np.int64)
    stars = rng.choice(np.arange(10, 60, 10), int(judged.sum()), p=RATINGS)
    values = {
        "latency_us": (took, late),
        "rating_tenths": (stars, slot[judged]),
        "tokens": (np.rint(rng.lognormal(6.8, 0.7, n)).astype(np.int64), slot),
        "cost_microusd": (np.rint(dearer * rng.lognormal(7.6, 1, n)).astype(np.int64), slot),
    }
    slots = Slots(
        errors={"timeout": by_slot(slot[failed])},
        labelled={"task_success": by_slot(slot[judged])},
        flagged={"task_success": by_slot(slot[well])},
        counts={"requests": by_slot(slot)} | {k: by_slot(at) for k, (_, at) in values.items()},
        sums={"latency_bins": by_slot(late, bucket_index(took))}
        | {name: by_slot(at, v) for name, (v, at) in values.items()},
    )
    return Cell(
        outcomes=n,
        requests=n,
        errors={"timeout": int(failed.sum())},
        labelled={"task_success": int(judged.sum())},
        flagged={"task_success": int(well.sum())},
        sums={name: int(v.sum()) for name, (v, _) in values.items()},
        counts={name: len(v) for name, (v, _) in values.items()},
        sketches={name: sketch(v) for name, (v, _) in values.items()},
        slots=BySlot.of(slots) if buckets else NO_SLOTS,
    )
