"""`registry`: one entry per model version, so that anyone can read what is known of it."""

from __future__ import annotations

from msgspec import Struct

from headgate.vocabulary import Status
from headgate.wire.fields import Count, Name, TimestampMs


class VersionEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    model: Name
    version: Name
    status: Status
    since_ms: TimestampMs
    revision: Count
    aliases: tuple[str, ...] = ()
    rolled_back: bool = False
