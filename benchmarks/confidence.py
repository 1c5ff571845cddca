"""How sure a share is that was counted in a number of runs."""

from __future__ import annotations

from math import exp, lgamma, log

SURE = 0.95


def upper_bound(found: int, runs: int, sure: float = SURE) -> float:
    """The largest share that `found` of `runs` still leaves possible (Clopper and Pearson, 1934):
    were it larger, so few would be found in less than 1 - `sure` of such counts.
    """
    if found >= runs:
        return 1.0
    low, high = found / runs, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _so_few(found, runs, middle) > 1 - sure else (low, middle)
    return high


def _so_few(found: int, runs: int, share: float) -> float:
    """The chance of at most `found` hits in `runs`."""
    if not 0 < share < 1:
        return float(share <= 0)
    return sum(
        exp(
            lgamma(runs + 1)
            - lgamma(k + 1)
            - lgamma(runs - k + 1)
            + k * log(share)
            + (runs - k) * log(1 - share)
        )
        for k in range(found + 1)
    )
