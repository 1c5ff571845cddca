"""The budget: how much a look may add to an e-process, spent in requests, never above 1 in all.

Under the null hypothesis E minus the budget spent is a supermartingale, so that the chance of ever
seeing E >= 1/alpha is at most alpha while the whole budget is at most 1 (Shin, Ramdas, Rinaldo,
"E-detectors", 2023). Counting looks instead of requests would break the bound.
"""

from __future__ import annotations

from math import floor, log2

import numpy as np

from headgate.judge.sequential.bets import Counts, Flags, Floats, Whole
from headgate.measure.compiled import compiled

FIRST = 0.5  # for a version that is bad from the start
LATER = 0.25  # over the planned requests; then a half of it over twice as many, and so on
MIN_PLANNED = 10_000


def phase_budget(planned: int, before: Counts, now: Counts, first: Counts) -> Floats:
    """What a look of a rollout phase may spend: it takes the candidate from `before` to `now`
    requests. `first` marks the first look with candidate data. Never over 1 in all, whatever
    the looks and however long the phase outlasts its `planned` requests.
    """
    shares = np.asarray(before, np.float64) / planned, np.asarray(now, np.float64) / planned
    since, until = (_spent_many(share) for share in shares)
    return np.where(first, FIRST, until - since)


def _spent(share: float) -> float:
    """Of the later budget, after `share` times the planned requests: a quarter over the first
    one, then a quarter times 2^-k over the next 2^k ones.
    """
    if share < 1:
        return LATER * share
    whole = 2.0 ** floor(log2(share + 1))  # 2^k, where 2^k - 1 <= share
    return LATER * (2 - 2 / whole + (share - whole + 1) / whole**2)


_spent_many = np.vectorize(_spent, otypes=[np.float64])


def production_budget(requests_in_30_days: float, before: Counts, now: Counts) -> Floats:
    """Shiryaev-Roberts: at most alpha false alarms in 30 days of requests, for ever."""
    spent = np.asarray(now, np.float64) - np.asarray(before, np.float64)
    return spent / max(requests_in_30_days, 1.0)


def proof_budget(first: Counts) -> Floats:
    """Proving good is a single bet per phase: everything at the first look, nothing later."""
    return np.where(np.asarray(first), 1.0, 0.0)


@compiled("(f8[::1], i8[::1], b1[::1], i8, i8, b1)", _spent)
def set_budgets(  # noqa: PLR0917 - machine code is called by position
    budgets: Floats, spent: Whole, prove_good: Flags, requests: int, planned: int, forever: bool
) -> None:
    """Set in `budgets` what each test of one run may spend, by its number: of a phase, or
    `forever`, or to `prove_good`. `spent` is up to which requests it has spent its budget, -1
    before its first look.
    """
    for test in range(len(spent)):
        before = spent[test]
        if prove_good[test]:
            budgets[test] = 1.0 if before < 0 else 0.0
        elif forever:
            budgets[test] = (requests - max(before, 0)) / max(planned, 1)
        elif before < 0:
            budgets[test] = FIRST
        else:
            budgets[test] = _spent(requests / planned) - _spent(before / planned)
