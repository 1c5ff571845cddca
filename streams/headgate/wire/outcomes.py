"""`outcomes`: what happened to one request, or a label that arrived later for it."""

from __future__ import annotations

from msgspec import Struct

from headgate.wire.fields import (
    Bucket,
    CostUsd,
    Count,
    ErrorType,
    LatencyMs,
    Name,
    Rating,
    Segment,
    TimestampMs,
    Tokens,
)


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Any subset of measurements for one request of one model version.

    It counts as a request when it carries `latency_ms` or `error_type`; without both it is a
    late label (rating, judge verdict) for a request that was counted before. `revision` and
    `bucket` come from the router's choice. Unknown fields are ignored.
    """

    request_id: Name
    model: Name
    version: Name
    revision: Count | None = None
    bucket: Bucket | None = None
    timestamp_ms: TimestampMs | None = None
    latency_ms: LatencyMs | None = None
    ttft_ms: LatencyMs | None = None
    error_type: ErrorType | None = None
    rating: Rating | None = None
    hallucination: bool | None = None
    safety_violation: bool | None = None
    task_success: bool | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cost_usd: CostUsd | None = None
    segment: Segment | None = None
