"""Counts, integer sums and HDR counts of many rows at once, added one by one or by the batch.

A row is one (model, version, revision) of a pane. Both ways of adding give the same integers;
one by one is faster for a handful of outcomes, the batch for hundreds. The integers of a row are
kept by the slot of the router's bucket and summed at read, which costs adding nothing. The dense
HDR counts are zero pages until touched, so that a row costs what it fills, not what it may hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import isnan
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from headgate.measure.columns import COLUMNS, number_columns
from headgate.measure.hdr import bucket_index, bucket_index_of, encode_counts
from headgate.measure.measures import BUCKET, DELAY, HDR_HIGHEST, LABELS, SKETCHED, SUMMED
from headgate.measure.slots import slot_of
from headgate.vocabulary import BASIS_POINTS
from headgate.wire.fields import MAX_COST_USD, MAX_TOKENS
from headgate.wire.ledger import SLOTS
from headgate.wire.outcomes import Outcome

_MEASURES = SKETCHED + SUMMED
VALUES = (*(measure.name for measure in _MEASURES), DELAY)

# Columns of a row: outcomes, requests, then per label, per label, per value, per value, and the sum
# of the bin numbers of latencies.
OUTCOMES, REQUESTS, LABELLED = 0, 1, 2
FLAGGED = LABELLED + len(LABELS)
SUMS = FLAGGED + len(LABELS)
COUNTS = SUMS + len(VALUES)
BINS = COUNTS + len(VALUES)
WIDTH = BINS + 1
_LINES = SLOTS + 1  # of a row: one per slot, and one for outcomes without a bucket

# The widest value of each sketched measure, so that a row holds no bucket that cannot fill.
_HIGHEST = {
    "latency_us": HDR_HIGHEST,
    "ttft_us": HDR_HIGHEST,
    "tokens": 2 * MAX_TOKENS,
    "cost_microusd": round(MAX_COST_USD * 1_000_000),
    "rating_tenths": 50,
    BUCKET: BASIS_POINTS - 1,
}
_SKETCHES = len(SKETCHED)
_ONE = np.int32(1)  # of the counts' type: numpy adds another one forty times slower
_STARTS = [0, *accumulate(bucket_index_of(_HIGHEST[m.name]) + 1 for m in SKETCHED)]
_ROW_BUCKETS = _STARTS[-1]
_SKETCH_BASE = np.array(_STARTS[:-1], np.int64)[:, None]
_PLACES = {name: place for place, name in enumerate(VALUES)}
_TOKENS, _INPUT, _OUTPUT = (_PLACES[f"{kind}tokens"] for kind in ("", "input_", "output_"))
_DELAY = _PLACES[DELAY]
_PLAIN = [place for place, measure in enumerate(_MEASURES) if measure.field]
_PLAIN_COLUMNS = [COLUMNS.index(_MEASURES[place].field) for place in _PLAIN]
_PER_UNIT = np.array([[_MEASURES[place].per_unit] for place in _PLAIN], dtype=np.float64)
_ONLY_SUCCESSES = [place for place, measure in enumerate(_MEASURES) if measure.successes_only]
_FIRST_LABEL = COLUMNS.index(LABELS[0])
_SENT = COLUMNS.index("timestamp_ms")
_LATENCY = COLUMNS.index("latency_ms")
_BUCKET = COLUMNS.index("bucket")
_LATENCIES = _PLACES["latency_us"]
_ONE_BY_ONE = [
    (place, measure.field, measure.per_unit, measure.successes_only, place < _SKETCHES)
    for place, measure in enumerate(_MEASURES)
    if measure.field
]


class Tallies:
    """`rows` rows of integers, growing as rows are added."""

    def __init__(self, capacity: int = 16) -> None:
        self.rows = 0
        self._allocate(capacity)

    def _allocate(self, capacity: int) -> None:
        self._table = np.zeros((capacity * _LINES, WIDTH), np.int64)
        self._counts = np.zeros(capacity * _ROW_BUCKETS, np.int32)
        self._cells = self._table.reshape(-1).data
        self._buckets = self._counts.data

    def add_row(self) -> int:
        """The number of a new, empty row."""
        if self.rows * _LINES == len(self._table):
            table, counts = self._table, self._counts
            self._allocate(2 * self.rows)
            self._table[: len(table)] = table
            filled = np.flatnonzero(counts)  # writing zeros would make empty pages real
            self._counts[filled] = counts[filled]
        self.rows += 1
        return self.rows - 1

    def numbers(self, row: int) -> list[int]:
        """The row's integers, in the order of the column constants."""
        return [int(number) for number in self._lines(row).sum(0).tolist()]

    def slots(self, row: int, columns: Sequence[int]) -> list[tuple[int, ...]]:
        """Some columns of a row by slot, outcomes without a bucket left out."""
        by_slot = self._lines(row)[:SLOTS, columns].T.tolist()
        return [tuple(numbers) for numbers in by_slot]

    def _lines(self, row: int) -> npt.NDArray[np.int64]:
        return self._table[row * _LINES : (row + 1) * _LINES]

    def outcomes(self) -> list[int]:
        """How many outcomes each row has; any change of a row changes it."""
        by_line = self._table[: self.rows * _LINES, OUTCOMES].reshape(self.rows, _LINES)
        return [int(number) for number in by_line.sum(1).tolist()]

    def sketch(self, row: int, place: int) -> str:
        """The HDR counts of one measure in the wire form."""
        base = row * _ROW_BUCKETS
        return encode_counts(self._counts[base + _STARTS[place] : base + _STARTS[place + 1]])

    def add_one(self, row: int, outcome: Outcome, recorded_ms: int) -> None:
        """One outcome; `recorded_ms` is the record's timestamp. Equal to a batch of one."""
        line = row * _LINES + slot_of(outcome.bucket)
        cells, base = self._cells, line * WIDTH
        failed = outcome.error_type is not None
        cells[base + OUTCOMES] += 1
        cells[base + REQUESTS] += failed or _known(outcome.latency_ms)
        for place, field, per_unit, successes_only, sketched in _ONE_BY_ONE:
            number = getattr(outcome, field)
            if _known(number) and not (failed and successes_only):
                self._add_value(row, line, place, round(number * per_unit), sketched)
        tokens = [n for n in (outcome.input_tokens, outcome.output_tokens) if _known(n)]
        if tokens:
            self._add_value(row, line, _TOKENS, sum(tokens), True)
        sent_ms = outcome.timestamp_ms
        if _known(sent_ms):
            self._add_value(row, line, _DELAY, max(recorded_ms - sent_ms, 0), False)
        for label, name in enumerate(LABELS):
            flag = getattr(outcome, name)
            if flag is True or flag is False:
                cells[base + LABELLED + label] += 1
                cells[base + FLAGGED + label] += flag

    def _add_value(self, row: int, line: int, place: int, value: int, sketched: bool) -> None:
        cell = line * WIDTH + place
        self._cells[cell + SUMS] += value
        self._cells[cell + COUNTS] += 1
        if sketched:
            bucket = bucket_index_of(value)
            self._buckets[row * _ROW_BUCKETS + _STARTS[place] + bucket] += 1
            if place == _LATENCIES:
                self._cells[line * WIDTH + BINS] += bucket

    def add_many(
        self,
        rows: Sequence[int],
        outcomes: Sequence[Outcome],
        error_types: Sequence[str | None],
        recorded_ms: Sequence[int],
    ) -> None:
        """Outcomes; the row, the error type and the record's timestamp of each."""
        numbers = number_columns(outcomes)
        present = ~np.isnan(numbers)
        failed = np.array([kind is not None for kind in error_types], bool)
        values, used = _scaled(numbers, present, failed, np.array(recorded_ms, np.int64))
        row_of = np.array(rows, np.int64)
        line_of = row_of * _LINES + _slots(numbers[_BUCKET], present[_BUCKET])
        self._count(OUTCOMES, line_of)
        self._count(REQUESTS, line_of[present[_LATENCY] | failed])
        for label in range(len(LABELS)):
            column = _FIRST_LABEL + label
            self._count(LABELLED + label, line_of[present[column]])
            self._count(FLAGGED + label, line_of[numbers[column] == 1])
        for place in range(len(VALUES)):
            lines = line_of[used[place]]
            self._count(COUNTS + place, lines)
            np.add.at(self._table[:, SUMS + place], lines, values[place][used[place]])
        sketched, bins = used[:_SKETCHES], bucket_index(values[:_SKETCHES])
        timed = used[_LATENCIES]
        np.add.at(self._table[:, BINS], line_of[timed], bins[_LATENCIES][timed])
        buckets = bins + _SKETCH_BASE + row_of * _ROW_BUCKETS
        np.add.at(self._counts, buckets[sketched], _ONE)

    def _count(self, column: int, lines: npt.NDArray[np.int64]) -> None:
        """One more in `column` for each of `lines`."""
        if len(lines):
            np.add.at(self._table[:, column], lines, 1)

    def flagged(self, label: str) -> int:
        """How many outcomes of all rows have a label that is true."""
        return int(self._table[: self.rows * _LINES, FLAGGED + LABELS.index(label)].sum())


def _known(number: Any) -> TypeGuard[int]:
    """Neither None nor the NaN of an absent number."""
    return number is not None and not isnan(number)


def _slots(
    buckets: npt.NDArray[np.float64], present: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """The slot of each bucket, as `slot_of` says."""
    whole = np.where(present, buckets, 0).astype(np.int64)
    return np.where(present, whole % SLOTS, SLOTS)


def _scaled(
    numbers: npt.NDArray[np.float64],
    present: npt.NDArray[np.bool_],
    failed: npt.NDArray[np.bool_],
    recorded_ms: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Integer values, shape (len(VALUES), n) and 0 where unused, and which of them are used."""
    used = np.empty((len(VALUES), len(recorded_ms)), bool)
    used[_PLAIN] = present[_PLAIN_COLUMNS]
    used[_ONLY_SUCCESSES] &= ~failed
    used[_TOKENS] = used[_INPUT] | used[_OUTPUT]
    used[_DELAY] = present[_SENT]
    values = np.zeros(used.shape, np.int64)
    scaled = np.rint(numbers[_PLAIN_COLUMNS] * _PER_UNIT)
    values[_PLAIN] = np.where(used[_PLAIN], scaled, 0)
    values[_TOKENS] = values[_INPUT] + values[_OUTPUT]
    sent_ms = np.where(present[_SENT], numbers[_SENT], 0).astype(np.int64)
    values[_DELAY] = np.where(used[_DELAY], np.maximum(recorded_ms - sent_ms, 0), 0)
    return values, used
