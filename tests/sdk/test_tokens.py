from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.sdk.split import Choice
from headgate.sdk.tokens import LabelTokenError, label_token, read_label_token

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)


@given(
    request_id=names,
    model=names,
    version=names,
    revision=st.integers(0, 2**53),
    bucket=st.integers(0, 9_999),
)
def test_a_token_brings_back_the_request(request_id, model, version, revision, bucket):
    token = label_token(request_id, model, Choice(version, revision, bucket))
    subject = read_label_token(token)
    assert (subject.request_id, subject.model) == (request_id, model)
    assert (subject.version, subject.revision, subject.bucket) == (version, revision, bucket)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_token_works_without_a_router():
    subject = read_label_token(label_token("r1", "agent", "v1"))
    assert (subject.version, subject.revision, subject.bucket) == ("v1", None, None)


@given(data=st.data())
def test_any_single_changed_character_is_found(data):
    token = label_token("request-1", "agent", Choice("v1", 5, 17))
    place = data.draw(st.integers(0, len(token) - 2))
    letter = data.draw(st.sampled_from("ABCabc019-_").filter(lambda one: one != token[place]))
    with pytest.raises(LabelTokenError):
        read_label_token(token[:place] + letter + token[place + 1 :])


@given(st.text(max_size=200))
def test_no_text_does_worse_than_a_label_token_error(text):
    with pytest.raises(LabelTokenError):
        read_label_token(text)


def _sealed(body: bytes) -> str:
    raw = body + zlib.crc32(body).to_bytes(4, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("", "damaged or cut"),
        ("ä", "base64"),
        ("A" * 5_000, "at most"),
        (_sealed(b"\x02\x93\xa1r\xa1m\xa1v"), "version 2"),
        (_sealed(b"\x01\x93\xa1r\xa1m"), "does not name a request"),
        (_sealed(b"\x01\x93\xa0\xa1m\xa1v"), "does not name a request"),
        (_sealed(b"\x01\xc0"), "does not name a request"),
    ],
)
def test_a_broken_token_says_what_is_wrong(token, says):
    with pytest.raises(LabelTokenError, match=says):
        read_label_token(token)


@pytest.mark.parametrize("request_id", ["", "x" * 129, "\ud800", None])
def test_a_token_for_an_impossible_request_is_refused(request_id):
    with pytest.raises(LabelTokenError, match="no token can name"):
        label_token(request_id, "agent", "v1")
