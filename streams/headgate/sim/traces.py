"""Recorded outcomes: JSON-lines files, checked line by line, and llmperf's rows converted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import orjson

from headgate.problems import InputError
from headgate.sim.arms import Measurements, TraceArm
from headgate.wire.codec import describe
from headgate.wire.outcomes import Outcome

MAX_ERRORS_SHOWN = 20
# What a fleet fills in itself; a recorded outcome may carry them and they are left out.
IDS = frozenset({"request_id", "model", "version", "revision", "bucket", "timestamp_ms"})
MEASUREMENTS = tuple(name for name in Outcome.__struct_fields__ if name not in IDS)


class TraceError(InputError):
    """A trace that cannot be replayed: file, line, field and rule of every bad line."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.problems = problems
        shown = problems[:MAX_ERRORS_SHOWN]
        more = len(problems) - len(shown)
        text = "".join(f"\n  {path}{problem}" for problem in shown)
        rest = f"\n  and {more} more lines" if more else ""
        super().__init__(
            f"this trace cannot be replayed:{text}{rest}\n"
            f"Each line is a JSON object with any of: {', '.join(MEASUREMENTS)}."
        )


def read_trace(path: Path) -> TraceArm:
    """The outcomes of a JSON-lines file as an arm; blank lines are skipped.

    Raises `TraceError` naming every bad line.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise TraceError(path, [f": cannot be read ({error.strerror})"]) from error
    rows, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append(check_row(orjson.loads(line)))
        except (ValueError, msgspec.MsgspecError) as error:
            problems.append(f":{number}: {describe(error)}")
    if not rows and not problems:
        problems.append(": holds no outcome")
    if problems:
        raise TraceError(path, problems)
    return TraceArm(rows)


def check_row(row: object) -> Measurements:
    """The measurements of one recorded outcome. Raises `ValueError` for a bad one."""
    if not isinstance(row, dict):
        raise ValueError("a line must be a JSON object")
    fields = {name: row[name] for name in MEASUREMENTS if row.get(name) is not None}
    if not fields:
        raise ValueError("no known measurement in this line")
    msgspec.convert({"request_id": "r", "model": "m", "version": "v", **fields}, Outcome)
    return fields


def from_llmperf(row: Mapping[str, Any]) -> Measurements:
    """One request of an llmperf run: seconds to milliseconds, a failure without latency."""
    tokens = {
        "input_tokens": row.get("number_input_tokens"),
        "output_tokens": row.get("number_output_tokens"),
    }
    if row.get("error_code") is not None:
        return {"error_type": str(row["error_code"])}
    return {
        "latency_ms": row["end_to_end_latency_s"] * 1000,
        "ttft_ms": row["ttft_s"] * 1000,
        **{name: int(value) for name, value in tokens.items() if value is not None},
    }


def convert_llmperf(source: Path, target: Path) -> int:
    """Write an llmperf JSON-lines file as a trace; returns the number of rows."""
    lines = [line for line in source.read_bytes().splitlines() if line.strip()]
    write_trace(target, (from_llmperf(orjson.loads(line)) for line in lines))
    return len(lines)


def write_trace(path: Path, rows: Iterable[Measurements]) -> None:
    """Rows as JSON lines."""
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
