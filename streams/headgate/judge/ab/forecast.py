"""How many samples a comparison needs to find twice the smallest difference that matters."""

from __future__ import annotations

from math import ceil, log

import numpy as np

from headgate.judge.ab import means, ranks, rates
from headgate.judge.ab.samples import Compared, Kind, Sample
from headgate.measure.sketch import Sketch

MOST = 10**9
LEAST_KNOWN = 100  # samples of stable's record: with fewer of them nothing is foretold
POWER = 1.29  # standard errors: 90 % of the tests find the difference by then
SLACK = 1.15  # for what is estimated: design effects that chance raises, shares of traffic
_ROUNDS = 20


def samples_needed(
    row: Compared, matters: float, alpha: float, parts: tuple[float, float], known: Sample
) -> float | None:
    """N*: samples of both arms together; None where `known` is too little or N* is over `MOST`.

    `known` is stable's record and `parts` are the two arms' parts of the pair's traffic (sum 1).
    """
    if known.n < LEAST_KNOWN:
        return None
    if row.kind is Kind.QUANTILE:
        return _for_quantiles(row.share, matters, alpha, parts, known.sketch)
    if known.mean <= 0:
        return None
    needed = _for_means(row.kind, matters, alpha, parts, known)
    return needed if needed <= MOST else None


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
    half-width at most half of ln(1 + 2 delta).
    """
    wanted = log(1 + 2 * matters)
    low, high = 1, MOST
    if _width(high, share, alpha, parts, known) > wanted:
        return None
    while high - low > max(low // 100, 1):
        middle = int((low * high) ** 0.5) if high > 2 * low else (low + high) // 2
        narrow = _width(middle, share, alpha, parts, known) <= wanted
        low, high = (low, middle) if narrow else (middle, high)
    return float(high)


def _width(
    samples: int, share: float, alpha: float, parts: tuple[float, float], known: Sketch
) -> float:
    """ln of highest over lowest ratio, both arms being distributed as `known`."""
    n = np.array([ceil(samples * part) for part in parts])
    low, high = ranks.rank_interval(n, np.ones(len(n)), share, alpha)
    if (low <= 0).any() or (high >= n).any():
        return float("inf")
    edges = ranks.edges(known, low / n * known.total, (high + 1) / n * known.total)
    if (edges[0] <= 0).any():
        return float("inf")
    return float(np.log(edges[1] / edges[0]).sum())
