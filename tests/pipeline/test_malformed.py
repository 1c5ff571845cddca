"""Records on `requests` that are no request: an entry says what could be read of them."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest

from headgate.pipeline.malformed import malformed_request
from headgate.wire.codec import BadValueError, encode
from headgate.wire.ledger import MalformedRequest
from headgate.wire.messages import ENTRY, REQUEST

APPLY = b"""{"type":"apply_policy","request_id":"r","model":"m","operator":"ann","issued_at_ms":1,
"policy":%s}"""
PROMOTE = b'{"type":"promote","request_id":"r","model":"m","operator":"ann","issued_at_ms":-1}'


def _entry(value: bytes | None) -> MalformedRequest:
    record = SimpleNamespace(partition=2, offset=7, value=value)
    with pytest.raises(BadValueError) as caught:
        REQUEST.decode(value)
    entry = malformed_request(record, caught.value)
    assert ENTRY.decode(encode(entry)) == entry
    return entry


def test_who_asked_what_of_which_model_is_kept_where_it_can_be_read() -> None:
    entry = _entry(PROMOTE)
    assert (entry.model, entry.request_id, entry.operator) == ("m", "r", "ann")
    assert (entry.path, entry.source_offset) == ("$.issued_at_ms", 7)
    assert entry.sha256 == hashlib.sha256(PROMOTE).hexdigest()


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 5_000,
        b'{"model": 7, "request_id": [], "operator": null}',
        b'{"model": ""}',
        b'{"model": "\\ud800"}',
        b'{"model": "' + b"x" * 70_000 + b'"}',
        b'{"model": "' + b"x" * 200 + b'"}',
        b'{"type": "' + b"x" * 900 + b'"}',
    ],
    ids=lambda value: repr(value)[:24],
)
def test_what_cannot_be_read_concerns_no_model_and_is_an_entry_all_the_same(
    value: bytes | None,
) -> None:
    entry = _entry(value)
    assert (entry.model, entry.request_id, entry.operator) == ("*", "", "")


@pytest.mark.parametrize(
    "policy",
    [b'{"x":18446744073709551616}', b'{"x":' * 400 + b"1" + b"}" * 400],
    ids=["beyond 64 bits", "nested deeply"],
)
def test_what_could_not_be_written_to_the_ledger_again_is_no_request(policy: bytes) -> None:
    entry = _entry(APPLY % policy)
    assert (entry.model, entry.request_id, entry.operator) == ("m", "r", "ann")
