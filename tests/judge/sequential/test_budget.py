"""The budget: never over 1 in all, whatever the looks, and counted in requests."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.judge.sequential import budget
from headgate.judge.sequential.budget import phase_budget, production_budget, proof_budget
from support.mutants import mutant

PLANNED = 10_000


def _spent_by(module: Any, looks: list[int], planned: int = PLANNED) -> np.ndarray:
    """What a phase spends whose looks bring so many candidate requests."""
    totals = np.cumsum([0, *looks])
    first = np.arange(len(looks)) == 0
    spent: np.ndarray = module.phase_budget(planned, totals[:-1], totals[1:], first)
    return spent


def claim_budget(module: Any) -> None:
    spent = _spent_by(module, [50] * 20_000)  # 100 times longer than planned
    assert spent.sum() <= 1
    assert spent[0] == 0.5
    at = np.cumsum(spent) - 0.5
    for lap in range(6):  # a quarter over the planned requests, a half of it over twice as many
        requests = PLANNED * (2 ** (lap + 1) - 1)
        np.testing.assert_allclose(at[requests // 50 - 1], 0.5 - 0.25 / 2**lap, atol=2e-3)
    assert (np.diff(spent[1:]) <= 1e-15).all()
    whole = module.phase_budget(PLANNED, 0, 10**15, first=False)
    np.testing.assert_allclose(whole, 0.5, atol=1e-6)


MUTATIONS = [
    ("FIRST = 0.5", "FIRST = 1.0"),
    ("LATER = 0.25", "LATER = 0.5"),
    ("(2 - 2 / whole", "(2 + 2 / whole"),
    ("(share - whole + 1) / whole**2", "(share - whole + 1)"),
    ("(share - whole + 1) / whole**2", "(share - whole + 1) / whole"),
    ("if share < 1:", "if True:"),
    ("until - since)", "until + since)"),
]


def test_half_is_for_the_first_look_and_the_rest_is_spread_over_ever_longer_laps() -> None:
    claim_budget(budget)


@pytest.mark.parametrize(("fragment", "instead"), MUTATIONS)
def test_a_broken_budget_fails_its_claim(fragment: str, instead: str) -> None:
    with pytest.raises(AssertionError):
        claim_budget(mutant(budget, fragment, instead))


@settings(deadline=None, derandomize=True)
@given(
    st.integers(PLANNED, 10**12),
    st.lists(st.integers(0, 10**7) | st.integers(0, 3), min_size=1, max_size=60),
)
def test_no_sequence_of_looks_spends_more_than_all(planned: int, looks: list[int]) -> None:
    spent = _spent_by(budget, looks, planned)
    assert (spent >= 0).all()
    assert spent.sum() <= 1


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30), st.integers(0, 10**6))
def test_more_looks_at_the_same_requests_spend_no_more(sizes: list[int], before: int) -> None:
    edges = np.cumsum([before, *sizes])
    split = sum(float(phase_budget(PLANNED, a, b, first=False)) for a, b in pairwise(edges))
    whole = float(phase_budget(PLANNED, edges[0], edges[-1], first=False))
    assert split == pytest.approx(whole, abs=1e-9)
    assert phase_budget(PLANNED, before, before, first=False) == 0


def test_300000_looks_of_half_a_second_spend_no_more_than_a_single_one() -> None:
    assert _spent_by(budget, [1] * 300_000).sum() <= 1
    assert _spent_by(budget, [0] * 300_000).sum() == 0.5


def test_production_spends_one_in_30_days_of_requests() -> None:
    edges = np.linspace(0, 3_000_000, 1_001)
    assert production_budget(3_000_000, edges[:-1], edges[1:]).sum() == pytest.approx(1)
    assert production_budget(0, 0, 5) == 5


def test_proving_good_bets_everything_at_its_first_look() -> None:
    assert proof_budget([True, False, False]).tolist() == [1, 0, 0]


def claim_budgets(module: Any) -> None:
    spent, requests = np.array([-1, 0, 50, 9_950, 123_456]), 123_500
    breach, good = np.zeros(5, np.bool_), np.ones(5, np.bool_)
    phase = phase_budget(PLANNED, spent, requests, spent < 0).tolist()
    watch = production_budget(PLANNED, np.maximum(spent, 0), requests).tolist()
    for forever, alone in ((False, phase), (True, watch)):
        found, proof = np.empty(5), np.empty(5)
        module.set_budgets(found, spent, breach, requests, PLANNED, forever)
        module.set_budgets(proof, spent, good, requests, PLANNED, forever)
        assert found.tolist() == alone
        assert proof.tolist() == proof_budget(spent < 0).tolist()


def test_the_tests_of_one_run_spend_what_each_may_alone() -> None:
    claim_budgets(budget)


@pytest.mark.parametrize(
    ("fragment", "instead"),
    [
        ("1.0 if before < 0 else 0.0", "1.0"),
        ("if prove_good[test]:", "if False:"),
        ("elif forever:", "elif False:"),
        ("requests - max(before, 0)", "requests - before"),
        ("/ max(planned, 1)", "/ 1"),
        ("elif before < 0:", "elif before < 1:"),
        ("_spent(requests / planned) - _spent(before / planned)", "_spent(requests / planned)"),
    ],
)
def test_a_broken_budget_of_one_run_fails_its_claim(fragment: str, instead: str) -> None:
    with pytest.raises(AssertionError):
        claim_budgets(mutant(budget, fragment, instead))
