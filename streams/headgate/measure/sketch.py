"""A sketch: an immutable, sparse HDR histogram, as govern keeps thousands of them.

Exact integers in, exact integers out: merging, subtracting and encoding lose nothing, so that the
tables are bit for bit what one pass with `record_value` over the topic gives.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headgate.measure.compiled import COUNTS, compiled
from headgate.measure.hdr import (
    IntArray,
    bucket_index_of,
    bucket_of_limit,
    decode_counts,
    encode_sparse,
    value_bounds,
)

_NOTHING = np.empty(0, np.int64)
_PARTS = 32  # a sum of more is worked out at once


class Sketch:
    """Counts of values per HDR bucket; `indexes` ascend, `counts` are above 0.

    Most sums are never looked into: a sum keeps its parts, and is worked out when somebody asks, or
    at once where it has too many.
    """

    __slots__ = ("_counts", "_encoded", "_indexes", "_parts", "total")

    def __init__(self, indexes: IntArray, counts: IntArray, total: int | None = None) -> None:
        """`total` is what `counts` add up to, where it is known."""
        self._indexes = indexes
        self._counts = counts
        self.total = int(np.add.reduce(counts)) if total is None else total
        self._encoded: str | None = None
        self._parts: tuple[Sketch, ...] = ()

    @property
    def indexes(self) -> IntArray:
        """The buckets that hold anything."""
        return self.filled[0]

    @property
    def counts(self) -> IntArray:
        """How many values lie in each of `indexes`."""
        return self.filled[1]

    @property
    def filled(self) -> tuple[IntArray, IntArray]:
        """The `indexes` and their `counts`."""
        if self._parts:
            self._work_out()
        return self._indexes, self._counts

    @classmethod
    def decode(cls, text: str) -> Sketch:
        """A sketch in HDR's V2 compressed base64 form; raises `BadSketchError`."""
        return cls(*decode_counts(text))

    @classmethod
    def merge(cls, sketches: Sequence[Sketch]) -> Sketch:
        """The sum of sketches."""
        filled = [sketch for sketch in sketches if sketch.total]
        if len(filled) <= 1:
            return filled[0] if filled else EMPTY
        parts = [part for sketch in filled for part in sketch._parts or (sketch,)]
        return cls._of_parts(tuple(parts), sum([sketch.total for sketch in filled]))

    @classmethod
    def _of_parts(cls, parts: tuple[Sketch, ...], total: int) -> Sketch:
        merged = cls(_NOTHING, _NOTHING, total)
        merged._parts = parts
        if len(parts) > _PARTS:
            merged._work_out()
        return merged

    def plus(self, other: Sketch) -> Sketch:
        """The sum of two."""
        if not self.total or not other.total:
            return self if self.total else other
        parts = (self._parts or (self,)) + (other._parts or (other,))
        return self._of_parts(parts, self.total + other.total)

    def _work_out(self) -> None:
        parts = self._parts
        if not parts:
            return
        indexes = np.concatenate([part._indexes for part in parts])
        dense = np.zeros(int(indexes.max()) + 1, np.int64)
        np.add.at(dense, indexes, np.concatenate([part._counts for part in parts]))
        self._indexes = dense.nonzero()[0]
        self._counts = dense[self._indexes]
        self._parts = ()  # last: who reads meanwhile works it out too

    def minus(self, older: Sketch) -> Sketch:
        """What this sketch counts beyond `older`; raises `ValueError` if a count fell."""
        if not older.total:
            return self
        indexes, counts = self.indexes, self.counts.copy()
        places = indexes.searchsorted(older.indexes)
        if places[-1] == len(indexes) or (indexes[places] != older.indexes).any():
            raise ValueError("a sketch's count went backwards")
        counts[places] -= older.counts
        if (counts < 0).any():
            raise ValueError("a sketch's count went backwards")
        left = counts.nonzero()[0]
        return Sketch(indexes[left], counts[left], self.total - older.total)

    def encode(self) -> str:
        """HDR's V2 compressed base64 form."""
        if self._encoded is None:
            self._encoded = encode_sparse(self.indexes, self.counts)
        return self._encoded

    def quantiles(self, shares: Sequence[float]) -> list[int]:
        """The highest value equivalent to each quantile (0-1), as HDR reports it.

        Raises `ValueError` on an empty sketch, which has none.
        """
        if not self.total:
            raise ValueError("an empty sketch has no quantiles")
        ranks = [max(int(share * self.total + 0.5), 1) for share in shares]
        places = np.searchsorted(np.cumsum(self.counts), ranks)
        _, highest = value_bounds(self.indexes[np.minimum(places, len(self.indexes) - 1)])
        return [int(value) for value in highest]

    def counts_over(self, value: int) -> tuple[int, int]:
        """How many values lie in buckets entirely above `value`, and in those that reach above."""
        return _counts_over(*self.filled, *bucket_of_limit(value))

    def count_above(self, value: int) -> int:
        """How many values lie in buckets entirely above the bucket of `value`."""
        place = np.searchsorted(self.indexes, bucket_index_of(value), side="right")
        return int(self.counts[place:].sum())

    def count_below(self, value: int) -> int:
        """How many values lie in buckets before the bucket of `value`."""
        place = np.searchsorted(self.indexes, bucket_index_of(value), side="left")
        return int(self.counts[:place].sum())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sketch):
            return NotImplemented
        return np.array_equal(self.indexes, other.indexes) and np.array_equal(
            self.counts, other.counts
        )

    def __hash__(self) -> int:
        return hash(self.encode())

    def __repr__(self) -> str:
        return f"Sketch(total={self.total}, buckets={len(self.indexes)})"


EMPTY = Sketch(_NOTHING, _NOTHING)


@compiled(f"UniTuple(i8, 2)({COUNTS}, {COUNTS}, i8, b1)")
def _counts_over(
    indexes: IntArray, counts: IntArray, bucket: int, is_edge: bool
) -> tuple[int, int]:
    above, place = 0, len(indexes) - 1
    while place >= 0 and indexes[place] > bucket:
        above += counts[place]
        place -= 1
    if is_edge or place < 0 or indexes[place] != bucket:
        return above, above
    return above, above + counts[place]
