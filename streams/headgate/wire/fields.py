"""Constrained field types shared by the messages; the limits are part of the contract."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from headgate.vocabulary import BASIS_POINTS

MAX_INT = 2**53  # the largest integer that every JSON reader keeps exact
MAX_LATENCY_MS = 3_600_000.0
MAX_TOKENS = 100_000_000
MAX_COST_USD = 1_000.0
MAX_VALUE_BYTES = 65_536

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(max_length=1024)]
Count = Annotated[int, Meta(ge=0, le=MAX_INT)]
Offset = Annotated[int, Meta(ge=-1, le=MAX_INT)]
TimestampMs = Annotated[int, Meta(ge=0, le=MAX_INT)]
BasisPoints = Annotated[int, Meta(ge=0, le=BASIS_POINTS)]
AskedPoints = Count  # basis points that somebody asks for; what they can be the fold says
Bucket = Annotated[int, Meta(ge=0, le=BASIS_POINTS - 1)]
LatencyMs = Annotated[float, Meta(ge=0, le=MAX_LATENCY_MS)]
Tokens = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
CostUsd = Annotated[float, Meta(ge=0, le=MAX_COST_USD)]
Rating = Annotated[float, Meta(ge=1, le=5)]
ErrorType = Annotated[str, Meta(min_length=1, max_length=64)]
SegmentName = Annotated[str, Meta(min_length=1, max_length=32)]
SegmentValue = Annotated[str, Meta(max_length=128)]
Segment = Annotated[dict[SegmentName, SegmentValue], Meta(max_length=16)]
