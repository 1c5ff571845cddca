"""The bets: what one look's counts are worth against a null hypothesis, in logarithms.

Every function returns the log-increment of each of the eight fixed bets, shape (..., 8), from
counts of shape (...): one rollout, or a leading axis of simulated runs. Under its null hypothesis
the exponential of an increment has an expectation of at most 1, given the past, as long as limits
and references were fixed before the look. `side` is +1 to prove a breach, -1 to prove good.

Sources: Ramdas, Grünwald, Vovk, Shafer, "Game-theoretic statistics and safe anytime-valid
inference" (2023); Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
betting" (2024).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Counts = npt.ArrayLike
Number = float | Floats

# Alternatives: how many times the limit's odds (or the tolerated ratio) the truth may be.
EFFECTS: Floats = np.array([1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0])
# Shares of the stake, for means.
FRACTIONS: Floats = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])
BETS = len(EFFECTS)

LOWEST_RATING, HIGHEST_RATING = 1.0, 5.0
CAP = 20.0  # values of unbounded measures count up to this multiple of the baseline

BREACH, GOOD = 1, -1


def rate_against_limit(hits: Counts, samples: Counts, limit: float, side: int) -> Floats:
    """Likelihood ratio of binomial counts. Null hypothesis: rate <= `limit` (side +1), >= (-1).

    The alternatives multiply the limit's odds by the effects (or divide, for side -1). `limit` lies
    in (0, 1); `hits` <= `samples`, and both may be fractions after division by a design effect.
    """
    missed = np.subtract(samples, hits)
    return won(hits, missed, *rate_stakes(limit, side))


def won(hits: Counts, others: Counts, on_hit: Floats, on_other: Floats) -> Floats:
    """The sum over outcomes of what each bet wins on a hit and on another outcome."""
    hit, other = np.asarray(hits)[..., None], np.asarray(others)[..., None]
    increment: Floats = hit * on_hit + other * on_other
    return increment


@lru_cache(maxsize=256)
def rate_stakes(limit: float, side: int) -> tuple[Floats, Floats]:
    """What each of the eight bets on `limit` wins, in logarithms, on a hit and on a miss."""
    odds = limit / (1 - limit) * EFFECTS**side
    alternative = odds / (1 + odds)
    return np.log(alternative / limit), np.log((1 - alternative) / (1 - limit))


def ratio_of_rates(
    hits: Counts,
    samples: Counts,
    stable_hits: Counts,
    stable_samples: Counts,
    *,
    ratio: Counts,
    side: int,
) -> Floats:
    """Which arm did each hit come from? Null hypothesis: rate <= `ratio` x stable's (side +1).

    Given the hits of both arms, the candidate's share of them is binomial with
    theta(r) = r n_c / (r n_c + n_s) where r is the true ratio of the rates (exact for Poisson
    counts, conservative for binomial ones). Both arms have samples. With latencies, a hit is a
    request above a value that was fixed before the look, and the null one of stochastic order.
    """
    on_hit, excess = ratio_stakes(side)
    tolerated = np.multiply(ratio, samples)
    expected = tolerated / (tolerated + stable_samples)
    return won(hits, np.add(hits, stable_hits), on_hit, on_any_hit(expected, excess))


@lru_cache(maxsize=2)
def ratio_stakes(side: int) -> tuple[Floats, Floats]:
    """What each bet wins, in logarithms, on a hit of the candidate's, and by how much it holds the
    ratio of the rates to be larger than tolerated.
    """
    effects = EFFECTS**side
    return np.log(effects), effects - 1


def on_any_hit(expected: Counts, excess: Floats) -> Floats:
    """What each bet loses on a hit of either arm, in logarithms, where the candidate's `expected`
    share of them is theta(ratio): theta(ratio x m) / theta(ratio) = m / (1 + (m - 1) theta(ratio)).
    """
    lost: Floats = -np.log1p(excess * np.asarray(expected)[..., None])
    return lost


class Gain(NamedTuple):
    """What one value wins per unit of the stake: (value x `scale`, at least `low` and at most
    `high`, less `origin`) x `stake`. Numbers, or arrays of shape (..., 1) over simulated runs.
    """

    scale: Number
    low: Number
    high: Number
    origin: Number
    stake: Number

    def of(self, values: Counts) -> Floats:
        """The gain of each value, shape (..., values)."""
        scaled = np.clip(np.multiply(values, self.scale), self.low, self.high)
        gain: Floats = (scaled - self.origin) * self.stake
        return gain


def worth(gain: Floats, counts: Counts) -> Floats:
    """Sum over values of count x ln(1 + fraction x gain), for each of the eight fractions."""
    each = np.log1p(FRACTIONS[:, None] * gain[..., None, :])
    total: Floats = np.matmul(each, np.asarray(counts, np.float64)[..., None])[..., 0]
    return total


def rating_against_limit(values: Counts, counts: Counts, limit: float, side: int) -> Floats:
    """Betting on a bounded mean. Null hypothesis: mean rating >= `limit` (+1), <= (-1).

    `values` (1 to 5) and how often each came, both of shape (..., values); `limit` in (1, 5).
    """
    return worth(rating_gain(limit, side).of(values), counts)


def rating_gain(limit: float, side: int, scale: float = 1.0) -> Gain:
    """What a rating wins against a limit: at worst the whole stake is lost. See `rating_gains`."""
    reach = (HIGHEST_RATING - limit) if side == BREACH else (limit - LOWEST_RATING)
    return Gain(scale, LOWEST_RATING, HIGHEST_RATING, limit, -side / reach)


def rating_against_stable(
    values: Counts,
    counts: Counts,
    stable_values: Counts,
    stable_counts: Counts,
    *,
    reference: Counts,
    margin: float,
) -> Floats:
    """Null hypothesis: the candidate's mean rating >= stable's - `margin`; breach only.

    `reference` is stable's mean before the look, within (1, 5); stakes are balanced so that what
    is won on one arm's drift is lost on the other's. Shapes as in `rating_against_limit`.
    """
    balance = _balance(counts, stable_counts)
    below, above = rating_gains(np.asarray(reference, np.float64)[..., None], margin, balance)
    return worth(below.of(values), counts) + worth(above.of(stable_values), stable_counts)


def rating_gains(reference: Number, margin: float, balance: Number, scale: float = 1.0) -> Pair:
    """What a rating of either arm wins; `balance` is how many of stable's come to one. Values times
    `scale` are ratings; outside the scale of ratings they count as its ends, so that no bet is
    ruined and none wins more than it could.
    """
    x = reference
    largest = _lesser(1 / (HIGHEST_RATING - x + margin), balance / (x - LOWEST_RATING))
    below = Gain(scale, LOWEST_RATING, HIGHEST_RATING, x - margin, -largest)
    return below, Gain(scale, LOWEST_RATING, HIGHEST_RATING, x, largest / balance)


def mean_against_limit(values: Counts, counts: Counts, limit: Counts) -> Floats:
    """Null hypothesis: the mean of a non-negative measure <= `limit` (> 0); breach only.

    `values` are the lower edges of histogram bins, so that rounding never helps the alarm.
    """
    return worth(mean_gain(np.asarray(limit, np.float64)[..., None]).of(values), counts)


def mean_gain(limit: Number) -> Gain:
    """What a value wins against a limit of the mean."""
    return Gain(1 / limit, 0.0, np.inf, 1.0, 1.0)


def mean_against_stable(
    values: Counts,
    counts: Counts,
    stable_values: Counts,
    stable_counts: Counts,
    *,
    reference: Counts,
    ratio: float,
) -> Floats:
    """Null hypothesis: the candidate's mean <= `ratio` x stable's, both capped; breach only.

    `reference` (> 0) is stable's mean before the look; values count up to 20 times of it.
    `values` are lower bin edges, `stable_values` upper ones.
    """
    balance = _balance(counts, stable_counts)
    above, below = mean_gains(np.asarray(reference, np.float64)[..., None], ratio, balance)
    return worth(above.of(values), counts) + worth(below.of(stable_values), stable_counts)


def mean_gains(reference: Number, ratio: float, balance: Number) -> Pair:
    """What a value of either arm wins; `balance` is how many of stable's come to one."""
    stake = _lesser(1.0, balance / (CAP - 1))
    above = Gain(1 / (reference * ratio), 0.0, CAP, 1.0, stake)
    return above, Gain(1 / reference, 0.0, CAP, 1.0, -stake / balance)


def _lesser(one: Number, other: Number) -> Number:
    """Of two numbers as Python sees them, since numpy takes ten times as long."""
    if isinstance(one, float) and isinstance(other, float):
        return min(one, other)
    return np.minimum(one, other)


def _balance(counts: Counts, stable_counts: Counts) -> Floats:
    """How many samples of stable come to one of the candidate, shape (..., 1)."""
    n_s, n_c = (
        np.add.reduce(arm, -1, np.float64, keepdims=True) for arm in (stable_counts, counts)
    )
    balance: Floats = n_s / n_c
    return balance


Pair = tuple[Gain, Gain]  # of the candidate's values, of stable's
