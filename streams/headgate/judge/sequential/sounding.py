"""The sound effect: what a count of correlated outcomes is divided by, so that no bet on it can be
expected to win.

It is what bisection over all bets on a fine grid finds. Which bets matter, and about where, is told
by a few points on a rough grid; that bisection would end there, or where else, by the two points of
the fine one between which it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from operator import gt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headgate.judge.sequential.bets import BETS, BREACH, Floats, rate_stakes

_NO_MORE = 1e-9  # above 1, as a logarithm, is no more than rounding
_GRID, _ROUGH = 1_001, 64  # points
_APART: Floats = 1.15 ** np.arange(8.0)[:, None]
_NEAR = 0.95  # of the largest: the grids differ by less than a hundredth
_STEP = 1.005
_TRIES = 4
_END, _NEGLIGIBLE = 30.0, 200.0  # logits; logarithms below the peak

Bets = npt.NDArray[np.intp]
ALL: Bets = np.arange(BETS)


@lru_cache(maxsize=65_536)
def sound_effect(samples: float, limit: float, rho: float, side: int = BREACH) -> float:
    """The smallest D >= 1 + (n-1) rho under which every bet on `limit` has a factor <= 1.

    Null hypothesis: blocks of `samples` are beta-binomial with mean `limit` and correlation `rho`.
    """
    low = 1 + (samples - 1) * rho
    if samples <= 1 or rho >= 1:
        return low
    null = _Null(samples, limit, rho, side)
    bets, found = _nearest(null, low)
    for _ in range(_TRIES):
        below, effect = _least_effect(low, partial(gt, found))
        ends = np.array([[below], [effect if effect > below else below * _STEP]])
        gains = _expected(null, _GRID, bets, ends)
        wins, still_wins = (bool(row.any()) for row in _above_1(gains))
        if not wins if below == effect else wins and not still_wins:
            return effect
        found = float(_on_line(*ends, *(gains * ends)).max())
    return _least_effect(low, partial(_wins, null))[1]


class _Null(NamedTuple):
    """A null hypothesis: blocks of `samples` with mean `limit` and correlation `rho`."""

    samples: float
    limit: float
    rho: float
    side: int


def _least_effect(low: float, wins: Callable[[float], bool]) -> tuple[float, float]:
    """The least effect from `low` on under which no bet wins, to half a percent, and one just below
    it under which some does; twice the same where none does under `low`.

    A bet that cannot be expected to win cannot under any larger effect either.
    """
    if not wins(low):
        return low, low
    high = 2 * low
    while wins(high):
        high = 2 * high
    while high / low > _STEP:
        middle = (low * high) ** 0.5
        if wins(middle):
            low = middle
        else:
            high = middle
    return low, high


def _nearest(null: _Null, low: float) -> tuple[Bets, float]:
    """The bets that need the largest effects, at least `low`, and about how large these are."""
    effects = low * _APART
    while True:
        gains = _expected(null, _ROUGH, ALL, effects)
        if not _above_1(gains[-1]).any():
            break
        effects = effects * _APART[-1]
    last = np.count_nonzero(_above_1(gains), 0)  # the first point at which a bet loses
    before, worth = np.maximum(last - 1, 0), gains * effects
    ends = (effects[before, 0], effects[last, 0])
    roughly = _on_line(*ends, worth[before, ALL], worth[last, ALL])
    largest = float(roughly.max())
    return (roughly >= _NEAR * largest).nonzero()[0], largest


def _on_line(one: Floats, other: Floats, y: Floats, z: Floats) -> Floats:
    """Where the line through (one, y) and (other, z) is 0: what a bet wins times the effect is
    almost a line.
    """
    found: Floats = one - y * (other - one) / np.where(y == z, 1.0, z - y)
    return found


def _wins(null: _Null, effect: float) -> bool:
    """Whether any bet has an expected factor of a block above 1."""
    return bool(_above_1(_expected(null, _GRID, ALL, np.array([[effect]]))).any())


def _above_1(expected: Floats) -> npt.NDArray[np.bool_]:
    """Which factors, by their logarithms, are above 1."""
    above: npt.NDArray[np.bool_] = expected > _NO_MORE
    return above


def _expected(null: _Null, grid: int, bets: Bets, effects: Floats) -> Floats:
    """The logarithm of each bet's expected factor of a block, divided by each effect: shape
    (effects, bets) for effects of that shape or (effects, 1).

    Given the block's rate p a bet's factor is (p e^h + (1-p) e^m)^n, for what it wins on a hit and
    on a miss; the beta distribution of p is integrated over a grid.
    """
    samples, limit, rho, side = null
    effect = effects[..., None]
    on_hit, on_miss = (stakes[bets, None] for stakes in rate_stakes(limit, side))
    p, q, log_weights = _beta_grid(limit, rho, grid)
    factor = p * np.exp(on_hit / effect)
    factor += q * np.exp(on_miss / effect)
    exponents = np.log(factor, out=factor)  # in place: these are large
    exponents *= samples
    exponents += log_weights
    top = np.maximum.reduce(exponents, -1)
    exponents -= top[..., None]
    expected: Floats = top + np.log(np.add.reduce(np.exp(exponents, out=exponents), -1))
    return expected


@lru_cache(maxsize=1024)
def _beta_grid(mean: float, rho: float, points: int) -> tuple[Floats, Floats, Floats]:
    """p, 1 - p and the logarithms of weights that sum to 1, of a beta distribution.

    Equal steps of the logit; what lies beyond the ends, where p is as good as 0 or 1, is put there.
    """
    spread = (1 - rho) / rho
    alpha, beta = mean * spread, (1 - mean) * spread
    logits = np.linspace(-_END, _END, _GRID)
    density = _log_density(logits, alpha, beta)
    near = logits[density > density.max() - _NEGLIGIBLE]
    step = logits[1] - logits[0]
    logits = np.linspace(max(near[0] - step, -_END), min(near[-1] + step, _END), points)
    density = _log_density(logits, alpha, beta)
    step = float(logits[1] - logits[0])
    density[0] += np.log1p(1 / (alpha * step))
    density[-1] += np.log1p(1 / (beta * step))
    density -= density.max()
    p, q = np.exp(-np.logaddexp(0, -logits)), np.exp(-np.logaddexp(0, logits))
    return p, q, density - np.log(np.exp(density).sum())


def _log_density(logits: Floats, alpha: float, beta: float) -> Floats:
    """Of the logit of a beta variable, but for a constant."""
    log_p, log_q = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
    density: Floats = alpha * log_p + beta * log_q
    return density
