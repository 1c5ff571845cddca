"""Bursts: the correlation is found again, and what it makes of a count keeps every bet fair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headgate.judge.sequential import bursts
from headgate.judge.sequential.bets import BREACH, Floats
from headgate.judge.sequential.bursts import (
    BLOCKS,
    FLOOR,
    MERGES,
    correlation,
    design_effect,
    round_up,
)
from support.mutants import mutant


def _blocks(rho: float, *, runs: int = 300, n: int = 60, p: float = 0.05, seed: int = 5) -> Floats:
    rng = np.random.default_rng(seed)
    spread = (1 - rho) / rho
    rates = rng.beta(p * spread, (1 - p) * spread, (runs, BLOCKS))
    hits: Floats = rng.binomial(n, rates).astype(float)
    return hits


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


MUTATIONS = [
    ("(spread - freedom + np.sqrt", "(spread + freedom + np.sqrt"),
    ("(spread - freedom + np.sqrt", "(spread - freedom - np.sqrt"),
    ("np.sqrt(2 * freedom)", "np.sqrt(freedom)"),
    ("pairs = total - blocks", "pairs = total"),
    ("squares - rate * hits", "squares"),
    ("variance = rate * (1 - rate)", "variance = rate"),
    ("np.maximum(blocks - 1, 0)", "np.maximum(blocks, 0)"),
]


def test_the_correlation_of_beta_binomial_blocks_is_found_again() -> None:
    claim_correlation(bursts)


@pytest.mark.parametrize(("fragment", "instead"), MUTATIONS)
def test_a_broken_formula_fails_its_claim(fragment: str, instead: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        claim_correlation(mutant(bursts, fragment, instead))


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


def claim_merged(module: Any) -> None:
    rng = np.random.default_rng(4)
    for blocks in (0, 1, 2, 3, 4, 7, 9, 33, 359, 360):
        samples = rng.poisson(3.0, (2, blocks))
        hits = rng.binomial(samples, rng.beta(0.2, 1.0, (2, blocks)))
        found = module.correlations(samples, hits)
        lengths = [by for by in MERGES if by == 1 or blocks // by >= 2]
        for row, (n, s) in zip(found, zip(samples, hits, strict=True), strict=True):
            of_merged = [correlation(_merged(n, by), _merged(s, by), FLOOR / by) for by in lengths]
            assert row == tuple(min(round_up(float(rho)), 1.0) for rho in of_merged)


def _merged(counts: Any, by: int) -> Any:
    """Sums of `by` neighbouring blocks; the oldest odd ones are left out."""
    return counts[len(counts) % by :].reshape(-1, by).sum(-1)


MERGED_MUTATIONS = [
    ("blocks % length, blocks, length", "0, blocks - length + 1, length"),
    ("length = 1 << level", "length = 1 + level"),
    ("filled += n > 0", "filled += 1"),
    ("s * s / max(n, 1.0)", "s * s"),
    ("blocks // by >= 2", "blocks // by >= 1"),
]


def test_correlations_of_one_run_are_those_of_its_merged_blocks() -> None:
    claim_merged(bursts)


@pytest.mark.parametrize(("fragment", "instead"), MERGED_MUTATIONS)
def test_broken_merging_fails_its_claim(fragment: str, instead: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        claim_merged(mutant(bursts, fragment, instead))


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
