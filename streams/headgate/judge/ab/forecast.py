"""How many samples a comparison needs to find twice the smallest difference that matters."""

from __future__ import annotations

from math import ceil, log

import numpy as np

from headgate.judge.ab import means, ranks, rates
from headgate.judge.ab.samples import Compared, Kind, Sample
from headgate.judge.ab.special import Floats
from headgate.measure.sketch import Sketch

MOST = 10**9
LEAST_KNOWN = 100  # samples of stable's record: with fewer of them nothing is foretold
POWER = 1.29  # standard errors: 90 % of the tests find the difference by then
SLACK = 1.15  # for what is estimated: design effects that chance raises, shares of traffic
_ROUNDS = 20
_GRID = 100


def samples_needed(
    row: Compared, matters: float, alpha: float, parts: tuple[float, float], known: Sample
) -> float | None:
    """N*: samples of both arms together; None where `known` is too little or N* is over `MOST`.

    `known` is stable's record and `parts` are the two arms' parts of the pair's traffic (sum 1).
    """
    if not can_foretell(row, known):
        return None
    if row.kind is Kind.QUANTILE:
        return _for_quantiles(row.share, matters, alpha, parts, known.sketch)
    needed = _for_means(row.kind, matters, alpha, parts, known)
    return needed if needed <= MOST else None


def can_foretell(row: Compared, known: Sample) -> bool:
    """Whether stable's record is enough for a forecast: where there is none, it is over `MOST`."""
    return known.n >= LEAST_KNOWN and (row.kind is Kind.QUANTILE or known.mean > 0)


def _for_means(
    kind: Kind, matters: float, alpha: float, parts: tuple[float, float], known: Sample
) -> float:
    """N* = v ((h + 1.29) / ln(1 + 2 delta))^2 x 1.15, v = sum over arms of CV^2 / part.

    h is the boundary where it will be: of means at its tightest, of rates at as many hits as N* is
    going to bring. Of rates CV^2 is (1 - p)/p, in the first arm at a rate that is 1 + 2 delta times
    lower: hits tell, and the better arm has fewer.
    """
    distance = log(1 + 2 * matters)
    if kind in {Kind.RATE, Kind.SHARE}:
        rate = min(known.mean, 1 - 1 / (known.n + 2))
        lower = rate / (1 + 2 * matters)
        squares = ((1 - lower) / lower, (1 - rate) / rate)
    else:
        squares = (known.variance / known.mean**2,) * 2
    spread = sum(square / part for square, part in zip(squares, parts, strict=True))
    h = float(means.boundary(means.tightest(alpha), alpha))
    needed = spread * ((h + POWER) / distance) ** 2 * SLACK
    for _ in range(_ROUNDS if kind is Kind.RATE else 0):
        h = float(means.boundary(needed * known.mean / rates.KAPPA, alpha))
        needed = spread * ((h + POWER) / distance) ** 2 * SLACK
    return max(needed, means.LEAST / min(parts) if kind is not Kind.RATE else 1.0)


def _for_quantiles(
    share: float, matters: float, alpha: float, parts: tuple[float, float], known: Sketch
) -> float | None:
    """The fewest samples whose interval on the recorded distribution is narrow enough: its
    half-width at most half of ln(1 + 2 delta). To about 1 %.
    """
    low, high = 1.0, float(MOST)
    for _ in range(2):
        tried = np.geomspace(low, high, _GRID)
        narrow = _widths(tried, share, alpha, parts, known) <= log(1 + 2 * matters)
        if not narrow[-1]:
            return None
        place = _GRID - int(np.logical_and.accumulate(narrow[::-1]).sum())
        low, high = float(tried[max(place - 1, 0)]), float(tried[place])
    return float(ceil(high))


def _widths(
    samples: Floats, share: float, alpha: float, parts: tuple[float, float], known: Sketch
) -> Floats:
    """ln of highest over lowest ratio after `samples` of both arms, both distributed as `known`."""
    n = np.ceil(samples[:, None] * np.array(parts))
    low, high = ranks.rank_interval(n, 1.0, share, alpha)
    lower, upper = ranks.edges(known, low / n * known.total, (high + 1) / n * known.total)
    told = (low > 0) & (high < n) & (lower > 0)
    widths = np.where(told, np.log(np.maximum(upper, 1) / np.maximum(lower, 1)), np.inf)
    found: Floats = widths.sum(1)
    return found
