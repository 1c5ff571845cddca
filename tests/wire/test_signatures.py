"""Signatures are of one message, for one purpose, and the same wherever they are made."""

from __future__ import annotations

import base64

import pytest

from headgate.wire.signatures import (
    CONTROL,
    KEY_ID_HEADER,
    REQUEST,
    SIGNATURE_HEADER,
    KeyTextError,
    Signer,
    Verifier,
    fingerprint,
    is_signed_by,
    new_secret_key,
)

SECRET = base64.b64encode(bytes(range(32))).decode()
VALUE = b'{"model":"support"}'


def test_the_same_message_and_key_give_the_same_signature() -> None:
    first, second = Signer(SECRET, CONTROL), Signer(SECRET, CONTROL)
    assert first.headers(VALUE) == second.headers(VALUE)
    assert first.public_key == "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
    assert first.key_id == fingerprint(first.public_key)


def test_a_signature_for_one_purpose_is_none_for_another() -> None:
    signer = Signer(SECRET, REQUEST)
    signature = dict(signer.headers(VALUE))[SIGNATURE_HEADER].decode()
    assert is_signed_by(signer.public_key, REQUEST, VALUE, signature)
    assert not is_signed_by(signer.public_key, CONTROL, VALUE, signature)
    assert not is_signed_by(signer.public_key, REQUEST, VALUE + b" ", signature)


@pytest.mark.parametrize("text", ["", "abc", "%%", "A" * 43 + "é", "eA=="])
def test_text_that_is_no_key_says_so(text: str) -> None:
    with pytest.raises(KeyTextError, match="32 bytes in base64"):
        fingerprint(text)
    assert not is_signed_by(text, REQUEST, VALUE, "AAAA")


def test_a_verifier_trusts_any_of_its_keys_and_says_what_is_wrong_otherwise() -> None:
    old, new, other = (Signer(new_secret_key(), CONTROL) for _ in range(3))
    verifier = Verifier([old.public_key, new.public_key], CONTROL)
    for signer in (old, new):
        assert verifier.fault(VALUE, dict(signer.headers(VALUE))) == ""
    assert verifier.fault(VALUE, {}) == "it is not signed"
    assert "unknown key" in verifier.fault(VALUE, dict(other.headers(VALUE)))
    assert "forged" in verifier.fault(VALUE + b" ", dict(old.headers(VALUE)))
    renamed = {**dict(other.headers(VALUE)), KEY_ID_HEADER: old.key_id.encode()}
    assert "forged" in verifier.fault(VALUE, renamed)
