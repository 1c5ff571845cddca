"""Means of two arms, as an interval of their ratio that holds at every reading at once."""

from __future__ import annotations

from math import log

import numpy as np
import numpy.typing as npt

from headgate.judge.ab.special import Floats

LEAST = 100  # samples of each arm: the interval is asymptotic


def mixture_rate(alpha: float, tuned_to: npt.ArrayLike) -> Floats:
    """r, which makes the boundary tightest after `tuned_to` samples of both arms (> 0)."""
    found: Floats = tightest(alpha) / np.asarray(tuned_to, np.float64)
    return found


def tightest(alpha: float) -> float:
    """y = t r where the boundary is tightest: -2 ln alpha + ln(1 - 2 ln alpha)."""
    return -2 * log(alpha) + log(1 - 2 * log(alpha))


def boundary(y: npt.ArrayLike, alpha: float) -> Floats:
    """Standard errors that a normal mixture allows at y = t r: sqrt((y+1)/y ln((y+1)/alpha^2))."""
    y = np.asarray(y, np.float64)
    found: Floats = np.sqrt((y + 1) / y * (np.log1p(y) - 2 * log(alpha)))
    return found


def squared_error(
    samples: npt.ArrayLike, mean: npt.ArrayLike, variance: npt.ArrayLike, effect: npt.ArrayLike
) -> Floats:
    """Squared standard error of ln(mean) of one arm: effect s^2/(n mean^2) + 1/n^2.

    The last term is what one more sample, as far from the mean as zero is, would add: a hundred
    equal ratings do not prove that there is no other.
    """
    n = np.asarray(samples, np.float64)
    spread = np.asarray(variance, np.float64) / np.asarray(mean, np.float64) ** 2
    found: Floats = np.asarray(effect, np.float64) * spread / n + 1 / n**2
    return found


def ratio_interval(
    log_ratio: npt.ArrayLike,
    error: npt.ArrayLike,
    samples: npt.ArrayLike,
    *,
    tuned_to: npt.ArrayLike,
    alpha: float,
) -> tuple[Floats, Floats]:
    """ln of the lowest and highest ratio of the means; an asymptotic confidence sequence.

    Null hypothesis: ln of the ratio of the means = d, for each d outside; all readings from `LEAST`
    samples per arm on hold together with a chance of 1 - `alpha`. `log_ratio` is what was seen,
    `error` its standard error, `samples` and `tuned_to` the samples of both arms now and where the
    interval shall be tightest, which was fixed before the start.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and
    asymptotic confidence sequences" (2024), Gaussian mixture boundary.
    """
    y = np.asarray(samples, np.float64) * mixture_rate(alpha, tuned_to)
    reach = np.asarray(error, np.float64) * boundary(y, alpha)
    seen = np.asarray(log_ratio, np.float64)
    return seen - reach, seen + reach
