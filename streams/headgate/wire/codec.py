"""Bytes to messages and back.

Output is JSON with sorted keys, so that the same message is the same bytes in every worker and
every replay. Input is decoded strictly by type, one value at a time; what does not fit raises
`BadValueError`, which names the field and the rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
import orjson

from headgate.wire.fields import MAX_VALUE_BYTES

T = TypeVar("T")
_LEVELS_AROUND = 8
_AT_PATH = re.compile(r" - at `(?:key` in `)?(\$[^`]*)`$")


class BadValueError(ValueError):
    """A value that does not fit the contract: `path` names the field, `reason` the rule."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def encode(message: object) -> bytes:
    """The message as JSON with sorted keys."""
    return orjson.dumps(msgspec.to_builtins(message), option=orjson.OPT_SORT_KEYS)


def describe(error: Exception) -> BadValueError:
    """Any decoding failure as the field and the rule that it broke."""
    text = str(error)
    if isinstance(error, BadValueError):
        return error
    if isinstance(error, RecursionError):
        return BadValueError("$", "nested too deeply")
    if isinstance(error, UnicodeDecodeError):
        return BadValueError("$", "invalid UTF-8")
    found = _AT_PATH.search(text)
    if found:
        return BadValueError(found.group(1), text[: found.start()])
    missing = re.search(r"missing required field `([^`]+)`", text)
    return BadValueError(f"$.{missing.group(1)}" if missing else "$", text)


def _within_another(message: object) -> bytes:
    """The message as `encode` gives it deep within others: an entry, an audit record."""
    for _ in range(_LEVELS_AROUND):
        message = [message]
    return encode(message)


class Codec(Generic[T]):
    """Strict decoder of one message type with a cap on the size of a value.

    What is `kept` in other messages must be what `encode` can write: JSON has whole numbers beyond
    64 bits and any depth.
    """

    def __init__(self, kind: Any, *, max_bytes: int = MAX_VALUE_BYTES, kept: bool = False) -> None:
        self._decode: Callable[[bytes], T] = msgspec.json.Decoder(kind).decode
        self._max_bytes = max_bytes
        self._kept = kept

    def decode(self, value: bytes | None) -> T:
        """The message in `value`; raises `BadValueError` for anything else."""
        if value is None:
            raise BadValueError("$", "null value")
        if not value:
            raise BadValueError("$", "empty value")
        if len(value) > self._max_bytes:
            raise BadValueError("$", f"value of {len(value)} bytes is over {self._max_bytes}")
        try:
            message = self._decode(value)
            if self._kept:
                _within_another(message)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise describe(error) from error
        except orjson.JSONEncodeError as error:
            raise BadValueError("$", f"it cannot be written again: {error}") from error
        return message
