"""What the counts mean: one reading per metric, each a row of data.

A reading is a value in the unit of its name and the number of samples behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from msgspec import Struct

from headgate.measure.cells import Cell, Depth
from headgate.measure.measures import MAX_SAFETY_IDS


class CallerFaults(Struct, frozen=True):
    """Error types that are the caller's own: they match a pattern and are no exception to it."""

    match: tuple[str, ...] = ("4??",)
    except_for: tuple[str, ...] = ("408", "429")

    def holds(self, error_type: str) -> bool:
        """Whether the caller, not the model, is at fault."""
        return _holds(self, error_type)


@lru_cache(maxsize=4096)
def _holds(faults: CallerFaults, error_type: str) -> bool:
    if error_type in faults.except_for:
        return False
    return any(fnmatchcase(error_type, pattern) for pattern in faults.match)


class Reading(Struct, frozen=True):
    """A metric's `value` (None without samples), its `samples` and, for rates, the `hits`.

    `request_ids` names a few of the requests behind the hits, where the metric keeps them.
    """

    value: float | None
    samples: int
    hits: int | None = None
    request_ids: tuple[str, ...] = ()


Metric = Callable[[Cell, CallerFaults], Reading]


def error_count(cell: Cell, faults: CallerFaults) -> int:
    """Requests that failed and were not the caller's own fault."""
    return sum(n for kind, n in cell.errors.items() if not faults.holds(kind))


def _rate(hits: int, samples: int) -> Reading:
    return Reading(hits / samples if samples else None, samples, hits)


def _error_rate(cell: Cell, faults: CallerFaults) -> Reading:
    return _rate(error_count(cell, faults), cell.requests)


def _label_rate(label: str) -> Metric:
    def read(cell: Cell, _: CallerFaults) -> Reading:
        return _rate(cell.flagged.get(label, 0), cell.labelled.get(label, 0))

    return read


def _task_failures(cell: Cell, _: CallerFaults) -> Reading:
    judged = cell.labelled.get("task_success", 0)
    return _rate(judged - cell.flagged.get("task_success", 0), judged)


def _safety_violations(cell: Cell, _: CallerFaults) -> Reading:
    """Requests that violated safety: one that is said twice counts once, while all are named."""
    hits, named = cell.flagged.get("safety_violation", 0), len(cell.safety_request_ids)
    if 0 < named < MAX_SAFETY_IDS:
        hits = min(hits, named)
    samples = cell.labelled.get("safety_violation", 0)
    return Reading(float(hits), samples, hits, cell.safety_request_ids)


def _quantile(measure: str, share: float, per_unit: int) -> Metric:
    def read(cell: Cell, _: CallerFaults) -> Reading:
        sketch = cell.sketch(measure)
        if not sketch.total:
            return Reading(None, 0)
        return Reading(sketch.quantiles([share])[0] / per_unit, sketch.total)

    return read


def _mean(measure: str, per_unit: int) -> Metric:
    def read(cell: Cell, _: CallerFaults) -> Reading:
        samples = cell.counts.get(measure, 0)
        if not samples:
            return Reading(None, 0)
        return Reading(cell.sums.get(measure, 0) / samples / per_unit, samples)

    return read


def _counted_elsewhere(_: Cell, __: CallerFaults) -> Reading:
    """Choices are in no cell: routers report them."""
    return Reading(None, 0)


ANSWERED = "answered_share"


@dataclass(frozen=True, slots=True)
class MetricRow:
    """How a metric is read and how a person reads it: `{value}` in the units of `template`.

    `depth` is how much of a cell it reads.
    """

    read: Metric
    noun: str
    template: str
    unit_samples: str
    depth: Depth = "counts"

    def say(self, value: float | None) -> str:
        """The value with its unit, as on-call reads it."""
        return "no data" if value is None else self.template.format(value=value)


METRICS: dict[str, MetricRow] = {
    "error_rate": MetricRow(_error_rate, "error rate", "{value:.2%}", "requests"),
    "latency_p50_ms": MetricRow(
        _quantile("latency_us", 0.50, 1000),
        "p50 latency",
        "{value:,.0f} ms",
        "successes",
        "distributions",
    ),
    "latency_p95_ms": MetricRow(
        _quantile("latency_us", 0.95, 1000),
        "p95 latency",
        "{value:,.0f} ms",
        "successes",
        "distributions",
    ),
    "latency_p99_ms": MetricRow(
        _quantile("latency_us", 0.99, 1000),
        "p99 latency",
        "{value:,.0f} ms",
        "successes",
        "distributions",
    ),
    "ttft_p95_ms": MetricRow(
        _quantile("ttft_us", 0.95, 1000),
        "p95 time to first token",
        "{value:,.0f} ms",
        "successes",
        "distributions",
    ),
    "rating_mean": MetricRow(
        _mean("rating_tenths", 10), "mean rating", "{value:.2f}", "ratings", "sums"
    ),
    "hallucination_rate": MetricRow(
        _label_rate("hallucination"), "hallucination rate", "{value:.2%}", "judged answers"
    ),
    "success_rate": MetricRow(
        _label_rate("task_success"), "task success rate", "{value:.2%}", "judged tasks"
    ),
    "task_failure_rate": MetricRow(
        _task_failures, "task failure rate", "{value:.2%}", "judged tasks"
    ),
    "safety_violations": MetricRow(
        _safety_violations, "safety violations", "{value:.0f}", "checked answers"
    ),
    "tokens_mean": MetricRow(
        _mean("tokens", 1), "tokens per request", "{value:,.0f}", "requests", "sums"
    ),
    "cost_mean_usd": MetricRow(
        _mean("cost_microusd", 1_000_000), "cost per request", "${value:.5f}", "requests", "sums"
    ),
    ANSWERED: MetricRow(_counted_elsewhere, "share of answered choices", "{value:.1%}", "choices"),
    "telemetry_delay_ms": MetricRow(
        _mean("delay_ms", 1), "telemetry delay", "{value:,.0f} ms", "outcomes", "sums"
    ),
}


def read_all(cell: Cell, names: Sequence[str], faults: CallerFaults) -> dict[str, Reading]:
    """Several metrics of one cell."""
    return {name: METRICS[name].read(cell, faults) for name in names}
