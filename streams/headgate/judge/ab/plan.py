"""A test as it is fixed before its start: who is compared with whom, by what, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from msgspec import Struct

from headgate.judge.ab.criteria import Arm, Criterion, PlanError, pairs_of, problems_of
from headgate.judge.ab.forecast import samples_needed
from headgate.judge.ab.samples import COMPARED, Sample, sample_of
from headgate.measure.cells import NOTHING, Cell
from headgate.measure.metrics import CallerFaults
from headgate.vocabulary import BASIS_POINTS

ALPHA = 0.05
USUAL_SAMPLES = 10_000  # what intervals are tuned to where nothing is known of stable


class Comparison(Struct, frozen=True, kw_only=True):
    """Arm `one` against arm `other` by one criterion.

    `tuned_to` is N*, the samples of both arms after which the interval is tightest. `needed` is
    what that takes in requests of the whole model; None where nothing can be foretold.
    """

    one: str
    other: str
    criterion: Criterion
    tuned_to: float
    needed: int | None = None


class TestPlan(Struct, frozen=True, kw_only=True):
    """All that is declared before the start. The first criterion decides (see `overall`).

    `alpha` is the chance that anything false is ever declared, over all comparisons together.
    """

    __test__ = False  # no test of pytest's

    arms: tuple[Arm, ...]
    criteria: tuple[Criterion, ...]
    alpha: float
    comparisons: tuple[Comparison, ...]

    @property
    def alpha_each(self) -> float:
        """The chance of a false verdict in one comparison: alpha / (pairs x criteria)."""
        return self.alpha / len(self.comparisons)

    @property
    def needed(self) -> int | None:
        """Requests of the model until the first criterion is decided for every pair; None if the
        forecast knows too little.
        """
        needs = [c.needed for c in self.comparisons if c.criterion == self.criteria[0]]
        return max(need for need in needs if need is not None) if None not in needs else None


def plan_test(
    arms: Sequence[Arm],
    criteria: Sequence[Criterion],
    *,
    known: Cell = NOTHING,
    faults: CallerFaults | None = None,
    alpha: float = ALPHA,
) -> TestPlan:
    """The plan of a test; raises `PlanError` with everything that is wrong.

    `known` is what is counted of stable before the start (the forecast's base), `faults` says which
    errors are the caller's own.
    """
    problems = problems_of(arms, criteria, alpha)
    if problems:
        raise PlanError(problems)
    faults = faults or CallerFaults()
    pairs = pairs_of(arms)
    each = alpha / (len(pairs) * len(criteria))
    return TestPlan(
        arms=tuple(arms),
        criteria=tuple(criteria),
        alpha=alpha,
        comparisons=tuple(
            _comparison(pair, criterion, each, sample_of(criterion.metric, known, faults), known)
            for criterion in criteria
            for pair in pairs
        ),
    )


def _comparison(
    pair: tuple[Arm, Arm], criterion: Criterion, alpha: float, sample: Sample, known: Cell
) -> Comparison:
    one, other = pair
    both = one.weight + other.weight
    parts = (one.weight / both, other.weight / both)
    samples = samples_needed(COMPARED[criterion.metric], criterion.matters, alpha, parts, sample)
    needed = None
    if samples is not None and known.requests:
        per_request = min(sample.n / known.requests, 1.0)
        needed = ceil(samples / per_request * BASIS_POINTS / both)
    return Comparison(
        one=one.version,
        other=other.version,
        criterion=criterion,
        tuned_to=samples or float(USUAL_SAMPLES),
        needed=needed,
    )
