"""The sound effect: what a count is divided by keeps every bet fair, and is no larger than it must
be.
"""

from __future__ import annotations

from itertools import pairwise, product
from math import lgamma
from typing import Any

import numpy as np
import pytest

from headgate.judge.sequential import sounding
from headgate.judge.sequential.bets import BREACH, GOOD, Floats, rate_against_limit
from headgate.judge.sequential.sounding import sound_effect
from support.mutants import mutant


def _beta_binomial(n: int, mean: float, rho: float) -> Floats:
    """Probabilities of 0..n hits, by the gamma function."""
    a, b = mean * (1 - rho) / rho, (1 - mean) * (1 - rho) / rho

    def log_beta(x: float, y: float) -> float:
        return lgamma(x) + lgamma(y) - lgamma(x + y)

    logs = [
        lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + log_beta(k + a, n - k + b)
        for k in range(n + 1)
    ]
    probabilities: Floats = np.exp(np.array(logs) - log_beta(a, b))
    return probabilities


def claim_effect(module: Any) -> None:
    for limit, rho, n in product((0.01, 0.05, 0.3), (0.005, 0.05, 0.3), (2, 20, 150, 1200)):
        effect = module.sound_effect(float(n), limit, rho)
        assert effect >= 1 + (n - 1) * rho
        weights = _beta_binomial(n, limit, rho)
        for side in (BREACH, GOOD):
            increments = rate_against_limit(np.arange(n + 1), n, limit, side) / effect
            assert (weights @ np.exp(increments) <= 1 + 1e-6).all()
    assert module.sound_effect(300.0, 0.05, 0.02) < 3 * (1 + 299 * 0.02)


MUTATIONS = [
    ("> _NO_MORE", "> 1"),
    ("np.exp(on_hit / effect)", "np.exp(on_hit / effect**1.5)"),
    ("samples * np.log(", "np.log("),
    ("spread = (1 - rho) / rho", "spread = 1 / rho**2"),
    ("p * hit + q * miss", "p + q * miss"),
    ("if not _wins(effect", "if bet or not _wins(effect"),
]


def test_no_bet_on_the_limit_is_expected_to_win_after_division_by_the_effect() -> None:
    claim_effect(sounding)


@pytest.mark.parametrize(("fragment", "instead"), MUTATIONS)
def test_a_broken_formula_fails_the_claim(fragment: str, instead: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        claim_effect(mutant(sounding, fragment, instead))


@pytest.mark.parametrize("rho", [0.005, 0.05])
@pytest.mark.parametrize("limit", [0.002, 0.01, 0.05])
def test_under_an_effect_a_hundredth_smaller_some_bet_is_expected_to_win(
    limit: float, rho: float
) -> None:
    for n in (20, 150, 1200):
        effect = sound_effect(float(n), limit, rho)
        assert effect > 1.01 * (1 + (n - 1) * rho)
        increments = rate_against_limit(np.arange(n + 1), n, limit, BREACH) / (0.99 * effect)
        assert (_beta_binomial(n, limit, rho) @ np.exp(increments)).max() > 1


def test_the_effect_is_at_least_1_and_grows_with_the_block_and_the_correlation() -> None:
    sizes, rhos = [1.0, 2.0, 5.0, 20.0, 100.0, 600.0, 5_000.0], [0.005, 0.02, 0.1, 0.4, 1.0]
    for limit in (1e-4, 0.02, 0.5):
        rows = [[sound_effect(n, limit, rho) for n in sizes] for rho in rhos]
        assert all(effect >= 1 for row in rows for effect in row)
        for row in (*rows, *map(list, zip(*rows, strict=True))):
            assert all(after >= before * 0.995 for before, after in pairwise(row))
