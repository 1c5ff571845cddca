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

    def draw(self, rng: np.random.Generator, looks: IntArray) -> IntArray:
        """How many values of each look fall in each bucket, shape (looks, buckets); `looks` says
        how many values each has. Multinomial in the faster of two ways.
        """
        if looks.max(initial=0) > _ONE_BY_ONE:
            many: IntArray = rng.multinomial(looks, self._shares)
            return many
        drawn = self._places.take(rng.integers(0, _STEPS, looks.sum(), np.uint16))
        shape = len(looks), len(self.indexes)
        rows = np.repeat(np.arange(shape[0]) * shape[1], looks)
        return np.bincount(rows + drawn, minlength=shape[0] * shape[1]).reshape(shape)

    def sketches(self, counts: IntArray) -> list[Sketch]:
        """The counts of each look as govern keeps them."""
        return sketches_of(self.indexes, counts)

    def priced(self, counts: IntArray, price: float) -> tuple[list[Sketch], list[int]]:
        """The distribution and the sum of the counted values of each look, each times `price`."""
        known = self._priced.get(price)
        if known is None:
            worth = np.rint(self.values * price).astype(np.int64)
            indexes, starts = np.unique(bucket_index(worth), return_index=True)
            known = self._priced[price] = worth, indexes, starts
        worth, indexes, starts = known
        summed = np.add.reduceat(counts, starts, -1)
        return sketches_of(indexes, summed), (counts @ worth).tolist()

    def totals(self, counts: IntArray) -> list[int]:
        """What the counted values of each look add up to."""
        found: list[int] = (counts @ self.values).tolist()
        return found


def sketches_of(indexes: IntArray, counts: IntArray) -> list[Sketch]:
    """Counts of the buckets `indexes`, shape (looks, buckets), as a sketch of each look."""
    places = (counts.ravel() != 0).nonzero()[0]
    filled, numbers = indexes.take(places % len(indexes)), counts.take(places)
    ends = np.searchsorted(places, np.arange(1, len(counts) + 1) * len(indexes)).tolist()
    return [
        Sketch(filled[start:end], numbers[start:end], total)
        for start, end, total in zip([0, *ends], ends, counts.sum(-1).tolist(), strict=False)
    ]


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
