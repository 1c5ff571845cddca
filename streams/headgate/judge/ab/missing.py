"""About how many more requests a verdict takes: an estimate to plan by, not a promise."""

from __future__ import annotations

from math import ceil, floor, inf, log, log10

from headgate.judge.ab.intervals import LogInterval
from headgate.judge.ab.plan import Comparison
from headgate.judge.ab.samples import COMPARED, Kind

MOST = 10**9
_AHEAD = 1.15
_LEAST_MORE = 0.1  # of what was planned, where nothing better is known
_BIN = log(1 + 1 / 128)  # bins of two arms: what no number of requests makes narrower


def requests_missing(
    comparison: Comparison,
    counted: tuple[int, int],
    found: LogInterval,
    seen: float | None,
) -> int | None:
    """More requests of the model until the interval is narrow enough, if the ratio seen is true.

    `counted` are the samples of both arms and the requests of all arms so far, `seen` is ln of the
    ratio. Half-widths fall with the square root of the samples, but for the bins of quantiles. The
    verdict comes at the wider of two half-widths: one that excludes 0, one that fits inside what
    does not matter. None where it would take over a thousand million, and where nothing is known.
    """
    samples, requests = counted
    half = (found.high - found.low) / 2
    if found.reason is not None or half == inf or seen is None:
        missing = max(comparison.tuned_to - samples, _LEAST_MORE * comparison.tuned_to)
    else:
        inside = log(1 + comparison.criterion.matters)
        wanted = max(abs(seen), inside - abs(seen))
        if COMPARED[comparison.criterion.metric].kind is Kind.QUANTILE:
            half, wanted = max(half - _BIN, _BIN), wanted - _BIN
        if wanted <= 0:
            return None
        missing = samples * max(_AHEAD * (half / wanted) ** 2 - 1, 0.02)
    if samples == 0 or requests == 0:
        return comparison.needed
    whole = missing * requests / samples
    return _about(whole) if whole <= MOST else None


def _about(number: float) -> int:
    """Rounded up to two digits."""
    digits = max(floor(log10(max(number, 1))) - 1, 0)
    unit = int(10**digits)
    return ceil(number / unit) * unit
