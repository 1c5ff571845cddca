"""Remembering: what triggers keep of a look, beside their wealth: counts to explain, and a path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headgate.judge.sequential.bets import Floats
from headgate.judge.sequential.columns import COUNTS, uncounted
from headgate.judge.sequential.state import Columns, Counted, Path

PATH_POINTS = 48
_PATH_STEP, _PATH_EVERY_MS = 0.7, 60_000  # ln 2: a doubling is worth a point
_SINCE, _CANDIDATE, _STABLE = (
    Counted.__struct_fields__.index(name) for name in ("since_ms", "candidate", "stable")
)


def count(columns: Columns, counted: list[list[int]], breach: Floats, now_ms: int) -> None:
    """Add what came. While the evidence of a breach (ln E by trigger) is nothing, the counts of
    what builds it begin anew.
    """
    counts = columns.counts
    fresh = np.array(counted, np.int64).reshape(-1, COUNTS)
    since, sums = counts[..., _SINCE], counts[..., _SINCE + 1 :]
    np.minimum(since, fresh[:, _SINCE], out=since)
    sums += fresh[:, _SINCE + 1 :]
    counts[0, breach < 0] = uncounted()


def with_points(
    paths: Sequence[Path], counted: list[list[int]], breach: Floats, now_ms: int
) -> tuple[Path, ...]:
    """The paths of all triggers, with a point each where samples came of it and the evidence (ln E)
    has doubled or halved, or a minute has passed.
    """
    after, minute_ago_ms = list(paths), now_ms - _PATH_EVERY_MS
    for row, log_e in enumerate(breach.tolist()):
        path, came = paths[row], counted[row]
        if path:
            last_ms, last = path[-1]
            if last_ms > minute_ago_ms and -_PATH_STEP < log_e - last < _PATH_STEP:
                continue
        if came[_CANDIDATE] or (path and came[_STABLE]):
            after[row] = _with_point(path, now_ms, log_e)
    return tuple(after)


def _with_point(path: Path, now_ms: int, log_e: float) -> Path:
    path = (*path, (now_ms, round(log_e, 3)))
    return (*path[:-1:2], path[-1]) if len(path) > PATH_POINTS else path
