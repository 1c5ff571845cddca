"""Rates of two arms, as an interval of their ratio that holds at every reading at once."""

from __future__ import annotations

from math import log

import numpy as np
import numpy.typing as npt

from headgate.judge.ab.roots import crossing
from headgate.judge.ab.special import Floats, log_beta

KAPPA = 100.0  # how closely the mixture lies around the ratio that is asked about, in hits
FARTHEST = 40.0  # a ratio of e^40 is as good as none
_NONE = 1e-12


def evidence_against(
    log_ratio: npt.ArrayLike,
    hits: npt.ArrayLike,
    samples: npt.ArrayLike,
    other_hits: npt.ArrayLike,
    other_samples: npt.ArrayLike,
) -> Floats:
    """ln of the evidence against the null hypothesis: rate = e^`log_ratio` x the other arm's rate.

    Given the hits of both arms, the first arm's part of them is binomial with theta = rho w /
    (rho w + w'), w and w' the arms' samples (exact for Poisson counts, conservative for binomial
    ones). The evidence is the likelihood ratio of a beta mixture with mean theta and kappa = 100
    pseudo-hits: a test martingale, so that it ever reaches 1/alpha with a chance of at most alpha.
    Counts may be fractions after division by a design effect; samples are above 0.

    Source: Lindon and Malek, "Anytime-valid inference for multinomial count data" (2022).
    """
    k, n, j, m = (np.asarray(c, np.float64) for c in (hits, samples, other_hits, other_samples))
    odds = np.asarray(log_ratio, np.float64) + np.log(n) - np.log(m)
    log_theta, log_rest = -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
    a, b = KAPPA * np.exp(log_theta), KAPPA * np.exp(log_rest)
    mixture = log_beta(a + k, b + j) - log_beta(a, b)
    against: Floats = mixture - k * log_theta - j * log_rest
    return against


def ratio_interval(
    hits: npt.ArrayLike,
    samples: npt.ArrayLike,
    other_hits: npt.ArrayLike,
    other_samples: npt.ArrayLike,
    alpha: float,
) -> tuple[Floats, Floats]:
    """ln of the lowest and highest ratio of the rates that the evidence does not refuse at `alpha`.

    Infinite where one arm has no hits, on both sides where neither has any.
    """
    counts = np.broadcast_arrays(hits, samples, other_hits, other_samples)
    k, n, j, m = (np.asarray(c, np.float64) for c in counts)

    def above(log_ratio: Floats) -> Floats:
        return evidence_against(log_ratio, k, n, j, m) + log(alpha)

    seen = np.log(np.maximum(k, _NONE) / n) - np.log(np.maximum(j, _NONE) / m)
    seen = np.clip(np.where((k > 0) | (j > 0), seen, 0), -FARTHEST, FARTHEST)
    farthest = np.full_like(seen, FARTHEST)
    low, high = crossing(above, np.stack([seen, seen]), np.stack([-farthest, farthest]))
    return np.where(k > 0, low, -np.inf), np.where(j > 0, high, np.inf)
