"""What one look says, per question: counts drawn for many runs, and Headgate's bets on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from headgate.judge.sequential import bets
from headgate.judge.sequential.bets import BREACH, Floats
from headgate.measure.hdr import bucket_index, value_bounds

LOOK = 50  # candidate requests

RATINGS = np.arange(1.0, 6.0)
RATING_SHARES = {
    4.2: [0.03, 0.05, 0.12, 0.29, 0.51],
    3.8: [0.08, 0.09, 0.16, 0.29, 0.38],
    3.5: [0.12, 0.12, 0.20, 0.26, 0.30],
    3.2: [0.18, 0.14, 0.20, 0.26, 0.22],
    3.0: [0.22, 0.16, 0.22, 0.20, 0.20],
    2.5: [0.32, 0.22, 0.20, 0.16, 0.10],
}
MEDIAN_MS = 800.0

Look = Callable[[np.random.Generator, int], Floats]  # increments of one look, shape (runs, 8)


def rate(truth: float, limit: float, side: int = BREACH, size: int = LOOK) -> Look:
    return lambda rng, runs: bets.rate_against_limit(
        rng.binomial(size, truth, runs), size, limit, side
    )


def ratio(truth: float, stable: float, allowed: float, times: int, side: int = BREACH) -> Look:
    def look(rng: np.random.Generator, runs: int) -> Floats:
        mine = rng.binomial(LOOK, truth, runs)
        other = rng.binomial(times * LOOK, stable, runs)
        return bets.ratio_of_rates(mine, LOOK, other, times * LOOK, ratio=allowed, side=side)

    return look


def rating(truth: float, limit: float, side: int = BREACH) -> Look:
    def look(rng: np.random.Generator, runs: int) -> Floats:
        counts = rng.multinomial(LOOK, RATING_SHARES[truth], runs)
        return bets.rating_against_limit(RATINGS, counts, limit, side)

    return look


class RatingBeside:
    """Ratings beside stable's; stable's mean so far is what the next look is measured by."""

    def __init__(self, truth: float, stable: float, times: int, margin: float) -> None:
        self.truth, self.stable, self.times, self.margin = truth, stable, times, margin

    def __call__(self, rng: np.random.Generator, runs: int) -> Floats:
        mine = rng.multinomial(LOOK, RATING_SHARES[self.truth], runs)
        other = rng.multinomial(self.times * LOOK, RATING_SHARES[self.stable], runs)
        return bets.rating_against_stable(
            RATINGS, mine, RATINGS, other, reference=self.stable, margin=self.margin
        )


def lognormal(
    rng: np.random.Generator, median: float, sigma: float, shape: tuple[int, int]
) -> Floats:
    values: Floats = rng.lognormal(np.log(median), sigma, shape)
    return values


class LatencyBeside:
    """Latencies beside stable's: `reference` is stable's p95 as the looks before told it, or the
    true one. Runs that have alarmed leave; the window of the others is kept in step.
    """

    def __init__(
        self, slower: float, times: int, *, sigma: float = 0.6, known: bool = False
    ) -> None:
        self.slower, self.times, self.sigma, self.known = slower, times, sigma, known
        self.true_p95 = MEDIAN_MS * np.exp(1.6448536 * sigma)

    def side(self, side: int) -> Look:
        reference: Floats | None = None

        def look(rng: np.random.Generator, runs: int) -> Floats:
            nonlocal reference
            if reference is None or len(reference) > runs:
                past = lognormal(rng, MEDIAN_MS, self.sigma, (runs, 2_000))
                edges = _upper(np.quantile(past, 0.95, axis=1))
                reference = np.full(runs, _upper(self.true_p95)) if self.known else edges
            mine = lognormal(rng, MEDIAN_MS * self.slower, self.sigma, (runs, LOOK))
            other = lognormal(rng, MEDIAN_MS, self.sigma, (runs, self.times * LOOK))
            limit = 1.5 * reference[:, None]
            if side == BREACH:
                over = (_lower(mine) > limit).sum(1)
            else:
                over = (_upper(mine) > limit).sum(1)
            stable_over = (_lower(other) > reference[:, None]).sum(1)
            return bets.ratio_of_rates(
                over, LOOK, stable_over, self.times * LOOK, ratio=1.0, side=side
            )

        return look


def _bins(values: Floats) -> tuple[Floats, Floats]:
    lower, upper = value_bounds(bucket_index(np.rint(np.asarray(values) * 1000).astype(np.int64)))
    return lower / 1000, upper / 1000


def _lower(values: Floats) -> Floats:
    return _bins(values)[0]


def _upper(values: Floats) -> Floats:
    return _bins(values)[1]


def mean_beside(times_mean: float, allowed: float, sigma: float, times: int) -> Look:
    """Means of a log-normal measure beside stable's, whose mean is known from before."""
    median = 1_000.0
    mean = median * np.exp(sigma**2 / 2)

    def look(rng: np.random.Generator, runs: int) -> Floats:
        mine = _lower(lognormal(rng, median * times_mean, sigma, (runs, LOOK)))
        other = _upper(lognormal(rng, median, sigma, (runs, times * LOOK)))
        one = np.ones(())
        return bets.mean_against_stable(
            mine,
            np.broadcast_to(one, mine.shape),
            other,
            np.broadcast_to(one, other.shape),
            reference=np.full(runs, mean),
            ratio=allowed,
        )

    return look


def mean_limit(times_limit: float, sigma: float) -> Look:
    """Means against a frozen limit."""
    limit = 1_000.0
    median = limit * times_limit / np.exp(sigma**2 / 2)

    def look(rng: np.random.Generator, runs: int) -> Floats:
        mine = _lower(lognormal(rng, median, sigma, (runs, LOOK)))
        return bets.mean_against_limit(mine, np.broadcast_to(1.0, mine.shape), limit)

    return look
