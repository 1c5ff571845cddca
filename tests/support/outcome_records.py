"""Records of an outcomes partition for tests, and a plain single pass over them.

The reference shares no code with the fold: json, dictionaries, and the `record_value` of the
hdrhistogram package, one record at a time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hdrh.histogram import HdrHistogram
from hypothesis import strategies as st

PANE_MS = 10_000
SKETCHED = ("latency_us", "ttft_us", "tokens", "cost_microusd", "rating_tenths", "bucket")
LABELS = ("hallucination", "safety_violation", "task_success")


@dataclass(frozen=True)
class Record:
    value: bytes | None
    timestamp_ms: int
    fields: dict[str, Any] | None  # None: the record is bad


@dataclass
class Row:
    """One (pane, model, version, revision) of the reference."""

    first_offset: int
    outcomes: int = 0
    requests: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    labelled: dict[str, int] = field(default_factory=dict)
    flagged: dict[str, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    histograms: dict[str, HdrHistogram] = field(default_factory=dict)
    safety_request_ids: list[str] = field(default_factory=list)
    slots: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def slotted(self, got: dict[str, Any], table: str, name: str, value: int = 1) -> None:
        """Counts by bucket modulo 32, where there is a revision too."""
        if value and got.get("revision") and "bucket" in got:
            by_slot = self.slots.setdefault(table, {}).setdefault(name, [0] * 32)
            by_slot[got["bucket"] % 32] += value

    def value(self, name: str, value: int) -> None:
        self.sums[name] = self.sums.get(name, 0) + value
        self.counts[name] = self.counts.get(name, 0) + 1
        if name in SKETCHED:
            histogram = self.histograms.setdefault(name, HdrHistogram(1, 3_600_000_000, 2))
            assert histogram.record_value(value)

    def sketches(self) -> dict[str, str]:
        return {name: h.encode().decode() for name, h in self.histograms.items()}

    def add(self, fields: dict[str, Any], timestamp_ms: int) -> None:
        got = {name: value for name, value in fields.items() if value is not None}
        failed = "error_type" in got
        self.outcomes += 1
        self.requests += failed or "latency_ms" in got
        if failed or "latency_ms" in got:
            self.slotted(got, "counts", "requests")
        if failed:
            name = got["error_type"]
            if name not in self.errors and len(self.errors) >= 32:
                name = "_other"
            self.errors[name] = self.errors.get(name, 0) + 1
            self.slotted(got, "errors", name)
        else:
            for name, measure in (("latency_ms", "latency_us"), ("ttft_ms", "ttft_us")):
                if name in got:
                    self.value(measure, round(got[name] * 1000))
            if "latency_ms" in got:
                bins = self.histograms["latency_us"]
                self.slotted(got, "counts", "latency_us")
                number = bins._counts_index_for(round(got["latency_ms"] * 1000))
                self.slotted(got, "sums", "latency_bins", number)
        self.add_amounts(got, timestamp_ms)
        for name in LABELS:
            if name in got:
                self.labelled[name] = self.labelled.get(name, 0) + 1
                if got[name]:
                    self.flagged[name] = self.flagged.get(name, 0) + 1
                if name != "safety_violation":
                    self.slotted(got, "labelled", name)
                    self.slotted(got, "flagged", name, int(got[name]))
        named, unsafe = self.safety_request_ids, got.get("safety_violation")
        if unsafe and len(named) < 8 and got["request_id"] not in named:
            named.append(got["request_id"])

    def amount(self, got: dict[str, Any], name: str, value: int) -> None:
        self.value(name, value)
        self.slotted(got, "counts", name)
        self.slotted(got, "sums", name, value)

    def add_amounts(self, got: dict[str, Any], timestamp_ms: int) -> None:
        if "cost_usd" in got:
            self.amount(got, "cost_microusd", round(got["cost_usd"] * 1_000_000))
        if "rating" in got:
            self.amount(got, "rating_tenths", round(got["rating"] * 10))
        if "bucket" in got:
            self.value("bucket", got["bucket"])
        for name in ("input_tokens", "output_tokens"):
            if name in got:
                self.value(name, got[name])
        if "input_tokens" in got or "output_tokens" in got:
            total = got.get("input_tokens", 0) + got.get("output_tokens", 0)
            self.amount(got, "tokens", total)
        if "timestamp_ms" in got:
            self.value("delay_ms", max(0, timestamp_ms - got["timestamp_ms"]))


RowKey = tuple[int, str, str, int]


def single_pass(records: list[Record], first: int = 0) -> tuple[dict[RowKey, Row], list[int]]:
    """Rows by (pane start, model, version, revision), and the offsets of bad records."""
    rows: dict[RowKey, Row] = {}
    bad: list[int] = []
    pane_time = 0
    opened: dict[int, int] = {}
    for offset, record in enumerate(records, first):
        pane_time = max(pane_time, record.timestamp_ms)
        start = pane_time // PANE_MS * PANE_MS
        opened.setdefault(start, offset)
        if record.fields is None:
            bad.append(offset)
            continue
        revision = record.fields.get("revision") or 0
        key = (start, record.fields["model"], record.fields["version"], revision)
        row = rows.setdefault(key, Row(opened[start]))
        row.add(record.fields, record.timestamp_ms)
    return rows, bad


def good_fields() -> st.SearchStrategy[dict[str, Any]]:
    def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(st.none(), values)

    return st.fixed_dictionaries(
        {
            "request_id": st.integers(0, 99).map("r{}".format),
            "model": st.sampled_from(["chat", "search"]),
            "version": st.sampled_from(["v1.0.0", "v1.1.0", "v2.0.0"]),
        },
        optional={
            "revision": maybe(st.sampled_from([0, 1, 1_732_000_000])),
            "bucket": maybe(st.integers(0, 9999)),
            "timestamp_ms": maybe(st.integers(0, 200_000)),
            "latency_ms": maybe(st.one_of(st.integers(0, 9), st.floats(0, 3_600_000))),
            "ttft_ms": maybe(st.floats(0, 3_600_000)),
            "error_type": maybe(st.integers(0, 50).map("E{}".format)),
            "rating": maybe(st.sampled_from([1, 2.5, 3.25, 4.45, 5])),
            "hallucination": maybe(st.booleans()),
            "safety_violation": maybe(st.booleans()),
            "task_success": maybe(st.booleans()),
            "input_tokens": maybe(st.integers(0, 100_000_000)),
            "output_tokens": maybe(st.integers(0, 100_000_000)),
            "cost_usd": maybe(st.floats(0, 1000)),
            "segment": maybe(st.just({"tenant": "a"})),
            "unknown_field": st.just([1, {"x": None}]),
        },
    )


BAD_VALUES: list[tuple[bytes | None, str, str]] = [
    (None, "$", "null value"),
    (b"", "$", "empty value"),
    (b"not json", "$", "malformed"),
    (b'{"request_id": "r1", "model": "chat"', "$", "truncated"),
    (b"[]", "$", "Expected `object`"),
    (b"\xff\xfe{}", "$", "malformed"),
    (b'{"request_id":"\xff","model":"chat","version":"v1"}', "$", "UTF-8"),
    (b'{"model":"chat","version":"v1"}', "$.request_id", "missing required"),
    (b'{"request_id":"r","model":7,"version":"v1"}', "$.model", "Expected `str`"),
    (b'{"request_id":"r","model":"","version":"v1"}', "$.model", "length >= 1"),
    (
        b'{"request_id":"r","model":"chat","version":"v1","latency_ms":-1}',
        "$.latency_ms",
        ">= 0",
    ),
    (
        b'{"request_id":"r","model":"chat","version":"v1","latency_ms":NaN}',
        "$",
        "malformed",
    ),
    (
        b'{"request_id":"r","model":"chat","version":"v1","latency_ms":1e999}',
        "$.latency_ms",
        "",
    ),
    (b'{"request_id":"r","model":"chat","version":"v1","rating":5.5}', "$.rating", "<= 5"),
    (
        b'{"request_id":"r","model":"chat","version":"v1","hallucination":"yes"}',
        "$.hallucination",
        "Expected `bool | null`",
    ),
    (
        b'{"request_id":"r","model":"chat","version":"v1","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        "$",
        "deep",
    ),
    (
        b'{"request_id":"r","model":"chat","version":"v1","x":"' + b"a" * 70_000 + b'"}',
        "$",
        "over 65536",
    ),
]


def records() -> st.SearchStrategy[list[Record]]:
    """Good and bad records whose timestamps mostly rise, sometimes jump and sometimes fall."""

    def build(parts: list[tuple[int, Any]]) -> list[Record]:
        at_ms, built = 100_000, []
        for step_ms, made in parts:
            at_ms = max(0, at_ms + step_ms)
            if isinstance(made, dict):
                built.append(Record(json.dumps(made).encode(), at_ms, made))
            else:
                built.append(Record(made, at_ms, None))
        return built

    steps = st.one_of(st.integers(0, 30), st.integers(-15_000, 25_000))
    bad = st.sampled_from([value for value, _, _ in BAD_VALUES[:10]])
    part = st.tuples(steps, st.one_of(good_fields(), good_fields(), good_fields(), bad))
    return st.lists(part, max_size=120).map(build)
