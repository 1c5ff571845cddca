"""E-processes: new money first, then the look; nothing that comes makes the wealth no number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.judge.sequential import process
from headgate.judge.sequential.bets import (
    BREACH,
    EFFECTS,
    GOOD,
    Floats,
    rate_against_limit,
    rating_against_limit,
    ratio_of_rates,
)
from headgate.judge.sequential.budget import phase_budget
from headgate.judge.sequential.process import NOTHING, advance, empty, log_e_value
from support.mutants import mutant


def claim_process(module: Any) -> None:
    rng = np.random.default_rng(3)
    wealth, plain = module.empty(), np.zeros(8)
    for number, budget in enumerate([0.5, 0.0, 0.01, 0.2]):
        increment = rng.normal(0, 2, 8)
        wealth = module.advance(wealth, increment, budget)
        plain = (plain + budget) * np.exp(increment)
        np.testing.assert_allclose(np.exp(wealth), plain, err_msg=f"look {number}")
        np.testing.assert_allclose(module.log_e_value(wealth), np.log(plain.mean()))
    for bad in (np.nan, np.inf, -np.inf):
        after = module.advance(wealth, np.array([bad, *np.ones(7)]), 0.0)
        assert np.isfinite(after).all()
        np.testing.assert_allclose(after[1:], wealth[1:] + 1)
    ruined = module.advance(wealth, np.full(8, -1e9), 0.0)
    assert np.isfinite(ruined).all()
    assert module.log_e_value(ruined) < -900
    again = module.advance(ruined, np.zeros(8), 0.25)  # new money revives it
    np.testing.assert_allclose(module.log_e_value(again), np.log(0.25))


def claim_growth(module: Any) -> None:
    """Of many runs and of the tests of one, wealth grows alike."""
    rng = np.random.default_rng(4)
    wealth = np.vstack([rng.normal(-2, 3, (5, 8)), module.empty((3,))])
    increment, budgets = rng.normal(0, 4, (8, 8)), np.array([0.5, 0, 0.1, 1, 1e-9, 0.2, 0, 1])
    increment[0, :4] = np.nan, np.inf, -np.inf, -1e9
    looked = np.array([True, True, False, True, True, True, True, True])
    grown, log_e, spent = wealth.copy(), np.zeros(8), np.full(8, 300)
    module.grow(grown, log_e, spent, looked, increment, budgets, 500)
    many = advance(wealth, increment, budgets)
    np.testing.assert_allclose(grown[looked], many[looked], rtol=1e-12)
    np.testing.assert_allclose(log_e[looked], log_e_value(many)[looked], rtol=1e-12)
    assert (grown[2] == wealth[2]).all()
    assert log_e[2] == 0
    assert spent.tolist() == [500, 500, 300, 500, 500, 500, 500, 500]


MUTATIONS = [
    ("np.logaddexp(log_wealth, new) + increment", "np.logaddexp(log_wealth, new) - increment"),
    ("np.logaddexp(log_wealth, new) + increment", "np.logaddexp(log_wealth + increment, new)"),
    ("np.logaddexp(log_wealth, new) + increment", "np.maximum(log_wealth, new) + increment"),
    ("np.logaddexp(log_wealth, new) + increment", "log_wealth + increment"),
    ("np.where(finite, after, log_wealth)", "after"),
    (".sum(-1) / BETS)", ".sum(-1))"),
    (".sum(-1) / BETS)", ".max(-1))"),
]


def test_the_wealth_is_the_sum_of_all_money_times_what_the_looks_since_made_of_it() -> None:
    claim_process(process)


@pytest.mark.parametrize(("fragment", "instead"), MUTATIONS)
def test_a_broken_process_fails_its_claim(fragment: str, instead: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        claim_process(mutant(process, fragment, instead))


def test_the_tests_of_one_run_grow_as_those_of_many_runs_do() -> None:
    claim_growth(process)


@pytest.mark.parametrize(
    ("fragment", "instead"),
    [
        ("if not looked[test]:", "if False:"),
        ("max(budgets[test], _LEAST)", "budgets[0]"),
        ("new) + increments[test, bet]", "new) - increments[test, bet]"),
        ("np.logaddexp(wealth[test, bet], new)", "wealth[test, bet]"),
        ("if after < np.inf:", "if after <= np.inf:"),
        ("if after < np.inf:", "if True:"),
        ("max(after, NOTHING)", "after"),
        ("- top) / bets", "- top)"),
        ("log_e[test] = top + np.log(mean)", "log_e[test] = np.log(mean)"),
    ],
)
def test_a_broken_growth_fails_its_claim(fragment: str, instead: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        claim_growth(mutant(process, fragment, instead))


LOOKS: dict[str, Floats] = {
    "all failed": rate_against_limit(50, 50, 0.05, BREACH),
    "all passed": rate_against_limit(0, 50, 0.05, BREACH),
    "a million failed": rate_against_limit(10**6, 10**6, 1e-4, BREACH),
    "a million passed, to prove good": rate_against_limit(0, 10**6, 0.5, GOOD),
    "a million failed, to prove good": rate_against_limit(10**6, 10**6, 0.05, GOOD),
    "one request": rate_against_limit(1, 1, 0.05, BREACH),
    "no request": rate_against_limit(0, 0, 0.05, BREACH),
    "a million of the candidate's": ratio_of_rates(10**6, 10**6, 0, 1, ratio=1.25, side=BREACH),
    "a million of stable's": ratio_of_rates(0, 1, 10**6, 10**6, ratio=1.25, side=GOOD),
    "a million worst ratings": rating_against_limit([1.0], [10**6], 3.5, BREACH),
    "a million best ratings": rating_against_limit([5.0], [10**6], 3.5, BREACH),
    "no number": np.full(8, np.nan),
    "infinite": np.full(8, np.inf),
    "minus infinite": np.full(8, -np.inf),
}


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("budget", [0.0, 1e-12, 0.5, 1.0])
def test_no_look_however_odd_or_often_repeated_leaves_a_wealth_that_is_no_number(
    name: str, budget: float
) -> None:
    wealth = empty()
    for _ in range(200):
        wealth = advance(wealth, LOOKS[name], budget)
        assert np.isfinite(wealth).all()
        assert np.isfinite(log_e_value(wealth))
        assert (wealth >= NOTHING).all()


@settings(deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=True, allow_infinity=True),
            st.floats(0, 1, allow_nan=False),
        ),
        max_size=30,
    )
)
def test_any_increments_leave_numbers(looks: list[tuple[float, float]]) -> None:
    wealth = empty()
    with np.errstate(all="ignore"):
        for increment, budget in looks:
            wealth = advance(wealth, np.full(8, increment) * EFFECTS, budget)
            assert np.isfinite(wealth).all()
            assert np.isfinite(log_e_value(wealth))


def test_a_version_on_its_limit_is_rolled_back_in_under_one_run_of_a_hundred() -> None:
    rng = np.random.default_rng(11)
    runs, looks, planned = 2_000, 1_500, 10_000  # 75,000 requests: over seven times the plan
    wealth, alarmed = empty((runs,)), np.zeros(runs, bool)
    for number in range(looks):
        hits = rng.binomial(50, 0.05, runs)
        budget = phase_budget(planned, 50 * number, 50 * number + 50, number == 0)
        wealth = advance(wealth, rate_against_limit(hits, 50, 0.05, BREACH), budget)
        alarmed |= log_e_value(wealth) >= np.log(100)
    assert alarmed.mean() <= 0.01


def test_a_version_that_turns_bad_late_is_found() -> None:
    rng = np.random.default_rng(12)
    wealth = empty((100,))
    for number in range(400):
        truth = 0.01 if number < 300 else 0.2
        hits = rng.binomial(50, truth, 100)
        budget = phase_budget(10_000, 50 * number, 50 * number + 50, number == 0)
        wealth = advance(wealth, rate_against_limit(hits, 50, 0.05, BREACH), budget)
        assert number >= 300 or (log_e_value(wealth) < np.log(100)).all()
    assert (log_e_value(wealth) >= np.log(100)).all()
