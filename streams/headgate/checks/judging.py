"""Judging an answer: everything in which it falls short of what a check expects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry

from headgate.checks.suite import Expect

_FINE = range(200, 300)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: its status, how long it took to the last byte, and its text.

    `cut` says that there was more text than is read.
    """

    status: int
    latency_ms: float
    text: str
    cut: bool = False


def shortcomings(expect: Expect, response: Response) -> tuple[str, ...]:
    """In words, everything that is not as expected; empty for an answer that passes."""
    return tuple(_all(expect, response))


def _all(expect: Expect, response: Response) -> Iterator[str]:
    if response.status not in (expect.status or _FINE):
        wanted = " or ".join(map(str, expect.status)) or "200-299"
        yield f"status {response.status} instead of {wanted}"
    if expect.latency_max is not None and response.latency_ms > expect.latency_max:
        yield f"took {response.latency_ms:,.0f} ms; {expect.latency_max:,} ms are allowed"
    if response.cut:
        yield "the answer is too long to be looked at"
        return
    if expect.json_schema is not None:
        yield from _against_schema(expect, response)
    for pattern in expect.must_match:
        if not re.search(pattern, response.text):
            yield f"the answer does not match {pattern!r}"
    for pattern in expect.must_not_match:
        if re.search(pattern, response.text):
            yield f"the answer matches {pattern!r}"


def _against_schema(expect: Expect, response: Response) -> Iterator[str]:
    try:
        value = orjson.loads(response.text)
    except orjson.JSONDecodeError as error:
        yield f"the answer is no JSON: {error}"
        return
    # An empty registry: a $ref to elsewhere is an error and not a download.
    validator = Draft202012Validator(expect.json_schema or {}, registry=Registry())
    try:
        worst = best_match(validator.iter_errors(value))
    except Exception as unresolved:
        yield f"the schema cannot be followed: {unresolved}"
        return
    if worst is not None:
        yield f"the answer breaks the schema at {worst.json_path}: {worst.message}"
