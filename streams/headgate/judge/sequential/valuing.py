"""Valuing: what the values of a look are worth, by the edges of histogram bins."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from headgate.judge.sequential.bets import BETS, FRACTIONS, Flags, Floats, Gain, Number, Whole
from headgate.judge.sequential.state import Sample
from headgate.measure.compiled import COUNTS, compiled
from headgate.measure.hdr import BUCKETS, value_bounds

_LOWEST, _HIGHEST = (edges.astype(np.float64) for edges in value_bounds(np.arange(BUCKETS)))
_FEW, _MANY, _LARGE = 8, 100, 100.0  # a product of so many factors, each up to it, is a number


class Valued(Struct, frozen=True, gc=False):
    """Values (in wire units) under one gain, by the edges that never help an alarm: the lowest of
    each bin, or where `upper` the highest. The sample is not empty.
    """

    sample: Sample
    gain: Gain
    upper: bool = False


def add_values(worth: Floats, looked: Flags, tests: Whole, arms: tuple[Valued, ...]) -> None:
    """Add what a look of one or two arms is worth to the eight bets of each of its `tests`, and
    mark these as looked at; by a test's number, shapes (tests, 8) and (tests,).

    See `bets.worth`.
    """
    for one in arms:
        edges = _HIGHEST if one.upper else _LOWEST
        for sketch in one.sample.sketches:
            _add(worth, looked, tests, *sketch.filled, edges, *one.gain)


@compiled(f"(f8[:,::1], b1[::1], i8[::1], {COUNTS}, {COUNTS}, f8[::1], f8, f8, f8, f8, f8)")
def _add(  # noqa: PLR0917 - machine code is called by position
    worth: Floats,
    looked: Flags,
    tests: Whole,
    bins: Whole,
    counts: Whole,
    edges: Floats,
    scale: Number,
    low: Number,
    high: Number,
    origin: Number,
    stake: Number,
) -> None:
    """Where values are few and win little, their factors are multiplied, and one logarithm is
    taken of many of them: the same sum, with fewer logarithms.
    """
    total, product, factors = np.zeros(BETS), np.ones(BETS), 0
    for place in range(len(bins)):
        count, value = counts[place], edges[bins[place]] * scale
        gain = (np.minimum(np.maximum(value, low), high) - origin) * stake
        if count <= _FEW and -1 <= gain < _LARGE:
            factors += count
            for _ in range(count):
                for bet in range(BETS):
                    product[bet] *= 1 + FRACTIONS[bet] * gain
        else:
            for bet in range(BETS):
                total[bet] += count * np.log1p(FRACTIONS[bet] * gain)
        if factors >= _MANY or place == len(bins) - 1:
            for bet in range(BETS):
                total[bet] += np.log(product[bet])
                product[bet] = 1.0
            factors = 0
    for test in tests:
        for bet in range(BETS):
            worth[test, bet] += total[bet]
        looked[test] = True
