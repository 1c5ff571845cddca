"""What a metric gives an A/B test to compare: counts and moments of one arm, and its slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from headgate.judge.ab.special import Floats
from headgate.judge.sequential.samples import SAMPLED, Family
from headgate.measure.cells import Cell
from headgate.measure.hdr import IntArray, value_bounds
from headgate.measure.metrics import CallerFaults, error_count
from headgate.measure.sketch import EMPTY, Sketch
from headgate.measure.slots import LATENCY_BINS, REQUESTS, Name
from headgate.wire.ledger import SLOTS

_LATENCY = "latency_us"


class Kind(StrEnum):
    """Which interval a metric is compared by.

    Rates count what is rare, by the hits alone; a share is the mean of zeros and ones.
    """

    RATE = "rate"
    SHARE = "share"
    MEAN = "mean"
    QUANTILE = "quantile"


@dataclass(frozen=True, slots=True)
class Compared:
    """How a metric is compared. `measure` and `per_unit` (wire units per unit of the metric) are of
    values, `share` of quantiles, `label` of judged answers, `inverse` counts labels that are false.

    `better` is the direction that nobody would reverse, if there is one.
    """

    kind: Kind
    better: str = "lower"
    measure: str = ""
    per_unit: int = 1
    share: float = 0.0
    label: str = ""
    inverse: bool = False


_KINDS = {
    Family.RATE: Kind.RATE,
    Family.RATING: Kind.MEAN,
    Family.MEAN: Kind.MEAN,
    Family.QUANTILE: Kind.QUANTILE,
}
COMPARED: dict[str, Compared] = {
    metric: Compared(
        _KINDS[row.family],
        "higher" if row.family is Family.RATING else "" if metric == "tokens_mean" else "lower",
        row.measure,
        row.per_unit,
        row.share,
        row.label,
        inverse=metric == "task_failure_rate",
    )
    for metric, row in SAMPLED.items()
} | {"success_rate": Compared(Kind.SHARE, "higher", label="task_success")}


@dataclass(frozen=True, slots=True)
class Spread:
    """Sums of a quantity x by slot: samples and totals of shape (32,), and its variance over single
    samples.
    """

    samples: Floats
    totals: Floats
    variance: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One arm: `n` samples, their `hits` (rates and shares), or mean and variance in wire units, or
    their distribution.
    """

    n: int
    hits: int
    mean: float
    variance: float
    sketch: Sketch
    spread: Spread


def sample_of(metric: str, cell: Cell, faults: CallerFaults) -> Sample:
    """What one arm says about a metric of `COMPARED`; `n` is 0 where it says nothing."""
    row = COMPARED[metric]
    if row.kind in {Kind.RATE, Kind.SHARE}:
        return _of_hits(row, cell, faults)
    return _of_values(row, cell)


def value_of(metric: str, sample: Sample) -> float | None:
    """The arm's value in the unit of the metric; None without samples."""
    row = COMPARED[metric]
    if not sample.n:
        return None
    if row.kind is Kind.QUANTILE:
        return sample.sketch.quantiles([row.share])[0] / row.per_unit
    return sample.mean / row.per_unit


def _of_hits(row: Compared, cell: Cell, faults: CallerFaults) -> Sample:
    rows = cell.slots.rows
    if not row.label:
        n, hits = cell.requests, min(error_count(cell, faults), cell.requests)
        samples = _slots(rows, "counts", REQUESTS)
        kinds = [kind for table, kind in rows if table == "errors" and not faults.holds(kind)]
        totals = sum([_slots(rows, "errors", kind) for kind in kinds], np.zeros(SLOTS))
    else:
        n, hits = cell.labelled.get(row.label, 0), cell.flagged.get(row.label, 0)
        hits = n - hits if row.inverse else hits
        samples, totals = (_slots(rows, table, row.label) for table in ("labelled", "flagged"))
        totals = samples - totals if row.inverse else totals
    rate = hits / n if n else 0.0
    variance = rate * (1 - rate)
    return Sample(n, hits, rate, variance, EMPTY, Spread(samples, totals, variance))


def _of_values(row: Compared, cell: Cell) -> Sample:
    sketch, rows = cell.sketch(row.measure), cell.slots.rows
    n = sketch.total
    mean = cell.sums.get(row.measure, 0) / n if n else 0.0
    variance = _variance(_middles(sketch), sketch)
    if row.kind is Kind.QUANTILE:
        samples, totals = _slots(rows, "counts", _LATENCY), _slots(rows, "sums", LATENCY_BINS)
        latencies = cell.sketch(_LATENCY)
        of_bins = _variance(latencies.indexes.astype(np.float64), latencies)
        return Sample(n, 0, mean, variance, sketch, Spread(samples, totals, of_bins))
    samples, totals = (_slots(rows, table, row.measure) for table in ("counts", "sums"))
    return Sample(n, 0, mean, variance, sketch, Spread(samples, totals, variance))


def _slots(rows: Mapping[Name, IntArray], table: str, name: str) -> Floats:
    found = rows.get((table, name))
    return np.zeros(SLOTS) if found is None else found.astype(np.float64)


def _middles(sketch: Sketch) -> Floats:
    """The middle of each filled bin: at most 0.4 % from any value in it."""
    lowest, highest = value_bounds(sketch.indexes)
    middles: Floats = (lowest + highest) / 2
    return middles


def _variance(values: Floats, sketch: Sketch) -> float:
    if not sketch.total:
        return 0.0
    shares = sketch.counts / sketch.total
    return float(shares @ (values - float(shares @ values)) ** 2)
