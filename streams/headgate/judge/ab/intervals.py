"""The interval of every comparison of a test at one reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, log

import numpy as np

from headgate.judge.ab import means, ranks, rates
from headgate.judge.ab.clusters import design_effect, is_slotted
from headgate.judge.ab.plan import Comparison, TestPlan
from headgate.judge.ab.samples import COMPARED, Kind, Sample
from headgate.vocabulary import AbReason

Samples = Mapping[tuple[str, str], Sample]  # (version, metric)


@dataclass(frozen=True, slots=True)
class Compare:
    """Two samples that can be compared, with their common design effect."""

    comparison: Comparison
    one: Sample
    other: Sample
    effect: float


@dataclass(frozen=True, slots=True)
class LogInterval:
    """ln of the ratio of arm one to the other: from `low` to `high`, infinite where open.

    `reason` says why nothing can be compared, where that is so.
    """

    low: float = -inf
    high: float = inf
    effect: float = 1.0
    reason: AbReason | None = None


def intervals(plan: TestPlan, samples: Samples) -> list[LogInterval]:
    """One interval per comparison of the plan, in its order."""
    found: dict[int, LogInterval] = {}
    ready: dict[Kind, list[int]] = {kind: [] for kind in Kind}
    rows: dict[int, Compare] = {}
    for place, comparison in enumerate(plan.comparisons):
        metric = comparison.criterion.metric
        one, other = (samples[version, metric] for version in (comparison.one, comparison.other))
        kind = COMPARED[metric].kind
        reason = _unready(kind, one, other)
        if reason is None:
            effect = design_effect([one.spread, other.spread])
            rows[place] = Compare(comparison, one, other, effect)
            ready[kind].append(place)
        else:
            found[place] = LogInterval(reason=reason)
    for kind, places in ready.items():
        chosen = [rows[place] for place in places]
        if chosen:
            for place, row, (low, high) in zip(
                places, chosen, _BY_KIND[kind](chosen, plan.alpha_each), strict=True
            ):
                found[place] = LogInterval(low, high, row.effect)
    return [found[place] for place in range(len(plan.comparisons))]


def _unready(kind: Kind, one: Sample, other: Sample) -> AbReason | None:
    """Why two samples cannot be compared yet; None where they can."""
    least = means.LEAST if kind in {Kind.SHARE, Kind.MEAN} else 1
    if min(one.n, other.n) < least:
        return AbReason.TOO_FEW_SAMPLES
    if kind is not Kind.RATE and min(one.mean, other.mean) <= 0:
        return AbReason.NOTHING_TO_COMPARE
    if not is_slotted([one.spread, other.spread], [one.n, other.n]):
        return AbReason.NO_BUCKETS
    return None


Bounds = list[tuple[float, float]]


def _pairs(low: Sequence[float], high: Sequence[float]) -> Bounds:
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]


def _of_rates(rows: list[Compare], alpha: float) -> Bounds:
    counts = np.array([[r.one.hits, r.one.n, r.other.hits, r.other.n] for r in rows], np.float64)
    k, n, j, m = (counts / np.array([[row.effect] for row in rows])).T
    low, high = rates.ratio_interval(k, n, j, m, alpha)
    return _pairs(low.tolist(), high.tolist())


def _of_means(rows: list[Compare], alpha: float) -> Bounds:
    found = []
    for row in rows:
        errors = [
            means.squared_error(arm.n, arm.mean, arm.variance, row.effect)
            for arm in (row.one, row.other)
        ]
        low, high = means.ratio_interval(
            log(row.one.mean / row.other.mean),
            np.sqrt(errors[0] + errors[1]),
            (row.one.n + row.other.n) / row.effect,
            tuned_to=row.comparison.tuned_to,
            alpha=alpha,
        )
        found.append((float(low), float(high)))
    return found


def _of_quantiles(rows: list[Compare], alpha: float) -> Bounds:
    shares = np.array([[COMPARED[row.comparison.criterion.metric].share] for row in rows])
    n = np.array([[row.one.n, row.other.n] for row in rows])
    low, high = ranks.rank_interval(n, np.array([[row.effect] for row in rows]), shares, alpha)
    return [
        ranks.ratio_interval(
            ranks.quantile_interval(row.one.sketch, int(low[place, 0]), int(high[place, 0])),
            ranks.quantile_interval(row.other.sketch, int(low[place, 1]), int(high[place, 1])),
        )
        for place, row in enumerate(rows)
    ]


_BY_KIND = {
    Kind.RATE: _of_rates,
    Kind.SHARE: _of_means,
    Kind.MEAN: _of_means,
    Kind.QUANTILE: _of_quantiles,
}
