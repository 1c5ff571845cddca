"""The measures Headgate keeps: one row of data each, in integer units so that sums are exact."""

from __future__ import annotations

from dataclasses import dataclass

# HDR geometry, the same for every measure: integers from 1 to an hour in microseconds at two
# significant digits (0.6 % error at the most; values up to 255 are exact).
HDR_LOWEST = 1
HDR_HIGHEST = 3_600_000_000
HDR_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that outcomes carry, scaled to integers (`round(value * per_unit)`).

    `successes_only` measures are taken from requests without `error_type` alone.
    """

    name: str
    field: str
    per_unit: int
    successes_only: bool = False


# The router's bucket: which version should have served the request. It is kept for the next look
# alone, and in no table.
BUCKET = "bucket"
# `tokens` is derived: input plus output tokens, where an outcome carries either.
SKETCHED = (
    Measure("latency_us", "latency_ms", 1000, successes_only=True),
    Measure("ttft_us", "ttft_ms", 1000, successes_only=True),
    Measure("tokens", "", 1),
    Measure("cost_microusd", "cost_usd", 1_000_000),
    Measure("rating_tenths", "rating", 10),
    Measure(BUCKET, "bucket", 1),
)
SUMMED = (
    Measure("input_tokens", "input_tokens", 1),
    Measure("output_tokens", "output_tokens", 1),
)
# Record timestamp minus the event's own time, never below 0: how late telemetry arrives.
DELAY = "delay_ms"
LABELS = ("hallucination", "safety_violation", "task_success")
MAX_ERROR_TYPES = 32
OTHER_ERRORS = "_other"
MAX_SAFETY_IDS = 8
