"""`dead-letters`: bad input with the reason, so that nothing vanishes."""

from __future__ import annotations

import base64
import hashlib

from msgspec import Struct

from headgate.wire.fields import MAX_VALUE_BYTES, Count


class DeadLetter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`path` is the field (`$.latency_ms`), `reason` the rule that it broke.

    `raw_base64` keeps the value, cut to 64 KiB; `length` and `sha256` are of the whole.
    """

    source_topic: str
    source_partition: Count
    source_offset: Count
    path: str
    reason: str
    length: Count = 0
    sha256: str = ""
    raw_base64: str | None = None
    cut: bool = False


def dead_letter(
    topic: str, partition: int, offset: int, raw: bytes | None, *, path: str, reason: str
) -> DeadLetter:
    """The dead letter of one record; a null value (`raw` None) keeps no bytes."""
    kept = None if raw is None else base64.b64encode(raw[:MAX_VALUE_BYTES]).decode("ascii")
    return DeadLetter(
        source_topic=topic,
        source_partition=partition,
        source_offset=offset,
        path=path,
        reason=reason,
        length=len(raw or b""),
        sha256=hashlib.sha256(raw).hexdigest() if raw is not None else "",
        raw_base64=kept,
        cut=raw is not None and len(raw) > MAX_VALUE_BYTES,
    )
