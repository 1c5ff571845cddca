"""Valuing: all distributions at once are worth what each is worth alone, rounded to be safe."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headgate.judge.sequential import bets, valuing
from headgate.judge.sequential.bets import BREACH, GOOD, Floats
from headgate.judge.sequential.looks import beside_stable, limit_gains
from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.samples import SAMPLED
from headgate.judge.sequential.sources import Source, sources_of
from headgate.judge.sequential.state import OpenLook, Sample
from headgate.judge.sequential.valuing import Valued
from headgate.measure.hdr import value_bounds
from support.evidence import sketch
from support.mutants import mutant

RNG = np.random.default_rng(5)
COSTS = RNG.lognormal(7, 1.5, 90).astype(int), RNG.lognormal(7, 1, 700).astype(int)
STARS = RNG.integers(0, 8, 60) * 10, RNG.integers(1, 6, 200) * 10  # some outside the scale


def _source(metric: str, relative: float) -> Source:
    plan = Plan(SAMPLED[metric], None, relative, None, 20, counts_hits=False)
    return sources_of([metric], [metric], [plan])[0]


def _sample(values: Floats, parts: int = 1) -> Sample:
    sketches = tuple(sketch(part) for part in np.array_split(values, parts))
    return Sample(len(values), total=int(values.sum()), sketches=sketches)


def _edges(values: Floats) -> tuple[Floats, Floats]:
    lowest, highest = value_bounds(sketch(values).indexes)
    return lowest.astype(float), highest.astype(float)


def _counts(values: Floats) -> Floats:
    return sketch(values).counts.astype(float)


def _worths(looks: list[tuple[Valued, ...]], module: Any = valuing) -> Floats:
    worth, looked = np.zeros((len(looks), 8)), np.zeros(len(looks), np.bool_)
    for number, look in enumerate(looks):
        module.add_values(worth, looked, np.array([number]), look)
    assert looked.all()
    return worth


@pytest.mark.parametrize("parts", [1, 3])
def test_what_is_valued_together_is_worth_what_each_is_worth_alone(parts: int) -> None:
    cost, rating = _source("cost_mean_usd", 2.0), _source("rating_mean", 0.1)
    costs = OpenLook(0, 1500.0, (), _sample(COSTS[0], parts), _sample(COSTS[1], parts))
    stars = OpenLook(0, 41.0, (), _sample(STARS[0], parts), _sample(STARS[1], parts))
    breach, good = limit_gains(rating, 3.5)
    together = _worths(
        [
            beside_stable(cost, costs),
            (Valued(stars.candidate, breach),),
            beside_stable(rating, stars),
            (Valued(stars.candidate, good),),
            (Valued(costs.candidate, limit_gains(cost, 0.002)[0]),),
        ]
    )
    (mine, _), (_, other) = map(_edges, COSTS)
    rated, stable = (np.clip(_edges(arm)[0] / 10, 1, 5) for arm in STARS)
    alone = [
        bets.mean_against_stable(
            mine, _counts(COSTS[0]), other, _counts(COSTS[1]), reference=1500.0, ratio=2.0
        ),
        bets.rating_against_limit(rated, _counts(STARS[0]), 3.5, BREACH),
        bets.rating_against_stable(
            rated, _counts(STARS[0]), stable, _counts(STARS[1]), reference=4.1, margin=0.1
        ),
        bets.rating_against_limit(rated, _counts(STARS[0]), 3.5, GOOD),
        bets.mean_against_limit(mine, _counts(COSTS[0]), 2_000.0),
    ]
    np.testing.assert_allclose(together, np.array(alone), rtol=1e-9, atol=1e-9)


def test_rounding_to_bins_never_makes_a_candidate_dearer_than_it_is() -> None:
    source, look = _source("tokens_mean", 1.5), OpenLook(0, 1500.0, (), *map(_sample, COSTS))
    exact = bets.mean_against_stable(
        COSTS[0],
        np.ones(len(COSTS[0])),
        COSTS[1],
        np.ones(len(COSTS[1])),
        reference=1500.0,
        ratio=1.5,
    )
    rounded = _worths([beside_stable(source, look)])[0]
    assert (rounded <= exact).all()
    assert (exact - rounded < 0.05 * (1 + abs(exact))).all()


def claim_values(module: Any) -> None:
    """Few values that win little, many that win much, and both arms' edges."""
    few, many = _sample(RNG.integers(1, 4_000, 900)), _sample(np.repeat([10, 300, 90_000], 40))
    gains = bets.Gain(0.01, 0.5, 20.0, 1.0, 0.9), bets.Gain(0.01, 0.0, np.inf, 1.0, 1.0)
    looks = [
        (Valued(few, gains[0]), Valued(few, gains[1], upper=True)),
        (Valued(many, gains[1]),),
    ]
    expected = np.zeros((2, 8))
    for number, look in enumerate(looks):
        for one in look:
            bins, counts = one.sample.distribution()
            edges = value_bounds(bins)[one.upper].astype(float)
            expected[number] += bets.worth(one.gain.of(edges), counts)
    np.testing.assert_allclose(_worths(looks, module), expected, rtol=1e-11)


MUTATIONS = [
    ("_HIGHEST if one.upper else _LOWEST", "_LOWEST"),
    ("_FEW, _MANY, _LARGE = 8, 100, 100.0", "_FEW, _MANY, _LARGE = 8, 10**9, 100.0"),
    ("_FEW, _MANY, _LARGE = 8, 100, 100.0", "_FEW, _MANY, _LARGE = 10**9, 10**9, 1e9"),
    ("np.maximum(value, low), high)", "value, high)"),
    ("- origin)", ")"),
    (") * stake", ")"),
    ("product[bet] *= 1 + FRACTIONS", "product[bet] = 1 + FRACTIONS"),
    ("count * np.log1p(", "np.log1p("),
    ("total[bet] += np.log(product[bet])", "total[bet] = np.log(product[bet])"),
    ("product[bet] = 1.0", "pass"),
    ("worth[test, bet] += total[bet]", "worth[test, bet] = total[bet]"),
]


def test_values_are_worth_what_the_bets_on_them_say() -> None:
    claim_values(valuing)


@pytest.mark.parametrize(("fragment", "instead"), MUTATIONS)
def test_a_broken_sum_of_values_fails_its_claim(fragment: str, instead: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        claim_values(mutant(valuing, fragment, instead))


def test_a_limit_that_is_no_number_proves_nothing() -> None:
    worth = _worths([(Valued(_sample(COSTS[0]), bets.mean_gain(float("nan"))),)])
    assert np.isnan(worth).all()
