"""Metrics: what is counted in which, and how a person reads it."""

from __future__ import annotations

import pytest

from headgate.measure.cells import Cell
from headgate.measure.metrics import METRICS, CallerFaults, error_count, read_all

FAULTS = CallerFaults()
CELL = Cell(
    outcomes=120,
    requests=100,
    errors={"400": 10, "404": 5, "408": 1, "429": 2, "timeout": 3, "_other": 1},
    labelled={"hallucination": 50, "safety_violation": 40},
    flagged={"hallucination": 2, "safety_violation": 1},
    sums={"rating_tenths": 420, "cost_microusd": 3_000},
    counts={"rating_tenths": 10, "cost_microusd": 2},
    safety_request_ids=("r7",),
)


def test_the_callers_own_faults_are_no_errors_but_408_and_429_are() -> None:
    assert error_count(CELL, FAULTS) == 1 + 2 + 3 + 1


def test_which_faults_are_the_callers_is_configurable() -> None:
    assert error_count(CELL, CallerFaults(match=("4??", "timeout"), except_for=())) == 1


@pytest.mark.parametrize(
    ("metric", "value", "samples"),
    [
        ("error_rate", 0.07, 100),
        ("hallucination_rate", 0.04, 50),
        ("rating_mean", 4.2, 10),
        ("cost_mean_usd", 0.0015, 2),
        ("safety_violations", 1.0, 40),
    ],
)
def test_a_metric_reads_its_value_and_samples(metric: str, value: float, samples: int) -> None:
    reading = METRICS[metric].read(CELL, FAULTS)
    assert reading.value == pytest.approx(value)
    assert reading.samples == samples


def test_without_samples_no_metric_has_a_value_but_the_count_of_violations() -> None:
    readings = read_all(Cell(), list(METRICS), FAULTS)
    with_value = {name for name, reading in readings.items() if reading.value is not None}
    assert with_value == {"safety_violations"}
    assert all(reading.samples == 0 for reading in readings.values())


def test_a_safety_violation_names_its_request() -> None:
    assert METRICS["safety_violations"].read(CELL, FAULTS).request_ids == ("r7",)


def test_a_value_is_said_with_its_unit() -> None:
    assert METRICS["error_rate"].say(0.0512) == "5.12%"
    assert METRICS["latency_p95_ms"].say(1234.4) == "1,234 ms"
    assert METRICS["cost_mean_usd"].say(None) == "no data"
