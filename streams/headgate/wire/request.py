"""`requests`: what operators ask for. A request changes nothing until the fold admits it."""

from __future__ import annotations

from msgspec import Struct

from headgate.wire.fields import Name, Text, TimestampMs


class Request(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """Fields of every request. `model` is `*` where a request is for all models."""

    request_id: Name
    model: Name
    operator: Name
    issued_at_ms: TimestampMs
    reason: Text = ""
    expires_at_ms: TimestampMs | None = None
