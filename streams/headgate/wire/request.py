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


class FitRequest(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A request that can change what fits what. One that would leave a version in traffic
    incompatible is refused, unless it is meant `despite_traffic`.
    """

    despite_traffic: bool = False
