"""Recorded outcomes: what is taken, what is refused and how the refusal reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from headgate.sim.traces import TraceError, convert_llmperf, from_llmperf, read_trace


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_trace_gives_its_rows_without_ids(tmp_path: Path) -> None:
    row = {"latency_ms": 12.5, "rating": 4, "request_id": "x", "model": "m", "version": "v"}
    arm = read_trace(write(tmp_path / "t.jsonl", json.dumps(row), "", '{"error_type": "500"}'))
    assert arm.rows == [{"latency_ms": 12.5, "rating": 4}, {"error_type": "500"}]


def test_every_bad_line_is_named_with_its_number_field_and_rule(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.jsonl",
        '{"latency_ms": 10}',
        '{"latency_ms": -1}',
        "not json",
        '{"latency": 10}',
        '{"rating": "good"}',
        "[1]",
    )
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    problems = caught.value.problems
    assert [problem.split(":")[1] for problem in problems] == ["2", "3", "4", "5", "6"]
    assert "latency_ms" in problems[0]
    assert "no known measurement" in problems[2]
    assert "rating" in problems[3]
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_trace_without_outcomes_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(content)
    with pytest.raises(TraceError, match="holds no outcome"):
        read_trace(path)


def test_a_missing_file_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read"):
        read_trace(tmp_path / "nothing.jsonl")


def test_the_bootstrap_draws_the_same_rows_from_the_same_seed(tmp_path: Path) -> None:
    lines = [json.dumps({"latency_ms": n}) for n in range(1, 50)]
    arm = read_trace(write(tmp_path / "t.jsonl", *lines))

    def drawn(seed: int) -> list[float]:
        rng = np.random.default_rng(seed)
        return [arm.draw(rng, 0.0)["latency_ms"] for _ in range(200)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert len(set(drawn(1))) < 50


def test_an_llmperf_success_becomes_milliseconds_and_tokens() -> None:
    row = {
        "error_code": None,
        "ttft_s": 0.25,
        "end_to_end_latency_s": 2.5,
        "number_input_tokens": 550,
        "number_output_tokens": 151,
    }
    assert from_llmperf(row) == {
        "latency_ms": 2500.0,
        "ttft_ms": 250.0,
        "input_tokens": 550,
        "output_tokens": 151,
    }


def test_an_llmperf_failure_has_its_code_and_no_latency() -> None:
    row = {"error_code": 429, "ttft_s": 0.1, "end_to_end_latency_s": 0.2}
    assert from_llmperf(row) == {"error_type": "429"}


@pytest.mark.traces
@pytest.mark.parametrize("provider", ["anyscale", "together", "replicate", "lepton"])
def test_recorded_provider_traces_convert_line_by_line(
    traces: Path, tmp_path: Path, provider: str
) -> None:
    source = traces / "llmperf" / f"{provider}_70b.jsonl"
    count = convert_llmperf(source, tmp_path / "t.jsonl")
    arm = read_trace(tmp_path / "t.jsonl")
    failures = [row for row in arm.rows if "error_type" in row]
    assert len(arm.rows) == count
    assert all("latency_ms" not in row for row in failures)
    assert (len(failures) > count / 2) == (provider == "lepton")
