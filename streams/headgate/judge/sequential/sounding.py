"""The sound effect: what a count of correlated outcomes is divided by, so that no bet on it can be
expected to win.

Found by bisection over all bets, where a block's rate has a beta distribution that is integrated
over a grid.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from headgate.judge.sequential.bets import BREACH, Floats, rate_stakes
from headgate.measure.compiled import compiled

_NO_MORE = 1e-9  # above 1, as a logarithm, is no more than rounding
_STEP = 1.005
_END, _NEGLIGIBLE = 30.0, 200.0  # logits; logarithms below the peak
_POINTS = 129  # of the grid: the error of equal steps falls exponentially, here below rounding
_LOGITS: Floats = np.linspace(-_END, _END, 1_001)

Grid = tuple[Floats, Floats, Floats]  # p, 1 - p and the logarithms of weights that sum to 1


@lru_cache(maxsize=65_536)
def sound_effect(samples: float, limit: float, rho: float, side: int = BREACH) -> float:
    """The smallest D >= 1 + (n-1) rho under which every bet on `limit` has a factor <= 1.

    Null hypothesis: blocks of `samples` are beta-binomial with mean `limit` and correlation `rho`.
    """
    low = 1 + (samples - 1) * rho
    if samples <= 1 or rho >= 1:
        return low
    return _least_effect(low, samples, *rate_stakes(limit, side), _beta_grid(limit, rho))


def _wins(effect: float, samples: float, on_hit: float, on_miss: float, grid: Grid) -> bool:
    """Whether a bet has an expected factor of a block above 1, to the power of 1 / `effect`.

    Given the block's rate p the factor is (p e^h + q e^m)^n, for what the bet wins on a hit and on
    a miss, with q = 1 - p.
    """
    p, q, log_weights = grid
    hit, miss = np.exp(on_hit / effect), np.exp(on_miss / effect)
    exponents = samples * np.log(p * hit + q * miss) + log_weights
    top = exponents.max()
    return bool(top + np.log(np.exp(exponents - top).sum()) > _NO_MORE)


@compiled("f8(f8, f8, f8[::1], f8[::1], UniTuple(f8[::1], 3))", _wins)
def _least_effect(
    effect: float, samples: float, on_hit: Floats, on_miss: Floats, grid: Grid
) -> float:
    """The least from `effect` on under which no bet wins, to half a percent.

    A bet that cannot be expected to win cannot under any larger effect either.
    """
    for bet in range(len(on_hit) - 1, -1, -1):  # the most daring ones win the most
        hit, miss = on_hit[bet], on_miss[bet]
        if not _wins(effect, samples, hit, miss, grid):
            continue
        low, effect = effect, 2 * effect
        while _wins(effect, samples, hit, miss, grid):
            low, effect = effect, 2 * effect
        while effect / low > _STEP:
            middle = (low * effect) ** 0.5
            if _wins(middle, samples, hit, miss, grid):
                low = middle
            else:
                effect = middle
    return effect


@lru_cache(maxsize=1024)
def _beta_grid(mean: float, rho: float) -> Grid:
    """The grid of a beta distribution.

    Equal steps of the logit. What lies beyond the ends, where p is as good as 0 or 1, is put there:
    as the same steps would sum to, without end.
    """
    spread = (1 - rho) / rho
    alpha, beta = mean * spread, (1 - mean) * spread
    density = _log_density(*_log_shares(_LOGITS), alpha, beta)
    near = _LOGITS[density > density.max() - _NEGLIGIBLE]
    margin = _LOGITS[1] - _LOGITS[0]
    logits = np.linspace(max(near[0] - margin, -_END), min(near[-1] + margin, _END), _POINTS)
    log_p, log_q = _log_shares(logits)
    density = _log_density(log_p, log_q, alpha, beta)
    step = float(logits[1] - logits[0])
    density[0] -= np.log(-np.expm1(-alpha * step))
    density[-1] -= np.log(-np.expm1(-beta * step))
    density -= density.max()
    return np.exp(log_p), np.exp(log_q), density - np.log(np.exp(density).sum())


def _log_shares(logits: Floats) -> tuple[Floats, Floats]:
    """The logarithms of p and 1 - p."""
    beyond = np.log1p(np.exp(-np.abs(logits)))
    return np.minimum(logits, 0) - beyond, np.minimum(-logits, 0) - beyond


def _log_density(log_p: Floats, log_q: Floats, alpha: float, beta: float) -> Floats:
    """Of the logit of a beta variable, but for a constant."""
    density: Floats = alpha * log_p + beta * log_q
    return density
