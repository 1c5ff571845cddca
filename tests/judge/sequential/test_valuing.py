"""Valuing: all distributions at once are worth what each is worth alone, rounded to be safe."""

from __future__ import annotations

import numpy as np
import pytest

from headgate.judge.sequential import bets
from headgate.judge.sequential.bets import BREACH, GOOD, Floats
from headgate.judge.sequential.looks import beside_stable, limit_gains
from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.samples import SAMPLED
from headgate.judge.sequential.sources import Source, sources_of
from headgate.judge.sequential.state import OpenLook, Sample
from headgate.judge.sequential.valuing import Valued, value_worths
from headgate.measure.hdr import value_bounds
from support.evidence import sketch

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


@pytest.mark.parametrize("parts", [1, 3])
def test_what_is_valued_together_is_worth_what_each_is_worth_alone(parts: int) -> None:
    cost, rating = _source("cost_mean_usd", 2.0), _source("rating_mean", 0.1)
    costs = OpenLook(0, 1500.0, (), _sample(COSTS[0], parts), _sample(COSTS[1], parts))
    stars = OpenLook(0, 41.0, (), _sample(STARS[0], parts), _sample(STARS[1], parts))
    breach, good = limit_gains(rating, 3.5)
    together = value_worths(
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
    rounded = value_worths([beside_stable(source, look)])[0]
    assert (rounded <= exact).all()
    assert (exact - rounded < 0.05 * (1 + abs(exact))).all()
