"""An e-process: a bank of eight bets whose mean is the evidence against a null hypothesis."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from headgate.judge.sequential.bets import BETS, Flags, Floats, Whole
from headgate.measure.compiled import compiled

# Stands for the logarithm of zero: far below anything that matters, and no infinity in a state.
NOTHING = -1e3
_LEAST = 1e-300


def empty(runs: tuple[int, ...] = ()) -> Floats:
    """Wealth of bets that have not begun, in logarithms: shape (*runs, 8)."""
    return np.full((*runs, BETS), NOTHING)


def advance(log_wealth: Floats, increment: Floats, budget: npt.ArrayLike) -> Floats:
    """The wealth after a look: new money comes in first, then the look decides over all of it.

    `increment` has shape (..., 8), `budget` shape (...). An increment that is no number (counts
    that make no sense) leaves the wealth as it was.
    """
    new = np.log(np.maximum(np.asarray(budget, np.float64), _LEAST))[..., None]
    after = np.maximum(np.logaddexp(log_wealth, new) + increment, NOTHING)
    finite = np.isfinite(after)
    return after if finite.all() else np.where(finite, after, log_wealth)


def log_e_value(log_wealth: Floats) -> Floats:
    """The logarithm of the e-value, the mean wealth: shape (...)."""
    top: Floats = log_wealth.max(-1)
    mean: Floats = top + np.log(np.exp(log_wealth - top[..., None]).sum(-1) / BETS)
    return mean


@compiled("(f8[:,::1], f8[::1], i8[::1], b1[::1], f8[:,::1], f8[::1], i8)")
def grow(  # noqa: PLR0917 - machine code is called by position
    wealth: Floats,
    log_e: Floats,
    spent: Whole,
    looked: Flags,
    increments: Floats,
    budgets: Floats,
    requests: int,
) -> None:
    """Those tests of one run that are `looked` at, advanced, their e-values, and up to which of the
    `requests` they have spent their budget: in place, and for a tenth of what `advance` and
    `log_e_value` take. Shapes (tests, 8) and (tests,).
    """
    bets = wealth.shape[1]
    for test in range(len(looked)):
        if not looked[test]:
            continue
        new, top, mean = np.log(max(budgets[test], _LEAST)), NOTHING, 0.0
        for bet in range(bets):
            after = np.logaddexp(wealth[test, bet], new) + increments[test, bet]
            if after < np.inf:
                wealth[test, bet] = max(after, NOTHING)
            top = max(top, wealth[test, bet])
        for bet in range(bets):
            mean += np.exp(wealth[test, bet] - top) / bets
        log_e[test] = top + np.log(mean)
        spent[test] = requests
