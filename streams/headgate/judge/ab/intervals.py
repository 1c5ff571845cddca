"""The interval of every comparison of a test at one reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from headgate.judge.ab import means, ranks, rates
from headgate.judge.ab.clusters import design_effect, is_slotted, is_spread
from headgate.judge.ab.plan import Comparison, TestPlan
from headgate.judge.ab.samples import COMPARED, Kind, Sample
from headgate.judge.ab.special import Floats
from headgate.vocabulary import AbReason

Samples = Mapping[tuple[str, str], Sample]  # (version, metric)
Bounds = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Pair:
    """The samples of both arms of a comparison."""

    comparison: Comparison
    one: Sample
    other: Sample

    @property
    def kind(self) -> Kind:
        """Which interval it is compared by."""
        return COMPARED[self.comparison.criterion.metric].kind


@dataclass(frozen=True, slots=True)
class LogInterval:
    """ln of the ratio of arm one to the other: from `low` to `high`, infinite where open.

    `effect` is the design effect of sticky users. `reason` says why nothing can be compared, where
    that is so.
    """

    low: float = -inf
    high: float = inf
    effect: float = 1.0
    reason: AbReason | None = None


def intervals(plan: TestPlan, samples: Samples) -> list[LogInterval]:
    """One interval per comparison of the plan, in its order."""
    pairs = []
    for comparison in plan.comparisons:
        metric = comparison.criterion.metric
        one, other = (samples[version, metric] for version in (comparison.one, comparison.other))
        pairs.append(Pair(comparison, one, other))
    return intervals_of(pairs, plan.alpha_each)


def intervals_of(pairs: Sequence[Pair], alpha: float) -> list[LogInterval]:
    """One interval per pair, each at `alpha`; pairs of a kind are computed together."""
    found = [LogInterval(reason=_unready(pair)) for pair in pairs]
    for kind, of_kind in _BY_KIND.items():
        places = [
            place
            for place, pair in enumerate(pairs)
            if pair.kind is kind and found[place].reason is None
        ]
        if places:
            rows = [pairs[place] for place in places]
            effects = _effects(rows)
            bounds = of_kind(rows, effects, alpha)
            for place, effect, (low, high) in zip(places, effects, bounds, strict=True):
                found[place] = LogInterval(low, high, float(effect))
    return found


def _effects(rows: list[Pair]) -> Floats:
    spreads = [(row.one.spread, row.other.spread) for row in rows]
    return design_effect(
        [[arm.samples for arm in arms] for arms in spreads],
        [[arm.totals for arm in arms] for arms in spreads],
        [[arm.variance for arm in arms] for arms in spreads],
    )


def _unready(pair: Pair) -> AbReason | None:
    """Why two samples cannot be compared yet; None where they can."""
    one, other, kind = pair.one, pair.other, pair.kind
    least = means.LEAST if kind in {Kind.SHARE, Kind.MEAN} else 1
    if min(one.n, other.n) < least:
        return AbReason.TOO_FEW_SAMPLES
    if kind is not Kind.RATE and min(one.mean, other.mean) <= 0:
        return AbReason.NOTHING_TO_COMPARE
    if not all(is_slotted(arm.spread.samples, arm.n) for arm in (one, other)):
        return AbReason.NO_BUCKETS
    if not all(is_spread(arm.spread.samples) for arm in (one, other)):
        return AbReason.TOO_FEW_SAMPLES
    return None


def _of_rates(rows: list[Pair], effects: Floats, alpha: float) -> Bounds:
    counts = np.array([[r.one.hits, r.one.n, r.other.hits, r.other.n] for r in rows], np.float64)
    k, n, j, m = (counts / effects[:, None]).T
    low, high = rates.ratio_interval(k, n, j, m, alpha)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _of_means(rows: list[Pair], effects: Floats, alpha: float) -> Bounds:
    arms = np.array(
        [[(arm.n, arm.mean, arm.variance) for arm in (row.one, row.other)] for row in rows]
    )
    n, mean, variance = np.moveaxis(arms, -1, 0)
    low, high = means.ratio_interval(
        np.log(mean[:, 0] / mean[:, 1]),
        np.sqrt(means.squared_error(n, mean, variance, effects[:, None]).sum(1)),
        n.sum(1) / effects,
        tuned_to=[row.comparison.tuned_to for row in rows],
        alpha=alpha,
    )
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _of_quantiles(rows: list[Pair], effects: Floats, alpha: float) -> Bounds:
    shares = np.array([[COMPARED[row.comparison.criterion.metric].share] for row in rows])
    n = np.array([[row.one.n, row.other.n] for row in rows])
    low, high = ranks.rank_interval(n, effects[:, None], shares, alpha)
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
