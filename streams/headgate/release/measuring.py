"""Measured performance: what a version did, recorded beside what its owners declared of it."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.policy import policy_in_force
from headgate.measure.metrics import METRICS, CallerFaults
from headgate.measure.windows import total_of
from headgate.release.state import ModelState
from headgate.wire.registry import Performance

DECIMALS = 6
ENOUGH = 50  # samples of a metric, to be held against later

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


def record(state: ModelState, version: str, *, least: int = 1) -> ModelState:
    """The state with what `version` is counted to have done; unchanged where no metric has `least`
    samples.
    """
    performance = measured(state, version, least=least)
    catalogue = state.catalogue
    if performance in (Performance(), catalogue.measured.get(version)):
        return state
    known = {**catalogue.measured, version: performance}
    return replace(state, catalogue=replace(catalogue, measured=known))


def measured(state: ModelState, version: str, *, least: int = 1) -> Performance:
    """Every metric of a version over all that is counted of it; none below `least` samples."""
    cell = total_of(state.tables, version)
    faults = _faults(state)
    readings = {field: METRICS[metric].read(cell, faults) for field, metric in MEASURED_AS.items()}
    rounded = {
        field: round(reading.value, DECIMALS)
        for field, reading in readings.items()
        if reading.value is not None and reading.samples >= least
    }
    return Performance(**rounded)


def _faults(state: ModelState) -> CallerFaults:
    if state.policy is None:
        return CallerFaults()
    return policy_in_force(state.policy.digest, state.policy.content).caller_faults.rules()
