"""Shapes: distributions over HDR buckets, from which whole looks are drawn at once."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from headgate.measure.hdr import IntArray, bucket_index
from headgate.measure.measures import HDR_HIGHEST
from headgate.measure.sketch import Sketch

_STEPS = 1 << 16
_ONE_BY_ONE = 8_000

Floats = npt.NDArray[np.float64]


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
        self._priced: dict[float, tuple[IntArray, IntArray, IntArray]] = {}

    def draw(self, rng: np.random.Generator, count: int) -> IntArray:
        """How many of `count` values fall in each bucket; multinomial in the faster of two ways."""
        if count > _ONE_BY_ONE:
            many: IntArray = rng.multinomial(count, self._shares)
            return many
        drawn = self._places.take(rng.integers(0, _STEPS, count, np.uint16))
        return np.bincount(drawn, minlength=len(self.indexes))

    def sketch(self, counts: IntArray, total: int | None = None) -> Sketch:
        """The counts as govern keeps them; `total` is their sum, where it is known."""
        filled = counts.nonzero()[0]
        return Sketch(self.indexes.take(filled), counts.take(filled), total)

    def priced(
        self, counts: IntArray, price: float, total: int | None = None
    ) -> tuple[Sketch, int]:
        """The distribution and the sum of the counted values, each times `price`."""
        known = self._priced.get(price)
        if known is None:
            worth = np.rint(self.values * price).astype(np.int64)
            indexes, starts = np.unique(bucket_index(worth), return_index=True)
            known = self._priced[price] = worth, indexes, starts
        worth, indexes, starts = known
        summed = np.add.reduceat(counts, starts)
        filled = summed.nonzero()[0]
        priced = Sketch(indexes.take(filled), summed.take(filled), total)
        return priced, int(counts @ worth)

    def total(self, counts: IntArray) -> int:
        """What the counted values add up to."""
        return int(counts @ self.values)


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
