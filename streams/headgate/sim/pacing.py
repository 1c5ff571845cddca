"""Arrivals: when the requests of a fleet come, from a seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_AT_ONCE = 256


def poisson_arrivals(rate_per_s: float, rng: np.random.Generator) -> Iterator[float]:
    """Seconds since the start of each request, for ever: independent users at a steady rate."""
    if not rate_per_s > 0:
        raise ValueError(f"rate is {rate_per_s}; it must be above 0 requests per second")
    at_s = 0.0
    while True:
        for gap_s in rng.exponential(1 / rate_per_s, _AT_ONCE):
            at_s += float(gap_s)
            yield at_s
