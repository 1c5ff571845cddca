"""Ed25519 signatures of requests and commands, carried in record headers.

What is signed is a purpose, a line feed, and the message's canonical bytes as `encode` gives them.
The purpose keeps a signature on one kind of message from ever passing for another. Ed25519 is
deterministic: the same message and key give the same signature in every worker and every replay.
Needs PyNaCl: `headgate[signing]` (part of `headgate[worker]`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from headgate.wire.headers import Headers

SIGNATURE_HEADER = "hg_signature"
KEY_ID_HEADER = "hg_key_id"
KEY_BYTES = 32

Purpose = Literal["headgate-request-v1", "headgate-control-v1"]
REQUEST: Purpose = "headgate-request-v1"
CONTROL: Purpose = "headgate-control-v1"


class KeyTextError(ValueError):
    """Text that is no Ed25519 key: 32 bytes in base64."""


class Signer:
    """A secret key that signs for one purpose."""

    def __init__(self, secret_key: str, purpose: Purpose) -> None:
        """`secret_key`: 32 bytes in base64. Raises `KeyTextError`."""
        self._key = SigningKey(_key_bytes(secret_key))
        self._purpose = purpose
        self.public_key = base64.b64encode(bytes(self._key.verify_key)).decode()
        self.key_id = fingerprint(self.public_key)

    def headers(self, value: bytes) -> Headers:
        """The headers that prove who made `value`, the message's canonical bytes."""
        signature = self._key.sign(_covered(self._purpose, value)).signature
        return [
            (SIGNATURE_HEADER, base64.b64encode(signature)),
            (KEY_ID_HEADER, self.key_id.encode()),
        ]


def new_secret_key() -> str:
    """A fresh secret key in base64, from the operating system's randomness."""
    return base64.b64encode(bytes(SigningKey.generate())).decode()


def fingerprint(public_key: str) -> str:
    """The id of a public key (base64): 32 hex digits of its SHA-256. Raises `KeyTextError`."""
    return hashlib.sha256(_key_bytes(public_key)).hexdigest()[:32]


def is_signed_by(public_key: str, purpose: Purpose, value: bytes, signature: str) -> bool:
    """Whether `signature` (base64) over `value` was made with the secret half of `public_key`."""
    try:
        raw = base64.b64decode(signature, validate=True)
        VerifyKey(_key_bytes(public_key)).verify(_covered(purpose, value), raw)
    except (CryptoError, KeyTextError, binascii.Error, ValueError):
        return False
    return True


class Verifier:
    """Public keys of which any may have signed: two while keys rotate."""

    def __init__(self, public_keys: Iterable[str], purpose: Purpose) -> None:
        """`public_keys`: 32 bytes each, in base64. Raises `KeyTextError`."""
        self._keys = {fingerprint(key): key for key in public_keys}
        self._purpose = purpose

    def fault(self, value: bytes, headers: Mapping[str, bytes]) -> str:
        """Why a record is not to be trusted; empty where one of the keys signed it."""
        signature = headers.get(SIGNATURE_HEADER)
        if signature is None:
            return "it is not signed"
        key_id = headers.get(KEY_ID_HEADER, b"").decode("ascii", "replace")
        key = self._keys.get(key_id)
        if key is None:
            return f"it is signed with the unknown key {key_id[:KEY_BYTES]!r}"
        text = signature.decode("ascii", "replace")
        if not is_signed_by(key, self._purpose, value, text):
            return f"its signature by key {key_id} is forged or the record was changed"
        return ""


def _covered(purpose: Purpose, value: bytes) -> bytes:
    return purpose.encode() + b"\n" + value


def _key_bytes(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyTextError("a key is 32 bytes in base64") from error
    if len(raw) != KEY_BYTES:
        raise KeyTextError(f"a key is {KEY_BYTES} bytes in base64, not {len(raw)}")
    return raw
