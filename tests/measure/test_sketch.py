"""Sketches: bit for bit what HdrHistogram counts, whatever order they are merged in."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from headgate.measure.hdr import BUCKETS, BadSketchError, bucket_index, encode_counts
from headgate.measure.measures import HDR_DIGITS, HDR_HIGHEST, HDR_LOWEST
from headgate.measure.sketch import EMPTY, Sketch

values = st.lists(st.integers(0, HDR_HIGHEST), max_size=200)


def sketch_of(numbers: list[int]) -> Sketch:
    counts = np.bincount(bucket_index(np.array(numbers, np.int64)), minlength=BUCKETS)
    return Sketch.decode(encode_counts(counts)) if numbers else EMPTY


def recorded(numbers: list[int]) -> HdrHistogram:
    histogram = HdrHistogram(HDR_LOWEST, HDR_HIGHEST, HDR_DIGITS)
    for number in numbers:
        histogram.record_value(number)
    return histogram


@given(values)
def test_a_sketch_reads_in_any_hdr_tool(numbers: list[int]) -> None:
    read = HdrHistogram.decode(sketch_of(numbers).encode())
    wanted = recorded(numbers)
    assert read.get_total_count() == len(numbers)
    assert list(read.counts) == list(wanted.counts)


@given(values.filter(bool))
def test_quantiles_are_those_of_hdr_histogram(numbers: list[int]) -> None:
    wanted = recorded(numbers)
    shares = [0.01, 0.5, 0.9, 0.95, 0.99, 1.0]
    percentiles = [wanted.get_value_at_percentile(share * 100) for share in shares]
    assert sketch_of(numbers).quantiles(shares) == percentiles


@given(values, values, values)
def test_merging_is_associative_and_commutative(a: list[int], b: list[int], c: list[int]) -> None:
    one, two, three = sketch_of(a), sketch_of(b), sketch_of(c)
    left = Sketch.merge([Sketch.merge([one, two]), three])
    right = Sketch.merge([three, Sketch.merge([two, one])])
    assert left == right == Sketch.merge([one, two, three]) == sketch_of(a + b + c)


@given(values, values)
def test_what_is_merged_in_can_be_taken_out(a: list[int], b: list[int]) -> None:
    assert Sketch.merge([sketch_of(a), sketch_of(b)]).minus(sketch_of(b)) == sketch_of(a)


def test_counts_that_fall_are_refused() -> None:
    with pytest.raises(ValueError, match="backwards"):
        sketch_of([5]).minus(sketch_of([5, 5]))


@given(values, st.integers(0, 200))
def test_small_values_are_counted_exactly(numbers: list[int], limit: int) -> None:
    assert sketch_of(numbers).count_above(limit) == sum(number > limit for number in numbers)


def test_an_empty_sketch_has_no_quantiles() -> None:
    with pytest.raises(ValueError, match="empty"):
        EMPTY.quantiles([0.5])


@pytest.mark.parametrize("text", ["", "x", "AAAA", "HISTFAAAAA==", "é"])
def test_text_that_is_no_sketch_is_refused(text: str) -> None:
    with pytest.raises(BadSketchError):
        Sketch.decode(text)


@given(st.lists(st.lists(st.integers(0, 5_000), max_size=5), max_size=80), st.randoms())
def test_a_sum_is_the_same_whenever_and_in_whatever_order_it_is_worked_out(
    parts: list[list[int]], order: random.Random
) -> None:
    whole = sketch_of([number for part in parts for number in part])
    order.shuffle(parts)
    one_by_one = EMPTY
    for part in parts:
        one_by_one = one_by_one.plus(sketch_of(part))
        if order.random() < 0.1:
            assert one_by_one.indexes.sum() >= 0  # looks into it
    for found in (one_by_one, Sketch.merge([sketch_of(part) for part in parts])):
        assert found == whole
        assert found.total == whole.total
