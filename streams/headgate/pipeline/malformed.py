"""Malformed requests: what can be read of them, so that they are answered on audit like others."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from headgate.vocabulary import ANY_MODEL
from headgate.wire.codec import BadValueError
from headgate.wire.fields import MAX_VALUE_BYTES
from headgate.wire.ledger import MAX_TOLD, MalformedRequest

MAX_NAME = 128


class _Sketch(msgspec.Struct):
    """The fields that say whose request it was, whatever they hold."""

    model: Any = ""
    request_id: Any = ""
    operator: Any = ""


def malformed_request(record: Any, error: BadValueError) -> MalformedRequest:
    """The ledger entry of a record on `requests` that is none."""
    value = record.value or b""
    sketch = _read(value)
    return MalformedRequest(
        source_partition=record.partition,
        source_offset=record.offset,
        model=_name(sketch.model) or ANY_MODEL,
        request_id=_name(sketch.request_id),
        operator=_name(sketch.operator),
        path=error.path[:MAX_TOLD],
        reason=error.reason[:MAX_TOLD],
        sha256=hashlib.sha256(value).hexdigest(),
    )


def _read(value: bytes) -> _Sketch:
    if len(value) > MAX_VALUE_BYTES:
        return _Sketch()
    try:
        return msgspec.json.decode(value, type=_Sketch)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Sketch()


def _name(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_NAME else ""
