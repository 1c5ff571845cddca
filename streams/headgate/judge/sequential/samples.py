"""What a metric gives a test to count: hits among samples, or a distribution of values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from headgate.judge.sequential.state import NO_SAMPLE, Sample
from headgate.measure.cells import Cell
from headgate.measure.metrics import CallerFaults, error_count

Take = Callable[[Sequence[Cell], CallerFaults], Sample]


class Family(StrEnum):
    """Which of the bets a metric is proven by."""

    RATE = "rate"
    QUANTILE = "quantile"
    RATING = "rating"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Sampled:
    """How a metric is sampled. `measure` and `per_unit` (wire units per unit of the metric) are of
    values, `share` of quantiles, `label` of judged answers.
    """

    family: Family
    take: Take
    measure: str = ""
    per_unit: int = 1
    share: float = 0.0
    label: str = ""

    @property
    def of_labels(self) -> bool:
        """Whether samples come later than their requests, some of them by hours."""
        return bool(self.label) or self.family is Family.RATING


def _errors(cells: Sequence[Cell], faults: CallerFaults) -> Sample:
    requests = failed = 0
    for cell in cells:
        requests += cell.requests
        failed += min(error_count(cell, faults), cell.requests) if cell.errors else 0
    return Sample(requests, failed)


def _flagged(label: str, *, inverse: bool = False) -> Take:
    def take(cells: Sequence[Cell], _: CallerFaults) -> Sample:
        labelled = flagged = 0
        for cell in cells:
            if count := cell.labelled.get(label, 0):
                labelled += count
                flagged += min(cell.flagged.get(label, 0), count)
        if not labelled:
            return NO_SAMPLE
        return Sample(labelled, labelled - flagged if inverse else flagged)

    return take


@cache
def _values(measure: str) -> Take:
    def take(cells: Sequence[Cell], _: CallerFaults) -> Sample:
        samples = NO_SAMPLE
        for cell in cells:
            if (sketch := cell.sketches.get(measure)) is not None:
                one = Sample(sketch.total, 0, 0, cell.sums.get(measure, 0), (sketch,))
                samples = samples.plus(one) if samples.n else one
        return samples

    return take


def _quantile(measure: str, share: float) -> Sampled:
    return Sampled(Family.QUANTILE, _values(measure), measure, 1000, share)


SAMPLED: dict[str, Sampled] = {
    "error_rate": Sampled(Family.RATE, _errors),
    "hallucination_rate": Sampled(Family.RATE, _flagged("hallucination"), label="hallucination"),
    "task_failure_rate": Sampled(
        Family.RATE, _flagged("task_success", inverse=True), label="task_success"
    ),
    "latency_p50_ms": _quantile("latency_us", 0.50),
    "latency_p95_ms": _quantile("latency_us", 0.95),
    "latency_p99_ms": _quantile("latency_us", 0.99),
    "ttft_p95_ms": _quantile("ttft_us", 0.95),
    "rating_mean": Sampled(Family.RATING, _values("rating_tenths"), "rating_tenths", 10),
    "tokens_mean": Sampled(Family.MEAN, _values("tokens"), "tokens"),
    "cost_mean_usd": Sampled(Family.MEAN, _values("cost_microusd"), "cost_microusd", 1_000_000),
}
