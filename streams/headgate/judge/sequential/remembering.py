"""Remembering: what triggers keep of a look, beside their wealth: counts to explain, and a path."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np

from headgate.judge.sequential.bets import Floats, Whole
from headgate.judge.sequential.columns import NOT_YET_MS
from headgate.judge.sequential.state import Columns, Counted, Path
from headgate.measure.compiled import compiled

PATH_POINTS = 48
_PATH_STEP, _PATH_EVERY_MS = 0.7, 60_000  # ln 2: a doubling is worth a point
_SINCE, _CANDIDATE, _STABLE = (
    Counted.__struct_fields__.index(name) for name in ("since_ms", "candidate", "stable")
)

# What came of a trigger: its row; samples, hits and total of the candidate; the same of stable.
_FIGURES = len(Counted.__struct_fields__)


def count(columns: Columns, came: list[int], breach: Floats, since_ms: int) -> None:
    """Add what came after `since_ms`, the figures of one trigger after another. While the evidence
    of a breach (ln E by trigger) is nothing, the counts of what builds it begin anew.
    """
    fresh = np.fromiter(came, np.int64, len(came)).reshape(-1, _FIGURES)
    _count(columns.counts, fresh, breach, since_ms, NOT_YET_MS)


@compiled("(i8[:,:,::1], i8[:,::1], f8[::1], i8, i8)")
def _count(counts: Whole, came: Whole, breach: Floats, since_ms: int, never: int) -> None:
    for triggers in counts:
        for one in came:
            counted = triggers[one[0]]
            counted[_SINCE] = min(counted[_SINCE], since_ms)
            for of in range(1, len(one)):
                counted[of] += one[of]
    for row in range(len(breach)):
        if breach[row] < 0:
            counts[0, row] = 0
            counts[0, row, _SINCE] = never


def with_points(
    paths: Sequence[Path], came: list[int], breach: Floats, now_ms: int
) -> tuple[Path, ...]:
    """The paths of all triggers, with a point each where samples came of it and the evidence (ln E)
    has doubled or halved, or a minute has passed.
    """
    after, minute_ago_ms = list(paths), now_ms - _PATH_EVERY_MS
    rows = came[::_FIGURES]
    of_candidate = set(compress(rows, came[_CANDIDATE::_FIGURES]))
    of_stable = set(compress(rows, came[_STABLE::_FIGURES]))
    for row, log_e in enumerate(breach.tolist()):
        path = paths[row]
        if path:
            last_ms, last = path[-1]
            if last_ms > minute_ago_ms and -_PATH_STEP < log_e - last < _PATH_STEP:
                continue
        if row in of_candidate or (path and row in of_stable):
            after[row] = _with_point(path, now_ms, log_e)
    return tuple(after)


def _with_point(path: Path, now_ms: int, log_e: float) -> Path:
    path = (*path, (now_ms, round(log_e, 3)))
    return (*path[:-1:2], path[-1]) if len(path) > PATH_POINTS else path
