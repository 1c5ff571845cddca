"""Plans: what is wrong is said at once, and forecasts are what their formulas say."""

from __future__ import annotations

from math import log, nan
from typing import Any

import pytest

from headgate.judge.ab import forecast
from headgate.judge.ab.criteria import Arm, Criterion, PlanError, problems_of
from headgate.judge.ab.plan import plan_test
from headgate.judge.ab.samples import COMPARED, sample_of
from headgate.measure.cells import NOTHING
from headgate.measure.metrics import CallerFaults
from support.ab import THREE, TWO, criterion, plan, served
from support.mutants import mutant

KNOWN = served(4, 30_000)
HALVES = (0.5, 0.5)


def needed(
    module: Any, metric: str, matters: float = 0.1, parts: Any = HALVES, **known: Any
) -> Any:
    sample = sample_of(metric, known.get("cell", KNOWN), CallerFaults())
    return module.samples_needed(COMPARED[metric], matters, known.get("alpha", 0.05), parts, sample)


def claim_forecast(module: Any) -> None:
    """N* = v ((h + 1.29) / ln(1 + 2 delta))^2 x 1.15, computed by hand."""
    sample = sample_of("cost_mean_usd", KNOWN, CallerFaults())
    square = sample.variance / sample.mean**2
    by_hand = 4 * square * ((3.038 + 1.29) / log(1.2)) ** 2 * 1.15
    assert needed(module, "cost_mean_usd") == pytest.approx(by_hand, rel=0.01)
    uneven = needed(module, "cost_mean_usd", parts=(0.1, 0.9))
    assert uneven == pytest.approx(by_hand / 4 * (1 / 0.1 + 1 / 0.9), rel=0.01)
    rate = sample_of("success_rate", KNOWN, CallerFaults()).mean
    lower = rate / 1.2
    spread = 2 * (1 - rate) / rate + 2 * (1 - lower) / lower
    by_hand = spread * ((3.038 + 1.29) / log(1.2)) ** 2 * 1.15
    assert needed(module, "success_rate") == pytest.approx(by_hand, rel=0.01)
    errors = needed(module, "error_rate", 0.5)
    rate = sample_of("error_rate", KNOWN, CallerFaults()).mean
    spread = 2 * (1 - rate) / rate + 2 * (1 - rate / 2) / (rate / 2)
    assert errors == pytest.approx(spread * ((3.16 + 1.29) / log(2)) ** 2 * 1.15, rel=0.04)
    assert needed(module, "rating_mean", 0.5) == 200  # never before intervals hold: 100 per arm
    assert needed(module, "cost_mean_usd", alpha=0.001) > 1.3 * needed(module, "cost_mean_usd")


def claim_quantiles(module: Any) -> None:
    """The fewest samples whose half-width is at most half of ln(1 + 2 delta)."""
    sketch = KNOWN.sketches["latency_us"]
    for share, matters in ((0.95, 0.1), (0.5, 0.05)):
        found = module._for_quantiles(share, matters, 0.05, HALVES, sketch)
        before, at = module._widths(
            module.np.array([found * 0.93, found]), share, 0.05, HALVES, sketch
        )
        assert at <= log(1 + 2 * matters) < before
    assert module._for_quantiles(0.95, 0.003, 0.05, HALVES, sketch) is None  # bins are wider


CLAIMS = {"forecast": claim_forecast, "quantiles": claim_quantiles}
MUTATIONS = [
    ("forecast", "POWER = 1.29", "POWER = 0.0"),
    ("forecast", "SLACK = 1.15", "SLACK = 1.0"),
    ("forecast", "log(1 + 2 * matters)\n    if kind", "log(1 + matters)\n    if kind"),
    ("forecast", "square / part", "square * part"),
    ("forecast", "known.variance / known.mean**2", "known.variance / known.mean"),
    ("forecast", "rate / (1 + 2 * matters)", "rate"),
    ("forecast", "((1 - lower) / lower, (1 - rate) / rate)", "(1 / lower, 1 / rate)"),
    ("forecast", "_ROUNDS if kind is Kind.RATE else 0", "0"),
    ("forecast", "means.LEAST / min(parts)", "1.0"),
    ("quantiles", "<= log(1 + 2 * matters)", "<= log(1 + matters)"),
    ("quantiles", "float(ceil(high))", "float(ceil(low / 1.1))"),
    ("quantiles", "if not narrow[-1]:", "if False:"),
]


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_holds(claim: str) -> None:
    CLAIMS[claim](forecast)


@pytest.mark.parametrize(("claim", "fragment", "instead"), MUTATIONS)
def test_a_broken_formula_breaks_its_claim(claim: str, fragment: str, instead: str) -> None:
    broken = mutant(forecast, fragment, instead)
    with pytest.raises((AssertionError, IndexError)):
        CLAIMS[claim](broken)


def test_a_plan_has_every_pair_by_every_criterion() -> None:
    made = plan(criterion("error_rate"), criterion("rating_mean"), arms=THREE, known=KNOWN)
    pairs = [(c.one, c.other) for c in made.comparisons]
    assert pairs == [("c", "b"), ("c", "a"), ("b", "a")] * 2
    assert made.alpha_each == pytest.approx(0.05 / 6)
    of_first = [c.needed or 0 for c in made.comparisons[:3]]
    assert made.needed == max(of_first) > 0


def test_requests_are_those_of_the_whole_model() -> None:
    whole = plan(criterion("cost_mean_usd"), known=KNOWN).comparisons[0]
    assert whole.needed == pytest.approx(whole.tuned_to, rel=0.001)
    arms = (Arm(version="b", weight=500), Arm(version="a", weight=500))
    tenth = plan(criterion("cost_mean_usd"), arms=arms, known=KNOWN).comparisons[0]
    assert tenth.needed == pytest.approx(10 * tenth.tuned_to, rel=0.001)
    rated = plan(criterion("rating_mean"), known=KNOWN).comparisons[0]
    assert rated.needed == pytest.approx(3 * rated.tuned_to, rel=0.05)  # a third is rated


def test_nothing_known_of_stable_foretells_nothing_and_starts_all_the_same() -> None:
    made = plan(*(criterion(metric) for metric in COMPARED), known=NOTHING)
    assert made.needed is None
    assert all(c.needed is None and c.tuned_to > 0 for c in made.comparisons)
    few = plan(criterion("cost_mean_usd"), known=served(1, 60))
    assert few.needed is None
    spotless = served(1, 5_000, errors=0.0)
    assert plan(criterion("error_rate"), known=spotless).needed is None


def test_every_problem_is_told_at_once_with_its_path() -> None:
    arms = (Arm(version="a", weight=0), Arm(version="a", weight=10_001))
    criteria = (
        Criterion(metric="mood", better="up", matters=nan),
        Criterion(metric="error_rate", better="higher", matters=0.1),
        Criterion(metric="error_rate", better="lower", matters=-1.0),
    )
    with pytest.raises(PlanError) as caught:
        plan_test(arms, criteria, alpha=nan)
    told = dict.fromkeys(path for path, _ in caught.value.problems)
    assert list(told) == [
        "$.arms[0].weight",
        "$.arms[1].version",
        "$.arms",
        "$.criteria[0].metric",
        "$.criteria[0].better",
        "$.criteria[0].matters",
        "$.criteria[1].better",
        "$.criteria[2].matters",
        "$.criteria[2].metric",
        "$.alpha",
    ]
    assert [path for path, _ in problems_of((), (), 0.0)] == ["$.arms", "$.criteria", "$.alpha"]
    assert problems_of(TWO, (criterion("error_rate"),), 0.05) == []
