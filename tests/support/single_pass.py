"""An independent count: one pass over the outcomes with HdrHistogram's own `record_value`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson
from hdrh.histogram import HdrHistogram

from headgate.measure.cells import Cell

SCALES = {"latency_us": ("latency_ms", 1000), "ttft_us": ("ttft_ms", 1000)}


@dataclass
class Tally:
    """What one version's outcomes come to."""

    outcomes: int = 0
    requests: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    histograms: dict[str, HdrHistogram] = field(default_factory=dict)

    def add(self, row: dict[str, object]) -> None:
        """Count one outcome."""
        self.outcomes += 1
        error = row.get("error_type")
        if error is not None:
            self.errors[str(error)] += 1
        if error is not None or row.get("latency_ms") is not None:
            self.requests += 1
        for measure, (name, scale) in SCALES.items():
            number = row.get(name)
            if number is not None and error is None:
                self._record(measure, round(float(str(number)) * scale))
        tokens = [row.get("input_tokens"), row.get("output_tokens")]
        if any(count is not None for count in tokens):
            self._record("tokens", sum(int(str(count)) for count in tokens if count is not None))

    def _record(self, measure: str, number: int) -> None:
        histogram = self.histograms.setdefault(measure, HdrHistogram(1, 3_600_000_000, 2))
        histogram.record_value(number)
        self.sums[measure] += number


def count(values: Iterable[bytes]) -> dict[str, Tally]:
    """One tally per version."""
    tallies: dict[str, Tally] = {}
    for value in values:
        row = orjson.loads(value)
        tallies.setdefault(row["version"], Tally()).add(row)
    return tallies


def assert_same(cell: Cell, tally: Tally) -> None:
    """The cell holds exactly what the single pass counted."""
    assert cell.outcomes == tally.outcomes
    assert cell.requests == tally.requests
    assert cell.errors == dict(tally.errors)
    assert set(cell.sketches) == set(tally.histograms)
    for measure, histogram in tally.histograms.items():
        sketch = cell.sketches[measure]
        dense = [0] * histogram.counts_len
        for index, number in zip(sketch.indexes, sketch.counts, strict=True):
            dense[index] = int(number)
        assert dense == list(histogram.counts), measure
        assert cell.sums[measure] == tally.sums[measure]
