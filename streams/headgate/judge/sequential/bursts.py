"""Bursts: outcomes come in correlated runs, so that a count is worth less than it looks.

The design effect D >= 1 of an arm divides its counts. It is estimated from stable's closed blocks
(10 s of pane time) alone and before the look, so that dividing by it keeps every bound.

Sources: Kish, "Survey Sampling" (1 + (n - 1) rho); Kleinman, "Proportions with extraneous
variance" (its moments).
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from math import prod

import numpy as np
import numpy.typing as npt

from headgate.judge.sequential.bets import Floats, Whole
from headgate.judge.sequential.sounding import sound_effect
from headgate.measure.compiled import compiled

FLOOR = 0.001
BLOCKS = 360  # an hour of panes
MERGES = (1, 2, 4, 8, 16)
_STEPS = [float(1.1**power) for power in range(-300, 800)]
_REACH = [step * (1 + 5e-8) for step in _STEPS]  # what is above by rounding is as good as there


def correlation(samples: npt.ArrayLike, hits: npt.ArrayLike, least: float = FLOOR) -> Floats:
    """An upper estimate of the correlation within blocks, shape (...) from shape (..., blocks).

    Moments of the beta-binomial: sum (s - n p)^2 / (n p (1-p)) exceeds K - 1 by rho sum (n - 1);
    one standard error is added. At least `least`, also where there is too little to tell.
    """
    counts = np.array([samples, hits], np.int64)
    _, *runs, blocks = counts.shape
    n, s = counts.reshape(2, prod(runs), blocks)
    return _correlations(n, s, 1, least).reshape(runs)


def _correlations(samples: Whole, hits: Whole, levels: int, least: float) -> Floats:
    """Of each row of blocks, and of merged ones, each level twice as long as the one before: shape
    (rows, levels) from (rows, blocks).
    """
    found = np.empty((len(samples), levels))
    _fill(found, samples, hits, least)
    return found


def _from_moments(blocks: float, total: float, hits: float, squares: float, least: float) -> float:
    """From the number of blocks that have any samples, the sums of samples and hits, and the sum of
    s^2 / n, which is that of (s - n p)^2 / n and p times the hits.
    """
    rate = hits / max(total, 1.0)
    variance = rate * (1 - rate)
    freedom = np.maximum(blocks - 1, 0)
    pairs = total - blocks
    if blocks < 2 or pairs < 1 or variance <= 0:
        return least
    spread = (squares - rate * hits) / variance
    excess: float = (spread - freedom + np.sqrt(2 * freedom)) / pairs
    return min(max(excess, least), 1.0)


@compiled(
    "(f8[:,::1], Array(i8, 2, 'A', True), Array(i8, 2, 'A', True), f8)",
    _from_moments,
)
def _fill(found: Floats, samples: Whole, hits: Whole, least: float) -> None:
    """The oldest odd blocks are left out."""
    rows, levels = found.shape
    blocks = samples.shape[1]
    for row in range(rows):
        for level in range(levels):
            length = 1 << level
            filled = total = total_hits = squares = 0.0
            for start in range(blocks % length, blocks, length):
                n = s = 0.0
                for block in range(start, start + length):
                    n += samples[row, block]
                    s += hits[row, block]
                filled += n > 0
                total += n
                total_hits += s
                squares += s * s / max(n, 1.0)
            found[row, level] = _from_moments(filled, total, total_hits, squares, least / length)


def design_effect(
    samples: npt.ArrayLike, hits: npt.ArrayLike, arm_samples: float, limit: float, side: int
) -> float:
    """D of an arm with `arm_samples` expected in a block, from stable's blocks (shape (blocks,)).

    The largest over blocks and merged blocks of 1 + (n - 1) rho, each raised until no bet on
    `limit` is expected to win under a beta-binomial on the limit.
    """
    rhos = correlations(samples, hits)[0]
    return effect_of(rhos, block_sizes(arm_samples), limit, side)


def correlations(samples: npt.ArrayLike, hits: npt.ArrayLike) -> list[tuple[float, ...]]:
    """The correlation within blocks, and within merged ones, for each row of (..., blocks).

    The same bursts weigh on merged blocks with a part of their correlation.
    """
    samples, hits = (np.atleast_2d(np.asarray(each, np.int64)) for each in (samples, hits))
    blocks = samples.shape[1]
    levels = sum([by == 1 or blocks // by >= 2 for by in MERGES])
    found = _correlations(samples, hits, levels, FLOOR)
    return [tuple([min(round_up(rho), 1.0) for rho in row]) for row in found.tolist()]


def block_sizes(arm_samples: float) -> tuple[float, ...]:
    """What an arm with `arm_samples` expected in a block has in blocks and in merged ones."""
    return tuple(round_up(max(arm_samples, 1.0) * by) for by in MERGES)


@lru_cache(maxsize=16_384)
def effect_of(rhos: tuple[float, ...], sizes: tuple[float, ...], limit: float, side: int) -> float:
    """D of an arm with blocks of such sizes under such correlations; there may be fewer of them."""
    effects = [sound_effect(n, limit, rho, side) for n, rho in zip(sizes, rhos, strict=False)]
    return max(1.0, *effects)


def round_up(number: float) -> float:
    """To the next of few values, each a tenth above the one before, so that results can be kept."""
    return _STEPS[bisect_left(_REACH, number)] if number > 0 else 0.0
