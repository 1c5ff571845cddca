"""Bursts: outcomes come in correlated runs, so that a count is worth less than it looks.

The design effect D >= 1 of an arm divides its counts. It is estimated from stable's closed blocks
(10 s of pane time) alone and before the look, so that dividing by it keeps every bound.

Sources: Kish, "Survey Sampling" (1 + (n - 1) rho); Kleinman, "Proportions with extraneous
variance" (its moments).
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, log

import numpy as np
import numpy.typing as npt

from headgate.judge.sequential.bets import Floats
from headgate.judge.sequential.sounding import sound_effect
from headgate.measure.compiled import compiled

FLOOR = 0.001
BLOCKS = 360  # an hour of panes
MERGES = (1, 2, 4, 8, 16)
_LOG_STEP = log(1.1)


def correlation(
    samples: npt.ArrayLike, hits: npt.ArrayLike, least: float | Floats = FLOOR
) -> Floats:
    """An upper estimate of the correlation within blocks, shape (...) from shape (..., blocks).

    Moments of the beta-binomial: sum (s - n p)^2 / (n p (1-p)) exceeds K - 1 by rho sum (n - 1);
    one standard error is added. At least `least`, also where there is too little to tell.
    """
    counts = _counts(samples, hits)
    rows = counts.reshape(2, -1, counts.shape[-1])
    return _from_moments(_moments(rows, 1), least).reshape(counts.shape[1:-1])


def _counts(samples: npt.ArrayLike, hits: npt.ArrayLike) -> Floats:
    """Samples and hits, shape (2, ..., blocks); an empty block where there is none."""
    counts = np.array([samples, hits], np.float64)
    return counts if counts.shape[-1] else np.zeros((*counts.shape[:-1], 1))


def _moments(counts: Floats, levels: int) -> Floats:
    """Of each row of blocks, and of merged ones, each level twice as long as the one before: the
    blocks that have any samples, the sums of samples and hits, and the sum of s^2 / n, which is
    that of (s - n p)^2 / n and p times the hits. Shape (4, rows, levels) from (2, rows, blocks);
    the oldest odd blocks are left out.
    """
    moments = np.zeros((4, counts.shape[1], levels))
    _add_moments(moments, counts)
    return moments


@compiled("(f8[:,:,::1], f8[:,:,::1])")
def _add_moments(moments: Floats, counts: Floats) -> None:
    _, rows, levels = moments.shape
    blocks = counts.shape[2]
    for row in range(rows):
        for level in range(levels):
            length = 1 << level
            for start in range(blocks % length, blocks, length):
                n = s = 0.0
                for block in range(start, start + length):
                    n += counts[0, row, block]
                    s += counts[1, row, block]
                moments[0, row, level] += n > 0
                moments[1, row, level] += n
                moments[2, row, level] += s
                moments[3, row, level] += s * s / max(n, 1.0)


def _from_moments(moments: Floats, least: float | Floats) -> Floats:
    blocks, total, hits, squares = moments
    rate = hits / np.maximum(total, 1)
    variance = rate * (1 - rate)
    freedom = np.maximum(blocks - 1, 0)
    pairs = total - blocks
    known = (blocks >= 2) & (pairs >= 1) & (variance > 0)
    spread = (squares - rate * hits) / np.where(known, variance, 1)
    excess = (spread - freedom + np.sqrt(2 * freedom)) / np.maximum(pairs, 1)
    found: Floats = np.minimum(np.maximum(np.where(known, excess, least), least), 1.0)
    return found


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
    counts = _counts(np.atleast_2d(samples), np.atleast_2d(hits))
    blocks = counts.shape[-1]
    levels = [by for by in MERGES if by == 1 or blocks // by >= 2]
    found = _from_moments(_moments(counts, len(levels)), FLOOR / np.array(levels))
    return [tuple(min(round_up(rho), 1.0) for rho in row) for row in found.tolist()]


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
    return float(1.1 ** ceil(round(log(number) / _LOG_STEP, 6))) if number > 0 else 0.0
