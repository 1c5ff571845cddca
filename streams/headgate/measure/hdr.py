"""HDR histogram counts as numpy arrays: bucket indexes, bounds and the standard wire form.

The buckets and the bytes are those of HdrHistogram's V2 compressed encoding in base64, so that any
HdrHistogram tool reads a sketch, and the counts are bit for bit what `record_value` would count.
The encoding packs the counts up to the last filled bucket as zig-zag LEB128 integers, a run of
empty buckets as one negative number, behind a fixed header, and deflates them.
"""

from __future__ import annotations

import base64
import ctypes
import struct
import zlib
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from hdrh import codec

from headgate.measure.measures import HDR_DIGITS, HDR_HIGHEST, HDR_LOWEST

IntArray = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_SUB_BITS = (2 * 10**HDR_DIGITS - 1).bit_length() - 1  # 7: 128 buckets per power of two
_LINEAR = 1 << _SUB_BITS
BUCKETS = (HDR_HIGHEST.bit_length() - _SUB_BITS + 1) << _SUB_BITS

_PAYLOAD = struct.Struct(">IIIIQQd")
_WRAPPER = struct.Struct(">II")
_PAYLOAD_COOKIE = 0x1C849303 | 0x10
_WRAPPER_COOKIE = 0x1C849304 | 0x10
_WORD_BYTES = (2, 4, 8)
_MAX_PAYLOAD_BYTES = _PAYLOAD.size + BUCKETS * 9
_FRACTION_SHIFT = 52 - _SUB_BITS
_EXPONENT_BIAS = (1023 + _SUB_BITS - 1) << _SUB_BITS
_NOTHING = np.empty(0, np.int64)


class BadSketchError(ValueError):
    """Text that is no HDR histogram of Headgate's geometry."""


def bucket_index(values: npt.NDArray[np.int64]) -> IntArray:
    """Bucket of each integer from 0 to `HDR_HIGHEST`; above it the result is out of range.

    The exponent and the leading fraction bits of a float64 are exactly the bucket number.
    """
    bits = values.astype(np.float64).view(np.int64)
    logarithmic = (bits >> _FRACTION_SHIFT) - _EXPONENT_BIAS
    found: IntArray = np.maximum(logarithmic, np.minimum(values, _LINEAR))
    return found


def bucket_index_of(value: int) -> int:
    """Bucket of one integer; the same as `bucket_index`, faster for a single value."""
    shift = value.bit_length() - _SUB_BITS - 1
    return value if shift <= 0 else (shift << _SUB_BITS) + (value >> shift)


def value_bounds(indexes: npt.ArrayLike) -> tuple[IntArray, IntArray]:
    """Lowest and highest integer that each bucket holds."""
    buckets = np.asarray(indexes, dtype=np.int64)
    return _LOWEST[buckets], _HIGHEST[buckets]


@lru_cache(maxsize=1024)
def bucket_of_limit(value: int) -> tuple[int, bool]:
    """Bucket of one integer, and whether it is the highest in it: then nothing reaches above."""
    return bucket_index_of(value), value >= highest_equivalent(value)


def highest_equivalent(value: int) -> int:
    """The highest integer in the bucket of `value`."""
    shift: int = max(value.bit_length() - _SUB_BITS - 1, 0)
    return (((value >> shift) + 1) << shift) - 1


def _bounds() -> tuple[IntArray, IntArray]:
    buckets = np.arange(BUCKETS, dtype=np.int64)
    shift = np.maximum((buckets >> _SUB_BITS) - 1, 0)
    lowest: IntArray = (buckets - (shift << _SUB_BITS)) << shift
    highest: IntArray = lowest + (np.int64(1) << shift) - 1
    return lowest, highest


_LOWEST, _HIGHEST = _bounds()


def encode_counts(counts: npt.NDArray[Any]) -> str:
    """Dense integer counts (one per bucket, at most `BUCKETS`) in the wire form."""
    dense = np.ascontiguousarray(counts)
    if dense.dtype.itemsize not in _WORD_BYTES:
        dense = dense.astype(np.int64)
    filled = dense != 0
    used = len(filled) - int(filled[::-1].argmax()) if filled.any() else 0
    packed = ctypes.create_string_buffer(used * (dense.itemsize + 1))
    size = codec.encode(
        dense.ctypes.data, used, dense.itemsize, ctypes.addressof(packed), len(packed)
    )
    header = _PAYLOAD.pack(_PAYLOAD_COOKIE, size, 0, HDR_DIGITS, HDR_LOWEST, HDR_HIGHEST, 1.0)
    deflated = zlib.compress(header + packed.raw[:size])
    return base64.b64encode(_WRAPPER.pack(_WRAPPER_COOKIE, len(deflated)) + deflated).decode()


def encode_sparse(indexes: npt.ArrayLike, counts: npt.ArrayLike) -> str:
    """Counts of the buckets `indexes` in the wire form."""
    dense = np.zeros(BUCKETS, np.int64)
    dense[np.asarray(indexes, dtype=np.int64)] = counts
    return encode_counts(dense)


def decode_counts(text: str) -> tuple[IntArray, IntArray]:
    """Filled buckets, ascending, and their counts; raises `BadSketchError` for anything else."""
    payload = _inflate(text)
    dense = np.zeros(BUCKETS, np.int64)
    try:
        seen = codec.decode(payload, _PAYLOAD.size, dense.ctypes.data, BUCKETS, dense.itemsize)
    except Exception as error:
        raise BadSketchError(f"damaged counts: {error}") from error
    first, last = seen["min_nonzero_index"], seen["max_nonzero_index"]
    if last < 0:
        return _NOTHING, _NOTHING
    filled = (dense[first : last + 1] != 0).nonzero()[0] + first
    return filled, dense[filled]


def _inflate(text: str) -> bytes:
    """The payload, header and packed counts, after checking every header field."""
    try:
        wrapped = base64.b64decode(text, validate=True)
        cookie, length = _WRAPPER.unpack_from(wrapped)
        payload = zlib.decompressobj().decompress(wrapped[_WRAPPER.size :], _MAX_PAYLOAD_BYTES + 1)
        header = _PAYLOAD.unpack_from(payload)
    except (ValueError, zlib.error, struct.error) as error:
        raise BadSketchError(f"no compressed HDR histogram: {error}") from error
    if cookie != _WRAPPER_COOKIE or header[0] != _PAYLOAD_COOKIE:
        raise BadSketchError("not an HDR histogram in the V2 encoding")
    if length != len(wrapped) - _WRAPPER.size or header[1] != len(payload) - _PAYLOAD.size:
        raise BadSketchError("length does not agree with the header")
    if header[2:6] != (0, HDR_DIGITS, HDR_LOWEST, HDR_HIGHEST):
        raise BadSketchError("another histogram geometry")
    return payload
