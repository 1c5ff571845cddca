"""Filled buckets: the values of many looks by HDR bucket, from which each look's sketch is cut."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from headgate.measure.compiled import compiled
from headgate.measure.hdr import IntArray
from headgate.measure.sketch import Sketch


class Filled(NamedTuple):
    """The buckets of one look after the other that hold any values, and how many; `ends` is where
    each look ends among them, `sums` what its values add up to.
    """

    indexes: IntArray
    counts: IntArray
    ends: IntArray
    sums: IntArray

    def sketches(self, totals: list[int]) -> list[Sketch]:
        """The distribution of each look, which has so many values."""
        ends = self.ends.tolist()
        return [
            Sketch(self.indexes[start:end], self.counts[start:end], total)
            for start, end, total in zip([0, *ends], ends, totals, strict=False)
        ]


def filled(counts: IntArray, indexes: IntArray, values: IntArray) -> Filled:
    """Counts of shape (looks, columns): a column's values lie in the bucket `indexes`, which never
    fall, and are worth `values` each.
    """
    return Filled(*_filled(counts, indexes, values))


@compiled("UniTuple(i8[::1], 4)(i8[:,::1], i8[::1], i8[::1])")
def _filled(
    counts: IntArray, indexes: IntArray, values: IntArray
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    looks, most = len(counts), np.count_nonzero(counts)
    found, numbers = np.empty(most, np.int64), np.empty(most, np.int64)
    ends, sums = np.empty(looks, np.int64), np.zeros(looks, np.int64)
    end = 0
    for look in range(looks):
        start = end
        for column in range(len(indexes)):
            count = counts[look, column]
            if not count:
                continue
            sums[look] += count * values[column]
            if end > start and found[end - 1] == indexes[column]:
                numbers[end - 1] += count
            else:
                found[end], numbers[end] = indexes[column], count
                end += 1
        ends[look] = end
    return found[:end], numbers[:end], ends, sums
