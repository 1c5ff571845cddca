"""The vectorised HDR functions against the hdrhistogram package, value by value."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.measure.hdr import (
    BUCKETS,
    BadSketchError,
    bucket_index,
    bucket_index_of,
    decode_counts,
    encode_counts,
    encode_sparse,
    value_bounds,
)
from headgate.measure.measures import HDR_DIGITS, HDR_HIGHEST, HDR_LOWEST

EDGES = sorted({max(0, (1 << k) + d) for k in range(32) for d in (-1, 0, 1)} - {1 << 32})
VALUES = st.one_of(st.sampled_from(EDGES), st.integers(0, HDR_HIGHEST)).filter(
    lambda value: value <= HDR_HIGHEST
)


def reference(values: list[int]) -> HdrHistogram:
    histogram = HdrHistogram(HDR_LOWEST, HDR_HIGHEST, HDR_DIGITS)
    for value in values:
        assert histogram.record_value(value)
    return histogram


def counted(values: list[int]) -> np.ndarray:
    return np.bincount(bucket_index(np.array(values, np.int64)), minlength=BUCKETS)


@given(st.lists(VALUES, max_size=200))
def test_vectorised_counts_equal_record_value(values: list[int]) -> None:
    assert counted(values).tolist() == list(reference(values).counts)


@given(VALUES)
def test_one_value_finds_the_same_bucket_as_a_batch(value: int) -> None:
    assert bucket_index_of(value) == bucket_index(np.array([value]))[0]


@given(st.lists(VALUES, max_size=200))
def test_the_wire_form_is_the_librarys_byte_for_byte(values: list[int]) -> None:
    counts = counted(values)
    expected = reference(values).encode().decode()
    assert encode_counts(counts) == expected
    assert encode_counts(counts.astype(np.uint32)) == expected
    filled = np.flatnonzero(counts)
    assert encode_sparse(filled, counts[filled]) == expected


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(1, 2**53), max_size=80))
def test_decoding_returns_what_was_encoded(rows: dict[int, int]) -> None:
    indexes = sorted(rows)
    found, counts = decode_counts(encode_sparse(indexes, [rows[i] for i in indexes]))
    assert found.tolist() == indexes
    assert counts.tolist() == [rows[i] for i in indexes]


def test_a_sketch_of_the_library_decodes() -> None:
    values = [0, 1, 255, 256, 1_000_000, HDR_HIGHEST, 1_000_000]
    found, counts = decode_counts(reference(values).encode().decode())
    assert np.repeat(found, counts).tolist() == sorted(bucket_index(np.array(values)).tolist())


def test_bounds_are_those_of_the_library_for_every_bucket() -> None:
    histogram = reference([])
    lowest, highest = value_bounds(np.arange(BUCKETS))
    assert lowest.tolist() == [histogram.get_value_from_index(i) for i in range(BUCKETS)]
    assert highest.tolist() == [histogram.get_highest_equivalent_value(v) for v in lowest.tolist()]


def sketch_text(packed: bytes, **changes: int) -> str:
    header = {"cookie": 0x1C849313, "length": len(packed), "digits": 2, "highest": HDR_HIGHEST}
    header |= changes
    plain = struct.pack(
        ">IIIIQQd", header["cookie"], header["length"], 0, header["digits"], 1, header["highest"], 1
    )
    deflated = zlib.compress(plain + packed)
    return base64.b64encode(struct.pack(">II", 0x1C849314, len(deflated)) + deflated).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no base64 at all!",
        "é",
        base64.b64encode(b"x" * 80).decode(),
        sketch_text(b"\x02", cookie=0x1C849301),
        sketch_text(b"\x02", length=7),
        sketch_text(b"\x02", digits=3),
        sketch_text(b"\x02", highest=1000),
        sketch_text(b"\x80"),
        sketch_text(b"\xff" * 9),
        sketch_text(b"\xff\xff\xff\x7f\x02"),
        sketch_text(b"\x02" * (BUCKETS + 1)),
        sketch_text(b"\x02" * 10_000_000),
    ],
)
def test_text_that_is_no_sketch_is_refused(text: str) -> None:
    with pytest.raises(BadSketchError):
        decode_counts(text)


@given(st.binary(max_size=60))
def test_damaged_counts_never_decode_to_something_impossible(packed: bytes) -> None:
    try:
        found, counts = decode_counts(sketch_text(packed))
    except BadSketchError:
        return
    assert (counts > 0).all()
    assert (np.diff(found) > 0).all()
