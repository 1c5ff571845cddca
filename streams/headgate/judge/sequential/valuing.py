"""Valuing: what the distributions of a look are worth, all of them in one set of calls."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from headgate.judge.sequential.bets import FRACTIONS, Floats, Gain, Number
from headgate.judge.sequential.state import Sample
from headgate.measure.hdr import BUCKETS, IntArray, value_bounds

# By bucket, the lowest value that it holds, then the highest.
_EDGES = np.concatenate(value_bounds(np.arange(BUCKETS))).astype(np.float64)


class Valued(Struct, frozen=True):
    """Values (in wire units) under one gain, by the edges that never help an alarm: the lowest of
    each bin, or where `upper` the highest. The sample is not empty.
    """

    sample: Sample
    gain: Gain
    upper: bool = False


def value_worths(looks: list[tuple[Valued, ...]]) -> Floats:
    """What each look of one or two arms is worth to the eight bets (see `bets.worth`): shape
    (looks, 8).
    """
    indexes, counts, gains, lengths, starts, bins = [], [], list[Number](), [], [], 0
    for look in looks:
        starts.append(bins)
        for one in look:
            where, times = one.sample.distribution()
            indexes.append(where)
            counts.append(times)
            gains += (BUCKETS if one.upper else 0, *one.gain)
            lengths.append(len(where))
            bins += len(where)
    each = FRACTIONS[:, None] * _gained(indexes, gains, lengths)
    np.log1p(each, out=each)
    each *= np.concatenate(counts, dtype=np.float64)
    total: Floats = np.add.reduceat(each, starts, 1).T
    return total


def _gained(indexes: list[IntArray], gains: list[Number], lengths: list[int]) -> Floats:
    """The gain of every bin, all of them in a row."""
    terms = np.array(gains).reshape(-1, 1 + len(Gain._fields)).T.repeat(lengths, 1)
    edge, scale, low, high, origin, stake = terms
    gain: Floats = _EDGES.take(np.concatenate(indexes) + edge.astype(np.intp))
    gain *= scale
    np.maximum(gain, low, out=gain)
    np.minimum(gain, high, out=gain)
    gain -= origin
    gain *= stake
    return gain
