"""Measured performance: what a version did, recorded beside what its owners declared of it."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.policy import parse_policy
from headgate.measure.cells import NOTHING
from headgate.measure.metrics import METRICS, CallerFaults
from headgate.release.state import ModelState
from headgate.wire.registry import Performance

DECIMALS = 6

# Field of a performance -> the metric that it is.
MEASURED_AS = {
    "accuracy": "success_rate",
    "latency_p50_ms": "latency_p50_ms",
    "latency_p95_ms": "latency_p95_ms",
    "latency_p99_ms": "latency_p99_ms",
    "cost_per_request": "cost_mean_usd",
    "tokens_per_request": "tokens_mean",
    "user_satisfaction": "rating_mean",
    "error_rate": "error_rate",
    "hallucination_rate": "hallucination_rate",
}


def record(state: ModelState, version: str) -> ModelState:
    """The state with what `version` is counted to have done; unchanged where nothing is known."""
    performance = measured(state, version)
    if performance == Performance():
        return state
    catalogue = state.catalogue
    known = {**catalogue.measured, version: performance}
    return replace(state, catalogue=replace(catalogue, measured=known))


def recorded(state: ModelState, version: str) -> dict[str, float]:
    """What the registry has of a version by metric: measured, else as its owners declared it."""
    catalogue = state.catalogue
    spec, found = catalogue.specs.get(version), catalogue.measured.get(version)
    rows = (found or Performance(), (spec.performance if spec else None) or Performance())
    named = {
        metric: next((v for row in rows if (v := getattr(row, field)) is not None), None)
        for field, metric in MEASURED_AS.items()
    }
    return {metric: value for metric, value in named.items() if value is not None}


def measured(state: ModelState, version: str) -> Performance:
    """Every metric of a version over all that is counted of it; none where it has no samples."""
    cell = state.tables.totals.get(version, NOTHING)
    faults = _faults(state)
    readings = {
        field: METRICS[metric].read(cell, faults).value for field, metric in MEASURED_AS.items()
    }
    rounded = {
        field: round(value, DECIMALS) for field, value in readings.items() if value is not None
    }
    return Performance(**rounded)


def _faults(state: ModelState) -> CallerFaults:
    if state.policy is None:
        return CallerFaults()
    return parse_policy(state.policy.content).caller_faults.rules()
