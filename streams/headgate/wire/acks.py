"""`acks`: routers report the split that they obey, on change and every 5 s."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from headgate.wire.fields import Count, Name, TimestampMs


class Choices(Struct, frozen=True, kw_only=True):
    """How many requests a router sent to `version` under `revision` since it started."""

    version: Name
    revision: Count
    count: Count


class Ack(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One router's word: it applies `revision` (0: its fallback) of the model's split.

    `refused` counts the records of the control topic that were not signed as it asks.
    """

    router_id: Name
    model: Name
    revision: Count
    decision_id: str = ""
    state: Literal["live", "goodbye"] = "live"
    started_at_ms: TimestampMs = 0
    timestamp_ms: TimestampMs = 0
    choices: Annotated[tuple[Choices, ...], Meta(max_length=64)] = ()
    refused: Count = 0
