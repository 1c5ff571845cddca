"""One reading of a test: an interval, a verdict and what is missing, for every comparison."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log

from msgspec import Struct

from headgate.judge.ab.intervals import LogInterval, intervals
from headgate.judge.ab.missing import requests_missing
from headgate.judge.ab.plan import Comparison, TestPlan
from headgate.judge.ab.rates import FARTHEST
from headgate.judge.ab.samples import COMPARED, Kind, Sample, sample_of, value_of
from headgate.measure.cells import NOTHING, Cell
from headgate.measure.metrics import CallerFaults
from headgate.vocabulary import AbReason, AbVerdict

DIGITS = 6  # logarithms may differ in their last bits between processors


class Reading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of arm `one` beside arm `other` by one metric.

    `low`, `difference` and `high` are relative differences (0.1: one's value is 10 % above the
    other's; None: no bound, or nothing seen). `verdict` is the one of this reading alone; `winner`
    the version that it names. `more` is about how many more requests of the model the verdict
    takes, None where that cannot be told or none are needed. `effect` is D of sticky users.
    """

    metric: str
    one: str
    other: str
    verdict: AbVerdict
    reason: AbReason
    winner: str = ""
    value: float | None = None
    other_value: float | None = None
    samples: int = 0
    other_samples: int = 0
    low: float | None = None
    difference: float | None = None
    high: float | None = None
    effect: float = 1.0
    more: int | None = None


def read_all(
    plan: TestPlan, counted: Mapping[str, Cell], faults: CallerFaults
) -> tuple[Reading, ...]:
    """A reading per comparison of the plan, in its order, by what each arm has `counted`."""
    cells = {arm.version: counted.get(arm.version, NOTHING) for arm in plan.arms}
    samples = {
        (version, criterion.metric): sample_of(criterion.metric, cell, faults)
        for version, cell in cells.items()
        for criterion in plan.criteria
    }
    requests = sum(cell.requests for cell in cells.values())
    readings = []
    for comparison, found in zip(plan.comparisons, intervals(plan, samples), strict=True):
        metric = comparison.criterion.metric
        pair = samples[comparison.one, metric], samples[comparison.other, metric]
        readings.append(_reading(comparison, pair, found, requests))
    return tuple(readings)


def _reading(
    comparison: Comparison, pair: tuple[Sample, Sample], found: LogInterval, requests: int
) -> Reading:
    criterion = comparison.criterion
    one, other = pair
    seen = log_ratio(criterion.metric, one, other)
    verdict, winner = decide(comparison, found)
    reason, more = AbReason.PROVEN, None
    if verdict is AbVerdict.NOT_ENOUGH:
        reason = found.reason or AbReason.INTERVAL_TOO_WIDE
        more = requests_missing(comparison, (one.n + other.n, requests), found, seen)
        if more is None and found.reason is None:
            reason = AbReason.BEYOND_RESOLUTION
    return Reading(
        metric=criterion.metric,
        one=comparison.one,
        other=comparison.other,
        verdict=verdict,
        reason=reason,
        winner=winner,
        value=_rounded(value_of(criterion.metric, one)),
        other_value=_rounded(value_of(criterion.metric, other)),
        samples=one.n,
        other_samples=other.n,
        low=_relative(found.low) if found.reason is None else None,
        difference=_relative(seen) if seen is not None else None,
        high=_relative(found.high) if found.reason is None else None,
        effect=round(found.effect, DIGITS),
        more=more,
    )


def decide(comparison: Comparison, found: LogInterval) -> tuple[AbVerdict, str]:
    """The verdict of one reading, and the version that wins.

    Null hypothesis of a winner: the ratio is 1 (the interval excludes it, on one side or the
    other). No difference that matters: the whole interval lies within -ln(1+delta), ln(1+delta).
    """
    inside = log(1 + comparison.criterion.matters)
    falls = comparison.criterion.better == "lower"
    if found.low > 0:
        return AbVerdict.WINNER, comparison.other if falls else comparison.one
    if found.high < 0:
        return AbVerdict.WINNER, comparison.one if falls else comparison.other
    if -inside < found.low and found.high < inside:
        return AbVerdict.NO_DIFFERENCE, ""
    return AbVerdict.NOT_ENOUGH, ""


def log_ratio(metric: str, one: Sample, other: Sample) -> float | None:
    """ln of the ratio that was seen; None where there is none."""
    if COMPARED[metric].kind is Kind.QUANTILE:
        values = [value_of(metric, arm) or 0.0 for arm in (one, other)]
    else:
        values = [one.mean, other.mean]
    return log(values[0] / values[1]) if min(values) > 0 else None


def _relative(logarithm: float) -> float | None:
    """The relative difference that a log ratio is; None for one that is no bound."""
    return None if logarithm >= FARTHEST else round(exp(logarithm) - 1, DIGITS)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
