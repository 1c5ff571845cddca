"""Supposing: how the samples of a bad candidate and a healthy stable might come.

Drawn look by look over a leading axis of simulated runs and turned into increments by the bets
themselves. Outcomes are independent here; where they come in bursts a proof takes longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import NormalDist
from typing import Protocol

import numpy as np
import numpy.typing as npt

from headgate.judge.sequential import bets
from headgate.judge.sequential.bets import BREACH, Floats

LATENCY_SIGMA = 0.6  # of log-normal latencies, the measured spread of chat traffic
RATINGS: Floats = np.arange(1.0, 6.0)
_RATING_SHAPE: Floats = np.array([0.12, 0.12, 0.20, 0.26, 0.30])
_VALUE_BINS, _VALUE_REACH = 64, 4.0  # bins of a log-normal, from -4 to 4 deviations
_NORMAL = NormalDist()
Cases = npt.NDArray[np.intp]


class Supposed(Protocol):
    """What the two arms of one trigger may send."""

    def increments(
        self, rng: np.random.Generator, cases: Cases, samples: int, stable_samples: int
    ) -> list[Floats]:
        """Of one look, the log-increments of every test, shape (runs, 8) each.

        `cases` says, for each run, how bad the candidate is there.
        """
        ...


@dataclass(frozen=True, slots=True)
class Hits:
    """Rates: the candidate's by case, and stable's; `limit` and `ratio` where there is a test."""

    rates: Floats
    stable: float
    limit: float | None
    ratio: float | None

    def increments(
        self, rng: np.random.Generator, cases: Cases, samples: int, stable_samples: int
    ) -> list[Floats]:
        """As `Supposed` says."""
        tests = []
        hits = rng.binomial(samples, self.rates[cases])
        if self.limit is not None:
            tests.append(bets.rate_against_limit(hits, samples, self.limit, BREACH))
        if self.ratio is not None and stable_samples:
            beside = rng.binomial(stable_samples, self.stable, len(cases))
            tests.append(
                bets.ratio_of_rates(
                    hits, samples, beside, stable_samples, ratio=self.ratio, side=BREACH
                )
            )
        return tests


@dataclass(frozen=True, slots=True)
class Values:
    """Values in bins, shape (cases, bins): what they are and how often each comes.

    Stable's have shape (bins,); `reference` is its mean. `relative` is a ratio, or for `ratings` a
    margin.
    """

    values: Floats
    shares: Floats
    stable_values: Floats
    stable_shares: Floats
    reference: float
    limit: float | None
    relative: float | None
    ratings: bool

    def increments(
        self, rng: np.random.Generator, cases: Cases, samples: int, stable_samples: int
    ) -> list[Floats]:
        """As `Supposed` says; increments are sums over values, so each value's worth is enough."""
        tests = []
        counts = rng.multinomial(samples, self.shares[cases]).astype(np.float64)
        one = np.eye(counts.shape[-1])
        if self.limit is not None:
            worth = [self._against_limit(values, one) for values in self.values]
            tests.append(_summed(counts, np.array(worth)[cases]))
        if self.relative is not None and stable_samples:
            beside = rng.multinomial(stable_samples, self.stable_shares, len(cases))
            rows = [self._against_stable(v, one, samples, stable_samples) for v in self.values]
            mine, others = (np.array(column) for column in zip(*rows, strict=True))
            tests.append(_summed(counts, mine[cases]) + _summed(beside, others[cases]))
        return tests

    def _against_limit(self, values: Floats, one: Floats) -> Floats:
        limit = self.limit or 0.0
        if self.ratings:
            return bets.rating_against_limit(values, one, limit, BREACH)
        return bets.mean_against_limit(values, one, limit)

    def _against_stable(
        self, values: Floats, one: Floats, samples: int, stable_samples: int
    ) -> tuple[Floats, Floats]:
        """What one candidate's sample of each value wins, and one of stable's."""
        mine, others = one * samples, one * stable_samples
        first = self._both(values, mine, others[:1])
        second = self._both(values, mine[:1], others)
        return first / samples, (second - second[0]) / stable_samples

    def _both(self, values: Floats, counts: Floats, stable_counts: Floats) -> Floats:
        allowed, x = self.relative or 1.0, self.reference
        if self.ratings:
            return bets.rating_against_stable(
                values, counts, self.stable_values, stable_counts, reference=x, margin=allowed
            )
        return bets.mean_against_stable(
            values, counts, self.stable_values, stable_counts, reference=x, ratio=allowed
        )


def _summed(counts: npt.ArrayLike, worth: Floats) -> Floats:
    total: Floats = np.matmul(np.asarray(counts, np.float64)[:, None, :], worth)[:, 0, :]
    return total


def slower(factors: Sequence[float], share: float) -> Floats:
    """How many log-normal latencies lie over the value that a `share` may not exceed, where all
    are `factors` times as slow as allowed.
    """
    z = _NORMAL.inv_cdf(share)
    return np.array([1 - _NORMAL.cdf(z - log(factor) / LATENCY_SIGMA) for factor in factors])


def log_normal(mean: float, sigma: float) -> tuple[Floats, Floats]:
    """Values and shares of a log-normal in bins, with that mean."""
    edges = np.linspace(-_VALUE_REACH, _VALUE_REACH, _VALUE_BINS + 1)
    below = np.array([_NORMAL.cdf(edge) for edge in edges])
    shares = np.diff(below) / (below[-1] - below[0])
    values = np.exp(sigma * (edges[:-1] + edges[1:]) / 2)
    return values * (mean / float(shares @ values)), shares


def rating_shares(mean: float) -> Floats:
    """How often ratings 1 to 5 come where their mean is `mean`: a usual shape, tilted to it."""
    low, high = -50.0, 50.0
    for _ in range(60):
        tilt = (low + high) / 2
        shares = _RATING_SHAPE * np.exp(tilt * (RATINGS - 3) - abs(tilt) * 2)
        shares /= shares.sum()
        low, high = (tilt, high) if float(shares @ RATINGS) < mean else (low, tilt)
    return shares
