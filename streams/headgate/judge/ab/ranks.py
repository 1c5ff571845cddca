"""Quantiles of two arms, as an interval of their ratio that holds at every reading at once."""

from __future__ import annotations

from math import log

import numpy as np
import numpy.typing as npt

from headgate.judge.ab.roots import crossing
from headgate.judge.ab.special import Floats, log_beta
from headgate.measure.hdr import IntArray, value_bounds
from headgate.measure.sketch import Sketch

KAPPA = 200.0


def evidence_against(ranks: npt.ArrayLike, samples: npt.ArrayLike, share: npt.ArrayLike) -> Floats:
    """ln of the evidence against the null hypothesis: the `share` quantile lies above just `ranks`
    of the `samples` (how many do is binomial with `share`).

    The likelihood ratio of a beta mixture with mean `share` and kappa = 200, a test martingale.
    Ranks and samples may be fractions after division by a design effect.

    Source: Howard and Ramdas, "Sequential estimation of quantiles with applications to A/B testing
    and best-arm identification" (2022), beta-binomial boundary.
    """
    k, n, q = (np.asarray(given, np.float64) for given in (ranks, samples, share))
    a, b = KAPPA * q, KAPPA * (1 - q)
    mixture = log_beta(a + k, b + n - k) - log_beta(a, b)
    against: Floats = mixture - k * np.log(q) - (n - k) * np.log(1 - q)
    return against


def rank_interval(
    samples: npt.ArrayLike, effect: npt.ArrayLike, share: npt.ArrayLike, alpha: float
) -> tuple[IntArray, IntArray]:
    """The lowest and highest rank (0 to `samples`) that the evidence does not refuse at half of
    `alpha`: each of two arms has its half.

    `samples` are whole and above 0, `effect` (at least 1) is what both are divided by.
    """
    given = np.broadcast_arrays(samples, effect, share)
    whole, divisor, q = (np.asarray(part, np.float64) for part in given)
    n = whole / divisor

    def above(ranks: Floats) -> Floats:
        return evidence_against(ranks, n, q) + log(alpha / 2)

    middle = n * q
    below, over = crossing(above, np.stack([middle, middle]), np.stack([np.zeros_like(n), n]))
    low, high = np.ceil(below * divisor), np.minimum(np.floor(over * divisor), whole)
    return low.astype(np.int64), high.astype(np.int64)


def edges(
    sketch: Sketch, lowest: npt.ArrayLike, highest: npt.ArrayLike
) -> tuple[IntArray, IntArray]:
    """Lower edge of the bin with rank `lowest`, upper edge of the one with `highest`, in the
    sketch's unit. Ranks count from 1; the sketch is not empty.
    """
    cumulated, last = np.cumsum(sketch.counts), len(sketch.indexes) - 1
    lower, upper = (
        np.minimum(np.searchsorted(cumulated, np.asarray(r)), last) for r in (lowest, highest)
    )
    return value_bounds(sketch.indexes[lower])[0], value_bounds(sketch.indexes[upper])[1]


def quantile_interval(sketch: Sketch, low: int, high: int) -> tuple[float, float]:
    """Between which values the quantile lies whose ranks are from `low` to `high`.

    From the lower edge of the bin with the lowest rank to the upper edge of the bin with the rank
    after the highest; 0 and infinity where there is no such rank, as in an empty sketch.
    """
    if not sketch.total:
        return 0.0, np.inf
    lower, upper = edges(sketch, low, high + 1)
    return (float(lower) if low > 0 else 0.0, float(upper) if high < sketch.total else np.inf)


def ratio_interval(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """ln of the lowest and highest ratio of two quantiles, each within its interval."""
    low = log(one[0] / other[1]) if one[0] > 0 and other[1] < np.inf else -np.inf
    high = log(one[1] / other[0]) if one[1] < np.inf and other[0] > 0 else np.inf
    return low, high
