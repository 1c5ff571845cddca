"""A batch of raw values as decoded outcomes, and outcomes as columns of numbers.

Each value is decoded on its own: joining values into one JSON text would let a crafted one
inject rows. One bad value costs its own description and nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from headgate.wire.codec import BadValueError
from headgate.wire.fields import (
    MAX_VALUE_BYTES,
    Bucket,
    CostUsd,
    LatencyMs,
    Rating,
    TimestampMs,
    Tokens,
)
from headgate.wire.messages import OUTCOME
from headgate.wire.outcomes import Outcome

_ABSENT: Any = float("nan")
_FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Measured(Outcome, frozen=True, kw_only=True, gc=False):
    """An outcome whose absent numbers are NaN: numpy takes those three times faster than None."""

    timestamp_ms: TimestampMs | None = _ABSENT
    latency_ms: LatencyMs | None = _ABSENT
    ttft_ms: LatencyMs | None = _ABSENT
    rating: Rating | None = _ABSENT
    hallucination: bool | None = _ABSENT
    safety_violation: bool | None = _ABSENT
    task_success: bool | None = _ABSENT
    input_tokens: Tokens | None = _ABSENT
    output_tokens: Tokens | None = _ABSENT
    cost_usd: CostUsd | None = _ABSENT
    bucket: Bucket | None = _ABSENT


_DECODE = msgspec.json.Decoder(_Measured).decode


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that does not count: its place in the batch, the field and the rule it broke."""

    index: int
    error: BadValueError


@dataclass(frozen=True, slots=True)
class Decoded:
    """One entry per value: the outcome, or None where `bad` says why. Absent numbers are NaN."""

    outcomes: list[Outcome | None]
    bad: list[BadRecord]
    bytes: int


def decode_values(values: Sequence[bytes | None]) -> Decoded:
    """Every value decoded on its own; raises nothing, whatever the bytes."""
    try:
        sizes = list(map(len, values))  # type: ignore[arg-type]  # None raises, and rarely comes
    except TypeError:
        sizes = [0 if value is None else len(value) for value in values]
    suspect = bool(sizes) and (max(sizes) > MAX_VALUE_BYTES or not min(sizes))
    left = iter(_within_limits(values) if suspect else values)
    outcomes: list[Outcome | None] = []
    bad: list[BadRecord] = []
    while True:
        try:
            outcomes.extend(map(_DECODE, left))  # type: ignore[arg-type]  # None was replaced above
            break
        except _FAILURES:
            bad.append(BadRecord(len(outcomes), _described(values[len(outcomes)])))
            outcomes.append(None)
    return Decoded(outcomes, bad, sum(sizes))


_INTEGERS = (
    "input_tokens",
    "output_tokens",
    "hallucination",
    "safety_violation",
    "task_success",
    "timestamp_ms",
    "bucket",
)
COLUMNS = ("latency_ms", "ttft_ms", "cost_usd", "rating", *_INTEGERS)


def number_columns(outcomes: Sequence[Outcome]) -> npt.NDArray[np.float64]:
    """Shape (11, len(outcomes)), rows as in `COLUMNS`; NaN where an outcome says nothing."""
    columns: tuple[list[float | None], ...] = (
        [outcome.latency_ms for outcome in outcomes],
        [outcome.ttft_ms for outcome in outcomes],
        [outcome.cost_usd for outcome in outcomes],
        [outcome.rating for outcome in outcomes],
        [outcome.input_tokens for outcome in outcomes],
        [outcome.output_tokens for outcome in outcomes],
        [outcome.hallucination for outcome in outcomes],
        [outcome.safety_violation for outcome in outcomes],
        [outcome.task_success for outcome in outcomes],
        [outcome.timestamp_ms for outcome in outcomes],
        [outcome.bucket for outcome in outcomes],
    )
    numbers = np.full((len(columns), len(outcomes)), np.nan)
    for row, column in enumerate(columns):
        absent = column.count(_ABSENT)  # one object stands for all: counting it is cheap
        if absent < len(column):
            numbers[row] = _as_array(column, whole=not absent and COLUMNS[row] in _INTEGERS)
    return numbers


def _as_array(column: list[float | None], *, whole: bool) -> npt.NDArray[Any]:
    """`struct` copies numbers out of a list three times faster than numpy does."""
    try:
        packed = struct.pack(f"{len(column)}{'q' if whole else 'd'}", *column)
    except struct.error:  # an explicit null
        return np.array(column, np.float64)
    return np.frombuffer(packed, np.int64 if whole else np.float64)


def _within_limits(values: Sequence[bytes | None]) -> list[bytes]:
    """Null and oversized values become empty ones, which no decoder accepts."""
    return [b"" if value is None or len(value) > MAX_VALUE_BYTES else value for value in values]


def _described(value: bytes | None) -> BadValueError:
    try:
        OUTCOME.decode(value)
    except BadValueError as error:
        return error
    return BadValueError("$", "not an outcome")
