"""Shapes: distributions over HDR buckets, from which whole looks are drawn at once."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from headgate.measure.compiled import compiled
from headgate.measure.hdr import Floats, IntArray, bucket_index
from headgate.measure.measures import HDR_HIGHEST
from headgate.sim.filled import Filled, filled

_STEPS = 1 << 16
_ONE_BY_ONE = 8_000


class Shape:
    """65,536 equally likely values, as the buckets they fall in and what each bucket is worth.

    What is drawn differs from drawing outcome by outcome in one way: every value of a bucket is
    the bucket's mean, so that sums agree with the distribution.
    """

    __slots__ = ("_places", "_priced", "_shares", "indexes", "values")

    def __init__(self, values: Floats) -> None:
        whole = np.clip(np.rint(values), 0, HDR_HIGHEST).astype(np.int64)
        found, places, counts = np.unique(
            bucket_index(whole), return_inverse=True, return_counts=True
        )
        self.indexes: IntArray = found
        self._places = places.astype(np.int16)
        self._shares = counts / len(whole)
        self.values: IntArray = np.rint(np.bincount(places, whole) / counts).astype(np.int64)
        self._priced: dict[float, tuple[IntArray, IntArray]] = {}

    def draw(self, rng: np.random.Generator, looks: IntArray) -> IntArray:
        """How many values of each look fall in each bucket, shape (looks, buckets); `looks` says
        how many values each has. Multinomial in the faster of two ways.
        """
        if looks.max(initial=0) > _ONE_BY_ONE:
            many: IntArray = rng.multinomial(looks, self._shares)
            return many
        drawn = rng.integers(0, _STEPS, looks.sum(), np.uint16)
        return _counted(drawn, looks, self._places, len(self.indexes))

    def filled(self, counts: IntArray) -> Filled:
        """The counted values of each look."""
        return filled(counts, self.indexes, self.values)

    def priced(self, counts: IntArray, price: float) -> Filled:
        """The counted values of each look, each times `price`."""
        known = self._priced.get(price)
        if known is None:
            worth = np.rint(self.values * price).astype(np.int64)
            known = self._priced[price] = bucket_index(worth), worth
        return filled(counts, *known)


@compiled("i8[:,::1](u2[::1], i8[::1], i2[::1], i8)")
def _counted(
    drawn: npt.NDArray[np.uint16], looks: IntArray, places: npt.NDArray[np.int16], buckets: int
) -> IntArray:
    """How many of what was drawn, look by look, fall in each bucket."""
    counts = np.zeros((len(looks), buckets), np.int64)
    value = 0
    for look in range(len(looks)):
        for _ in range(looks[look]):
            counts[look, places[drawn[value]]] += 1
            value += 1
    return counts


@lru_cache(maxsize=256)
def log_normal(median: float, spread: float) -> Shape:
    """Values whose logarithm is normal with standard deviation `spread`."""
    return Shape(median * np.exp(spread * _standard_normal()))


@lru_cache(maxsize=256)
def token_sums(first: float, second: float, spread: float) -> Shape:
    """The sum of two independent log-normal counts, each at least 1."""
    z = _standard_normal()
    other = np.random.default_rng(0).permutation(z)  # any order that does not follow the first
    pair = (
        np.maximum(1, np.rint(m * np.exp(spread * x))) for m, x in ((first, z), (second, other))
    )
    return Shape(sum(pair, np.zeros(_STEPS)))


@lru_cache(maxsize=1)
def _standard_normal() -> Floats:
    """The normal distribution cut into equally likely steps."""
    normal = NormalDist()
    lower = np.array([normal.inv_cdf((step + 0.5) / _STEPS) for step in range(_STEPS // 2)])
    return np.concatenate([lower, -lower[::-1]])


@lru_cache(maxsize=256)
def star_shares(mean: float, spread: float) -> Floats:
    """How likely 1 to 5 stars are, for moods around `mean` rounded to a star."""
    if spread <= 0:
        return np.array([float(star == round(mean)) for star in range(1, 6)])
    mood = NormalDist(mean, spread)
    below = [0.0, *(mood.cdf(star + 0.5) for star in range(1, 5)), 1.0]
    return np.array([above - under for under, above in pairwise(below)])
