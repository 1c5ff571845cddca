"""Bursts: the correlation is found again, and what it makes of a count keeps every bet fair."""

from __future__ import annotations

from functools import partial
from itertools import pairwise, product
from math import lgamma
from typing import Any

import numpy as np
import pytest

from headgate.judge.sequential import bursts
from headgate.judge.sequential.bets import BREACH, GOOD, Floats, rate_against_limit
from headgate.judge.sequential.bursts import (
    BLOCKS,
    FLOOR,
    correlation,
    design_effect,
    merged,
    sound_effect,
)
from support.mutants import mutant


def _blocks(rho: float, *, runs: int = 300, n: int = 60, p: float = 0.05, seed: int = 5) -> Floats:
    rng = np.random.default_rng(seed)
    spread = (1 - rho) / rho
    rates = rng.beta(p * spread, (1 - p) * spread, (runs, BLOCKS))
    hits: Floats = rng.binomial(n, rates).astype(float)
    return hits


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


def claim_correlation(module: Any) -> None:
    for rho in (0.02, 0.1, 0.3):
        found = module.correlation(np.full((300, BLOCKS), 60), _blocks(rho))
        one_more = np.sqrt(2 * (BLOCKS - 1)) / (BLOCKS * 59)
        assert np.median(found) == pytest.approx(rho + one_more, rel=0.12)
        assert (found >= rho).mean() > 0.5
    n = np.array([40.0, 10.0, 0.0, 70.0])  # by hand: blocks of several sizes, one empty
    s = np.array([10.0, 1.0, 0.0, 9.0])
    p = 20 / 120
    spread = sum((s[i] - n[i] * p) ** 2 / (n[i] * p * (1 - p)) for i in (0, 1, 3))
    by_hand = (spread - 2) / 117 + 2 / 117
    assert float(module.correlation(n, s)) == pytest.approx(by_hand)


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
    ("correlation", "(spread - freedom + np.sqrt", "(spread + freedom + np.sqrt"),
    ("correlation", "(spread - freedom + np.sqrt", "(spread - freedom - np.sqrt"),
    ("correlation", "np.sqrt(2 * freedom)", "np.sqrt(freedom)"),
    ("correlation", "pairs = total - blocks", "pairs = total"),
    ("correlation", "squares - rate * hits", "squares"),
    ("correlation", "variance = rate * (1 - rate)", "variance = rate"),
    ("correlation", "np.maximum(blocks - 1, 0)", "np.maximum(blocks, 0)"),
    ("effect", "> _NO_MORE", "> 1"),
    ("effect", "on_hit / effect", "on_hit / effect**1.5"),
    ("effect", "factor = samples * ", "factor = "),
    ("effect", "spread = (1 - rho) / rho", "spread = 1 / rho**2"),
    ("effect", "p * np.exp(on_hit / effect)", "p"),
]


def test_the_correlation_of_beta_binomial_blocks_is_found_again() -> None:
    claim_correlation(bursts)


def test_no_bet_on_the_limit_is_expected_to_win_after_division_by_the_effect() -> None:
    claim_effect(bursts)


@pytest.mark.parametrize(("name", "fragment", "instead"), MUTATIONS)
def test_a_broken_formula_fails_its_claim(name: str, fragment: str, instead: str) -> None:
    claim = {"correlation": claim_correlation, "effect": claim_effect}[name]
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        claim(mutant(bursts, fragment, instead))


@pytest.mark.parametrize(
    ("samples", "hits"),
    [
        ([], []),
        ([50], [5]),
        ([0, 0, 0], [0, 0, 0]),
        ([1, 1, 1], [1, 0, 1]),
        ([50, 50], [0, 0]),
        ([50, 50], [50, 50]),
    ],
)
def test_what_tells_nothing_of_bursts_gives_the_floor(samples: list[int], hits: list[int]) -> None:
    assert float(correlation(samples, hits)) == FLOOR
    assert design_effect(samples, hits, 1.0, 0.05, BREACH) >= 1


def test_what_is_sought_on_a_rough_grid_is_what_the_fine_grid_finds() -> None:
    rng = np.random.default_rng(8)
    for _ in range(100):
        samples, rho = float(np.exp(rng.uniform(1, 8))), float(np.exp(rng.uniform(-9, -1)))
        null = bursts._Null(samples, float(np.exp(rng.uniform(-9, -0.7))), rho, BREACH)
        low = 1 + (samples - 1) * rho
        _, effect = bursts._least_effect(low, partial(bursts._wins, null, bursts._GRID))
        assert sound_effect(*null) == effect


def test_the_effect_is_at_least_1_and_grows_with_the_block_and_the_correlation() -> None:
    sizes, rhos = [1.0, 2.0, 5.0, 20.0, 100.0, 600.0, 5_000.0], [0.005, 0.02, 0.1, 0.4, 1.0]
    for limit in (1e-4, 0.02, 0.5):
        rows = [[sound_effect(n, limit, rho) for n in sizes] for rho in rhos]
        assert all(effect >= 1 for row in rows for effect in row)
        for row in (*rows, *map(list, zip(*rows, strict=True))):
            assert all(after >= before * 0.995 for before, after in pairwise(row))


def test_merging_keeps_the_newest_blocks_and_every_count() -> None:
    assert merged([1, 2, 3, 4, 5], 2).tolist() == [5, 9]
    assert merged([1], 2).tolist() == []


def test_bursts_longer_than_a_block_count_for_more() -> None:
    rng = np.random.default_rng(9)
    samples = np.full(BLOCKS, 40)
    short = rng.binomial(40, np.where(rng.random(BLOCKS) < 0.1, 0.4, 0.01))
    long = rng.binomial(40, np.repeat(np.where(rng.random(BLOCKS // 8) < 0.1, 0.4, 0.01), 8))
    effects = [design_effect(samples, hits, 40, 0.05, BREACH) for hits in (short, long)]
    assert effects[1] > 1.5 * effects[0]


def test_the_arm_with_more_requests_in_a_block_has_the_larger_effect() -> None:
    hits = _blocks(0.05, runs=1)[0]
    mine, stable = (design_effect([60] * BLOCKS, hits, n, 0.05, BREACH) for n in (6, 54))
    assert 1 < mine < stable
