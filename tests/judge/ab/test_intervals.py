"""Intervals: they hold at every reading at once, and they are no wider than they must be.

Each claim is a function of the module, so that the same claim is shown to fail on broken formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf, lgamma, log
from typing import Any

import numpy as np
import pytest

from headgate.judge.ab import means, ranks, rates, roots, special
from headgate.measure.hdr import bucket_index
from headgate.measure.sketch import Sketch
from support.mutants import mutant

LOOKS = 2.0 ** np.arange(3, 17)  # looks at 8, 16, ... 65,536 samples
RUNS = 2_000


def _paths(rng: np.random.Generator, rate: float, looks: Any = LOOKS) -> Any:
    """Hits among the first samples at every look, shape (runs, looks)."""
    steps = np.diff(np.concatenate([[0], looks])).astype(int)
    return np.cumsum(rng.binomial(steps, rate, (RUNS, len(steps))), axis=1)


def _beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


# Claims


def claim_special(module: Any) -> None:
    x = np.array([1e-12, 1e-3, 0.5, 1.0, 1.5, 7.0, 300.5, 1e6, 1e12])
    np.testing.assert_allclose(module.log_gamma(x), [lgamma(v) for v in x], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.exp(module.log_beta(2.0, [3.0, 5.0])), [1 / 12, 1 / 30])


def claim_rates_evidence(module: Any) -> None:
    """Given the hits of both arms, the evidence is a fair bet under the null hypothesis."""
    for ratio, n, m, total in ((1.0, 100, 100, 6), (1.5, 30, 300, 9), (0.4, 7, 5, 4)):
        theta = ratio * n / (ratio * n + m)
        k = np.arange(total + 1)
        ways = [exp(lgamma(total + 1) - lgamma(i + 1) - lgamma(total - i + 1)) for i in k]
        chances = np.array(ways) * theta**k * (1 - theta) ** (total - k)
        against = module.evidence_against(log(ratio), k, n, total - k, m)
        assert chances @ np.exp(against) == pytest.approx(1, abs=1e-9)
        off = module.evidence_against(log(ratio * 3), k * 100, n * 100, (total - k) * 100, m * 100)
        assert chances @ off > 5
    # A mixture of precision 100, at theta = 1/4.
    wanted = _beta(25 + 30, 75 + 60) - _beta(25, 75) - 30 * log(0.25) - 60 * log(0.75)
    assert module.evidence_against(0.0, 30, 1000, 60, 3000) == pytest.approx(wanted)


def claim_rates_interval(module: Any) -> None:
    low, high = module.ratio_interval([0, 0, 90], 1000, [0, 90, 0], 1000, 0.05)
    np.testing.assert_array_equal(low == -inf, [True, True, False])
    np.testing.assert_array_equal(high == inf, [True, False, True])
    assert high[1] < 0 < low[2]  # none beside 90 of a thousand
    for alpha in (0.05, 0.001):  # the bound is where the evidence is: no bit is given away
        low, high = module.ratio_interval(40, 2_000, 60, 2_100, alpha)
        for bound in (low, high):
            at = module.evidence_against(bound, 40, 2_000, 60, 2_100)
            assert at == pytest.approx(-log(alpha), abs=1e-6)
    rng = np.random.default_rng(11)
    for rate, ratio, parts in ((0.02, 1.0, (1, 1)), (0.3, 1.0, (1, 9)), (0.05, 1.5, (1, 1))):
        hits = _paths(rng, rate * ratio, LOOKS * parts[0])
        others = _paths(rng, rate, LOOKS * parts[1])
        low, high = module.ratio_interval(hits, LOOKS * parts[0], others, LOOKS * parts[1], 0.05)
        missed = ((low > log(ratio)) | (high < log(ratio))).any(1)
        assert missed.mean() <= 0.05
        assert ((low <= high) & (high > low)).all()
        told = (high - low)[:, -1].mean() / 2
        error = np.sqrt(1 / hits[:, -1] + 1 / others[:, -1]).mean()
        assert 2.5 * error < told < 4.5 * error


def claim_means(module: Any) -> None:
    assert module.boundary(module.tightest(0.05), 0.05) == pytest.approx(3.04, abs=0.005)
    y = module.tightest(0.05)
    assert y == pytest.approx(7.936, abs=0.001)
    assert module.boundary([y / 2, y, 2 * y], 0.05).argmin() == 1
    assert module.mixture_rate(0.05, 1e4) * 1e4 == pytest.approx(y)
    rng = np.random.default_rng(12)
    looks = np.arange(100, 20_001, 100)
    step = rng.normal(0, np.sqrt(100), (RUNS, 2, len(looks)))
    one, other = (1 + np.cumsum(step[:, arm], axis=1) / looks * 0.5 for arm in (0, 1))
    error = np.sqrt(sum(module.squared_error(looks, mean, 0.25, 1.0) for mean in (one, other)))
    low, high = module.ratio_interval(
        np.log(one / other), error, 2 * looks, tuned_to=10_000, alpha=0.05
    )
    assert ((low > 0) | (high < 0)).any(1).mean() <= 0.05
    assert (np.abs(low + high) < 2 * (high - low)).all()
    wide = np.broadcast_to(module.boundary(y * 2 * looks / 1e4, 0.05), error.shape)
    np.testing.assert_allclose((high - low) / 2 / error, wide)
    # Four times the design effect is twice the error; a hundred equal ratings still have one.
    four, plain = (module.squared_error(1e9, 2.0, 9.0, effect) for effect in (4.0, 1.0))
    assert four / plain == pytest.approx(4, rel=1e-6)
    assert plain == pytest.approx(9 / 4 / 1e9, rel=1e-6)
    assert module.squared_error(100, 5.0, 0.0, 1.0) == pytest.approx(1e-4)


def claim_ranks(module: Any) -> None:
    for share, n in ((0.5, 5), (0.95, 8)):  # a fair bet, and worth what a mixture of 200 is worth
        k = np.arange(n + 1)
        ways = [exp(lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1)) for i in k]
        chances = np.array(ways) * share**k * (1 - share) ** (n - k)
        assert chances @ np.exp(module.evidence_against(k, n, share)) == pytest.approx(1)
    wanted = _beta(190 + 920, 10 + 80) - _beta(190, 10) - 920 * log(0.95) - 80 * log(0.05)
    assert module.evidence_against(920, 1000, 0.95) == pytest.approx(wanted)
    rng = np.random.default_rng(13)
    for share in (0.5, 0.95):
        below = _paths(rng, share)
        low, high = module.rank_interval(LOOKS.astype(int), 1.0, share, 0.1)
        assert ((below < low) | (below > high)).any(1).mean() <= 0.05  # each arm has its half
        assert ((low >= 0) & (high <= LOOKS)).all()
        for kept, refused in ((low, low - 1), (high, high + 1)):
            inside = (refused >= 0) & (refused <= LOOKS)
            assert (module.evidence_against(kept, LOOKS, share) < log(20)).all()
            assert (module.evidence_against(refused, LOOKS, share)[inside] >= log(20)).all()
        error = np.sqrt(LOOKS[-1] * share * (1 - share))
        assert 2.5 * error < (high - low)[-1] / 2 < 4.5 * error
        wide = module.rank_interval(LOOKS.astype(int) * 4, 4.0, share, 0.1)
        np.testing.assert_allclose(wide[0] / 4, low, atol=1)
        np.testing.assert_allclose(wide[1] / 4, high, atol=1)


def claim_quantiles(module: Any) -> None:
    values = np.array([10, 20, 30, 40, 1000, 5000])
    sketch = Sketch(*np.unique(bucket_index(values), return_counts=True))
    assert module.quantile_interval(sketch, 2, 3) == (20, 40)
    assert module.quantile_interval(sketch, 4, 5) == (40, 5023)  # to the bin's upper edge
    assert module.quantile_interval(sketch, 5, 5)[0] == 1000  # from the bin's lower one
    assert module.quantile_interval(sketch, 0, 6) == (0, inf)
    assert module.ratio_interval((10, 40), (20, 80)) == (log(10 / 80), log(40 / 20))
    assert module.ratio_interval((0, 40), (20, inf)) == (-inf, log(2))
    assert module.ratio_interval((10, inf), (0, 20)) == (log(0.5), inf)
    empty = Sketch(np.empty(0, np.int64), np.empty(0, np.int64))
    assert module.quantile_interval(empty, 0, 0) == (0, inf)


def claim_crossing(module: Any) -> None:
    found = module.crossing(lambda x: x - np.array([0.3, 5.0, -9.0]), [-10.0] * 3, [4.0] * 3)
    np.testing.assert_allclose(found, [0.3, 4.0, -9.0], atol=1e-7)
    assert found[0] >= 0.3  # errs to the outside
    assert module.crossing(lambda x: -x - 0.5, 0.0, -4.0) == pytest.approx(-0.5, abs=1e-7)


CLAIMS: dict[str, tuple[Any, Callable[[Any], None]]] = {
    "special": (special, claim_special),
    "rates_evidence": (rates, claim_rates_evidence),
    "rates_interval": (rates, claim_rates_interval),
    "means": (means, claim_means),
    "ranks": (ranks, claim_ranks),
    "quantiles": (ranks, claim_quantiles),
    "crossing": (roots, claim_crossing),
}

MUTATIONS = [
    ("special", "of_a + of_b - of_both", "of_a + of_b"),
    ("special", "np.log(y) - y + _HALF", "np.log(y) + _HALF"),
    ("special", "z * (1 / 360", "z * (1 / 300"),
    ("rates_evidence", "KAPPA = 100.0", "KAPPA = 10.0"),
    ("rates_evidence", "log_beta(a + k, b + j)", "log_beta(a + j, b + k)"),
    ("rates_evidence", "mixture - k * log_theta - j * log_rest", "mixture - k * log_theta"),
    ("rates_evidence", "- log_beta(a, b)", "- log_beta(b, b)"),
    ("rates_evidence", "np.log(n) - np.log(m)", "np.log(m) - np.log(n)"),
    ("rates_evidence", "np.asarray(log_ratio, np.float64) + np", "-np.asarray(log_ratio) + np"),
    ("rates_interval", "+ log(alpha)", "+ 2 * log(alpha)"),
    ("rates_interval", "+ log(alpha)", "+ log(alpha) / 2"),
    ("rates_interval", "np.where(k > 0, low, -np.inf)", "low"),
    ("rates_interval", "np.where(j > 0, high, np.inf)", "high"),
    ("means", "np.log1p(y) - 2 * log(alpha)", "np.log1p(y) - log(alpha)"),
    ("means", "(y + 1) / y * (", "1 / y * ("),
    ("means", "(np.log1p(y) - 2", "(-2"),
    ("means", "tightest(alpha) / np", "1 / np"),
    ("means", "-2 * log(alpha) + log(1 - 2 * log(alpha))", "-2 * log(alpha)"),
    ("means", " + 1 / n**2", ""),
    ("means", "np.asarray(effect, np.float64) * spread", "spread"),
    ("means", "np.asarray(mean, np.float64) ** 2", "np.asarray(mean)"),
    ("means", "return seen - reach, seen + reach", "return seen, seen + reach"),
    ("ranks", "KAPPA = 200.0", "KAPPA = 20.0"),
    ("ranks", "- (n - k) * np.log(1 - q)", "- n * np.log(1 - q)"),
    ("ranks", "log_beta(a + k, b + n - k)", "log_beta(a + k, b + n)"),
    ("ranks", "+ log(alpha / 2)", "+ log(alpha)"),
    ("ranks", "n = whole / divisor", "n = whole"),
    ("ranks", "np.ceil(below * divisor)", "np.ceil(below)"),
    ("quantiles", "edges(sketch, low, high + 1)", "edges(sketch, low, high)"),
    ("quantiles", "edges(sketch, low, high + 1)", "edges(sketch, low + 1, high + 1)"),
    (
        "quantiles",
        "value_bounds(sketch.indexes[upper])[1]",
        "value_bounds(sketch.indexes[upper])[0]",
    ),
    ("quantiles", "log(one[0] / other[1])", "log(one[0] / other[0])"),
    ("quantiles", "log(one[1] / other[0])", "log(one[1] / other[1])"),
    ("quantiles", "if high < sketch.total else np.inf", ""),
    (
        "crossing",
        "points[place, column], points[place + 1",
        "points[place - 1, column], points[place",
    ),
    ("crossing", "_ROUNDS = 8", "_ROUNDS = 2"),
    ("crossing", "return far", "return near"),
]


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_holds(claim: str) -> None:
    module, holds = CLAIMS[claim]
    holds(module)


@pytest.mark.parametrize(("claim", "fragment", "instead"), MUTATIONS)
def test_a_broken_formula_breaks_its_claim(claim: str, fragment: str, instead: str) -> None:
    module, holds = CLAIMS[claim]
    broken = mutant(module, fragment, instead)
    with pytest.raises((AssertionError, TypeError, ValueError)):
        holds(broken)
