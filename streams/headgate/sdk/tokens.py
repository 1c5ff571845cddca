"""Label tokens: one opaque string that lets a feedback service label a request.

Layout before URL-safe base64 without padding: a version byte (1), a MessagePack array
`[request_id, model, version, revision, bucket]`, and the CRC-32 of both (4 bytes, big-endian).
The checksum finds damage, not forgery: whoever can make up a token can make up an outcome too.
"""

from __future__ import annotations

import base64
import binascii
import zlib

import msgspec
from msgspec import Struct

from headgate.sdk.split import Choice
from headgate.wire.fields import Bucket, Count, Name

TOKEN_VERSION = 1
MAX_TOKEN_LENGTH = 4096
_CHECKSUM_BYTES = 4
_SHORTEST = 1 + 1 + _CHECKSUM_BYTES


class LabelTokenError(ValueError):
    """A label token, or what one is asked of, that is not usable; the message says why."""


class LabelSubject(Struct, frozen=True, array_like=True):
    """The request that a token stands for."""

    request_id: Name
    model: Name
    version: Name
    revision: Count | None = None
    bucket: Bucket | None = None


_decoder = msgspec.msgpack.Decoder(LabelSubject)


def label_token(request_id: str, model: str, choice: Choice | str) -> str:
    """The token of a request, URL-safe, some 70-150 characters.

    `choice` is what the router chose, or the bare version of a request without a router.
    Raises `LabelTokenError` where a name is empty or over 128 characters.
    """
    if isinstance(choice, str):
        subject = LabelSubject(request_id, model, choice)
    else:
        subject = LabelSubject(request_id, model, choice.version, choice.revision, choice.bucket)
    try:
        packed = msgspec.msgpack.encode(subject)
        _decoder.decode(packed)
    except (msgspec.MsgspecError, TypeError, UnicodeEncodeError) as error:
        raise LabelTokenError(f"no token can name this request: {error}") from error
    body = bytes([TOKEN_VERSION]) + packed
    token = body + zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "big")
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode("ascii")


def read_label_token(token: str) -> LabelSubject:
    """The request behind a token. Raises `LabelTokenError`."""
    if not isinstance(token, str) or len(token) > MAX_TOKEN_LENGTH:
        raise LabelTokenError(f"a label token is text of at most {MAX_TOKEN_LENGTH} characters")
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise LabelTokenError("the label token is not URL-safe base64") from error
    body, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if len(raw) < _SHORTEST or zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "big") != checksum:
        raise LabelTokenError("the label token is damaged or cut: its checksum does not match")
    if body[0] != TOKEN_VERSION:
        raise LabelTokenError(
            f"the label token has version {body[0]}; this SDK reads {TOKEN_VERSION}: upgrade it"
        )
    try:
        return _decoder.decode(body[1:])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LabelTokenError(f"the label token does not name a request: {error}") from error
