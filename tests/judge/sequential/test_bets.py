"""Bets: no bet is expected to win under its null hypothesis, and some bet wins beyond it.

Each claim is a function of the module, so that the same claim is shown to fail on broken formulas.
Expectations are exact: all outcomes are enumerated with their probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from math import comb
from typing import Any

import numpy as np
import pytest

from headgate.judge.sequential import bets
from headgate.judge.sequential.bets import BREACH, FRACTIONS, GOOD, Floats
from support.mutants import mutant

RATINGS = np.arange(1.0, 6.0)
SLACK = 1 + 1e-9
ARMS = ((1, 1), (1, 2), (2, 1), (3, 1), (1, 3))
# Shares of ratings 1 to 5.
MIDDLING, GREAT, AWFUL = [0.2] * 5, [0.0, 0.0, 0.1, 0.3, 0.6], [0.5, 0.3, 0.1, 0.1, 0.0]


def _binomial(n: int, p: float) -> Floats:
    return np.array([comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


def _expected(weights: Floats, increments: Floats) -> Floats:
    """The expected factor of each bet; `increments` has shape (outcomes, 8)."""
    assert not np.isnan(increments).any(), "a bet staked more than it had"
    return weights @ np.exp(increments)


def _samples(values: Floats, shares: list[float], n: int) -> Iterator[tuple[float, Floats]]:
    """Every way to draw `n` values: its probability and how often each value came."""
    for drawn in product(range(len(values)), repeat=n):
        yield float(np.prod([shares[i] for i in drawn])), np.bincount(drawn, minlength=len(values))


def _both_arms(
    values: Floats, shares: list[float], stable_shares: list[float], sizes: tuple[int, int]
) -> tuple[Floats, Floats, Floats]:
    """Probabilities and both arms' counts of everything that can be drawn."""
    rows = [
        (p * q, mine, other)
        for p, mine in _samples(values, shares, sizes[0])
        for q, other in _samples(values, stable_shares, sizes[1])
        if p * q > 0
    ]
    weights, mine, other = zip(*rows, strict=True)
    return np.array(weights), np.array(mine), np.array(other)


def _mean(shares: list[float]) -> float:
    return float(np.dot(RATINGS, shares))


# Claims


def claim_rate(module: Any) -> None:
    for side in (BREACH, GOOD):
        for limit, n in product((0.01, 0.05, 0.3), (1, 4, 25)):
            hits = np.arange(n + 1)
            increments = module.rate_against_limit(hits, n, limit, side)
            on_limit = _expected(_binomial(n, limit), increments)
            np.testing.assert_allclose(on_limit, 1, rtol=1e-9)
            for times in (0.9, 0.5, 0.1):
                within = limit * times if side == BREACH else 1 - (1 - limit) * times
                assert (_expected(_binomial(n, within), increments) < 1).all()
            # The bet that knows the truth is the likelihood ratio: it wins, and wins most.
            odds = limit / (1 - limit) * bets.EFFECTS**side
            for number, truth in enumerate(odds / (1 + odds)):
                weights = _binomial(n, truth)
                growth = weights @ increments
                assert growth[number] > 0
                assert growth.argmax() == number


def claim_rate_divided(module: Any) -> None:
    for side, limit, effect in product((BREACH, GOOD), (0.02, 0.2), (1.0, 1.7, 6.0)):
        hits = np.arange(16)
        increments = module.rate_against_limit(hits / effect, 15 / effect, limit, side)
        assert (_expected(_binomial(15, limit), increments) <= SLACK).all()


def _ratio(module: Any, sizes: tuple[int, int], rates: tuple[float, float], **given: Any) -> Floats:
    (n, m), (p, q) = sizes, rates
    d, e = given.pop("effects", (1.0, 1.0))
    k, j = np.meshgrid(np.arange(n + 1), np.arange(m + 1), indexing="ij")
    increments = module.ratio_of_rates(k / d, n / d, j / e, m / e, **given)
    return _expected(np.outer(_binomial(n, p), _binomial(m, q)).ravel(), increments.reshape(-1, 8))


def claim_ratio(module: Any) -> None:
    for sizes, ratio in product(((4, 4), (3, 20), (12, 3)), (1.0, 1.25, 2.0)):
        for side, stable in product((BREACH, GOOD), (0.001, 0.05, 0.3)):
            given = {"ratio": ratio, "side": side}
            allowed = ratio * stable
            assert (_ratio(module, sizes, (allowed, stable), **given) <= SLACK).all()
            within = allowed * 0.5**side if side == BREACH else min(allowed * 2, 1.0)
            assert (_ratio(module, sizes, (within, stable), **given) <= SLACK).all()
            effects = {"effects": (1.4, 3.0)}
            assert (_ratio(module, sizes, (allowed, stable), **given, **effects) <= SLACK).all()
        for side in (BREACH, GOOD):
            rare = _ratio(module, sizes, (ratio * 1e-6, 1e-6), ratio=ratio, side=side)
            np.testing.assert_allclose(rare, 1, atol=1e-8)  # as Poisson counts: not a bit wasted
            worse = 0.02 * ratio * 3.0**side
            grown = _ratio(module, sizes, (worse, 0.02), ratio=ratio, side=side)
            assert grown.max() > 1.02


def claim_rating(module: Any) -> None:
    for side, shares in product((BREACH, GOOD), (MIDDLING, GREAT, AWFUL)):
        mean = _mean(shares)
        for n in (1, 2, 4):
            weights, counts = zip(*_samples(RATINGS, shares, n), strict=True)
            for aside in (0.0, 0.1, 0.5):
                limit = mean - side * aside  # the truth is on the good side of it, for a breach
                at = module.rating_against_limit(RATINGS, np.array(counts), limit, side)
                expected = _expected(np.array(weights), at)
                np.testing.assert_allclose(expected, (1 - _lean(limit, aside, side)) ** n)
            limit = mean + side * 0.3
            at = module.rating_against_limit(RATINGS, np.array(counts), limit, side)
            assert _expected(np.array(weights), at).max() > 1.05
    for side, worst in ((BREACH, 5.0), (GOOD, 1.0)):  # the worst rating leaves 1 - fraction
        at = module.rating_against_limit([worst], [1], 3.5, side)
        np.testing.assert_allclose(np.exp(at), 1 - FRACTIONS)


def _lean(limit: float, aside: float, side: int) -> Floats:
    return FRACTIONS * aside / (5 - limit if side == BREACH else limit - 1)


def claim_rating_beside(module: Any) -> None:
    pairs = ((MIDDLING, MIDDLING), (GREAT, GREAT), (AWFUL, AWFUL), (GREAT, MIDDLING))
    for (shares, stable_shares), sizes in product(pairs, ARMS):
        weights, mine, other = _both_arms(RATINGS, shares, stable_shares, sizes)

        def expected(x: float, margin: float, w: Any = (weights, mine, other)) -> Floats:
            return _expected(
                w[0],
                module.rating_against_stable(
                    RATINGS, w[1], RATINGS, w[2], reference=x, margin=margin
                ),
            )

        for x, margin in product((1.2, 2.5, _mean(stable_shares), 4.8), (0.0, 0.1, 0.5)):
            assert (expected(x, margin) <= SLACK).all()
    for sizes in ARMS:  # exactly the margin worse: fair where the reference is right
        for shares, margin in ((MIDDLING, 0.0), ([0.3, 0.2, 0.2, 0.2, 0.1], 0.4)):
            weights, mine, other = _both_arms(RATINGS, shares, MIDDLING, sizes)
            at = module.rating_against_stable(
                RATINGS, mine, RATINGS, other, reference=3.0, margin=margin
            )
            np.testing.assert_allclose(_expected(weights, at), 1)
            weights, mine, other = _both_arms(RATINGS, AWFUL, MIDDLING, sizes)
            at = module.rating_against_stable(
                RATINGS, mine, RATINGS, other, reference=3.0, margin=0.1
            )
            assert _expected(weights, at).max() > 1.2
    most = module.rating_against_stable([5.0], [1], [3.0], [4], reference=3.0, margin=0.1)
    np.testing.assert_allclose(np.exp(most), 1 - FRACTIONS)  # the whole stake, and no more
    most = module.rating_against_stable([2.9], [4], [1.0], [1], reference=3.0, margin=0.1)
    np.testing.assert_allclose(np.exp(most), 1 - FRACTIONS)


COSTS = np.array([0.0, 1.0, 2.0, 9.0])
DEAR, FAIR, CHEAP = [0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25], [0.5, 0.3, 0.2, 0.0]


def claim_mean(module: Any) -> None:
    for shares, n in product((DEAR, FAIR, CHEAP), (1, 2, 4)):
        weights, counts = map(np.array, zip(*_samples(COSTS, shares, n), strict=True))
        mean = float(np.dot(COSTS, shares))
        for times in (1.0, 1.2, 3.0):
            at = module.mean_against_limit(COSTS, counts, mean * times)
            kept = (1 + FRACTIONS * (1 / times - 1)) ** n
            np.testing.assert_allclose(_expected(weights, at), kept)
        at = module.mean_against_limit(COSTS, counts, mean / 2)
        assert _expected(weights, at).max() > 1.5
    np.testing.assert_allclose(np.exp(module.mean_against_limit([0.0], [1], 3.0)), 1 - FRACTIONS)


def claim_mean_beside(module: Any) -> None:
    for shares, sizes in product((DEAR, FAIR, CHEAP), ARMS):
        weights, mine, other = _both_arms(COSTS, shares, shares, sizes)
        mean = float(np.dot(COSTS, shares))
        for ratio, off in product((1.0, 1.5, 2.0), (0.4, 1.0, 1.6)):
            # The candidate costs `ratio` times as much, value by value.
            at = module.mean_against_stable(
                COSTS * ratio, mine, COSTS, other, reference=mean * off, ratio=ratio
            )
            assert (_expected(weights, at) <= SLACK).all()
            if off == 1.0:
                np.testing.assert_allclose(_expected(weights, at), 1)
        at = module.mean_against_stable(COSTS * 3, mine, COSTS, other, reference=mean, ratio=1.5)
        assert _expected(weights, at).max() > 1.02
    for sizes in ((1, 1), (1, 40)):  # whatever one request costs, no bet is ruined, none runs off
        huge = module.mean_against_stable(
            [1e9], [sizes[0]], [1e9], [sizes[1]], reference=1.0, ratio=1.0
        )
        assert np.isfinite(huge).all()
        assert (huge[0] <= 0).all()
    least = module.mean_against_stable([0.0], [1], [1.0], [40], reference=1.0, ratio=2.0)
    np.testing.assert_allclose(np.exp(least), 1 - FRACTIONS)


def claim_additive(module: Any) -> None:
    rng = np.random.default_rng(7)
    one, two = rng.integers(1, 9, (2, 5))
    pairs = [
        lambda c: module.rate_against_limit(c[0], c.sum(), 0.05, BREACH),
        lambda c: module.rate_against_limit(c[0], c.sum(), 0.05, GOOD),
        lambda c: module.rating_against_limit(RATINGS, c, 3.5, BREACH),
        lambda c: module.rating_against_limit(RATINGS, c, 3.5, GOOD),
        lambda c: module.mean_against_limit(RATINGS, c, 2.0),
        # Both arms: shards with one proportion of the arms.
        lambda c: module.ratio_of_rates(c[0], c.sum(), c[1], 4 * c.sum(), ratio=1.25, side=BREACH),
        lambda c: module.rating_against_stable(
            RATINGS, c, RATINGS, 2 * c, reference=3.1, margin=0.1
        ),
        lambda c: module.mean_against_stable(RATINGS, c, RATINGS, 2 * c, reference=3.1, ratio=1.5),
    ]
    for increment in pairs:
        np.testing.assert_allclose(increment(one) + increment(two), increment(one + two))


CLAIMS: dict[str, Callable[[Any], None]] = {
    "rate": claim_rate,
    "rate_divided": claim_rate_divided,
    "ratio": claim_ratio,
    "rating": claim_rating,
    "rating_beside": claim_rating_beside,
    "mean": claim_mean,
    "mean_beside": claim_mean_beside,
    "additive": claim_additive,
}

MUTATIONS = [
    ("rate", "increment: Floats = hit * on_hit + other", "increment = -hit * on_hit + other"),
    ("rate", "hit * on_hit + other * on_other", "hit * on_hit - other * on_other"),
    ("rate", "hit * on_hit + other * on_other", "hit * on_hit"),
    ("rate", "hit * on_hit + other * on_other", "other * on_other"),
    ("rate", "missed = np.subtract(samples, hits)", "missed = samples"),
    ("rate", "odds = limit / (1 - limit) * EFFECTS", "odds = limit * EFFECTS"),
    ("rate", "EFFECTS**side\n    alternative", "EFFECTS\n    alternative"),
    ("rate", "alternative = odds / (1 + odds)", "alternative = odds"),
    ("rate", "np.log((1 - alternative) / (1 - limit))", "np.log(1 - alternative)"),
    ("rate", "return np.log(alternative / limit),", "return np.log(alternative),"),
    ("ratio", "np.log(effects), effects - 1", "-np.log(effects), effects - 1"),
    ("ratio", "np.log(effects), effects - 1", "np.log(effects), effects"),
    ("ratio", "lost: Floats = -np.log1p", "lost = np.log1p"),
    ("ratio", "np.add(hits, stable_hits)", "hits"),
    ("ratio", "np.add(hits, stable_hits)", "stable_hits"),
    ("ratio", "return won(hits, np.add", "return won(stable_hits, np.add"),
    ("ratio", "tolerated = np.multiply(ratio, samples)", "tolerated = np.asarray(samples)"),
    ("ratio", "tolerated / (tolerated + stable_samples)", "tolerated / stable_samples"),
    ("ratio", "expected = tolerated / (", "expected = stable_samples / ("),
    ("ratio", "effects = EFFECTS**side", "effects = EFFECTS"),
    ("rating", "limit, -side / reach)", "limit, -1 / reach)"),
    ("rating", "limit, -side / reach)", "limit, side / reach)"),
    ("rating", "(scaled - self.origin)", "(scaled + self.origin)"),
    ("rating", "(HIGHEST_RATING - limit) if side", "(limit - LOWEST_RATING) if side"),
    ("rating", "else (limit - LOWEST_RATING)", "else (HIGHEST_RATING - limit)"),
    ("rating", "limit, -side / reach)", "limit, -side / 4)"),
    ("rating", "np.matmul(each,", "np.matmul(2 * each,"),
    ("rating", "np.log1p(FRACTIONS", "np.log1p(-FRACTIONS"),
    ("rating_beside", "x - margin, -largest)", "x + margin, -largest)"),
    ("rating_beside", "x - margin, -largest)", "x, -largest)"),
    ("rating_beside", "x - margin, -largest)", "x - margin, largest)"),
    ("rating_beside", "(HIGHEST_RATING - x + margin)", "(HIGHEST_RATING - x)"),
    ("rating_beside", ", balance / (x - LOWEST_RATING)", ", 1 / (x - LOWEST_RATING)"),
    ("rating_beside", "1 / (HIGHEST_RATING - x + margin), balance", "np.inf, balance"),
    ("rating_beside", "x, largest / balance)", "x, 0 * largest / balance)"),
    ("rating_beside", "x, largest / balance)", "x, -largest / balance)"),
    ("rating_beside", "x, largest / balance)", "x, largest)"),
    ("mean", "np.inf, 1.0, 1.0)", "np.inf, 1.0, -1.0)"),
    ("mean", "np.inf, 1.0, 1.0)", "np.inf, 0.0, 1.0)"),
    ("mean", "Gain(1 / limit, 0.0, np.inf", "Gain(1.0, 0.0, np.inf"),
    ("mean_beside", "1 / (reference * ratio)", "1 / reference"),
    ("mean_beside", "0.0, CAP, 1.0, stake)", "0.0, np.inf, 1.0, stake)"),
    ("mean_beside", "0.0, CAP, 1.0, -stake / balance)", "0.0, CAP, 1.0, stake / balance)"),
    ("mean_beside", "0.0, CAP, 1.0, -stake / balance)", "0.0, np.inf, 1.0, -stake / balance)"),
    ("mean_beside", "0.0, CAP, 1.0, -stake / balance)", "0.0, CAP, 1.0, -stake)"),
    ("mean_beside", "_lesser(1.0, balance / (CAP - 1))", "np.ones_like(balance)"),
    ("mean_beside", "_lesser(1.0, balance / (CAP - 1))", "(balance / (CAP - 1))"),
]


@pytest.mark.parametrize("name", CLAIMS)
def test_no_bet_is_expected_to_win_under_the_null_and_some_bet_wins_beyond_it(name: str) -> None:
    CLAIMS[name](bets)


@pytest.mark.parametrize(("name", "fragment", "instead"), MUTATIONS)
def test_a_broken_formula_fails_its_claim(name: str, fragment: str, instead: str) -> None:
    broken = mutant(bets, fragment, instead)
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        CLAIMS[name](broken)


def test_counts_of_many_runs_broadcast_over_a_leading_axis() -> None:
    hits = np.array([[0, 1], [2, 3]])
    many = bets.ratio_of_rates(hits, 20, hits + 1, 180, ratio=1.25, side=BREACH)
    assert many.shape == (2, 2, 8)
    one = bets.ratio_of_rates(2, 20, 3, 180, ratio=1.25, side=BREACH)
    np.testing.assert_array_equal(many[1, 0], one)
