"""What an answer must be like: everything in which it falls short is told."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.checks.judging import Response, shortcomings
from headgate.checks.suite import Expect

CHOICES = {
    "type": "object",
    "required": ["choices"],
    "properties": {"choices": {"type": "array", "minItems": 1}},
}


def expect(**fields: Any) -> Expect:
    return Expect.model_validate(fields)


def response(text: str = "fine", status: int = 200, **fields: Any) -> Response:
    return Response(**{"status": status, "latency_ms": 100.0, "text": text, **fields})


@pytest.mark.parametrize(
    ("wanted", "status", "passes"),
    [
        ([], 204, True),
        ([], 302, False),
        (200, 200, True),
        ([200, 404], 404, True),
        (200, 201, False),
    ],
)
def test_a_status_must_be_one_of_those_named_else_any_of_the_200s(
    wanted: Any, status: int, passes: bool
) -> None:
    assert (shortcomings(expect(status=wanted), response(status=status)) == ()) is passes


def test_a_latency_may_reach_its_limit_and_not_pass_it() -> None:
    limited = expect(latency_max="2s")
    assert shortcomings(limited, response(latency_ms=2_000)) == ()
    assert shortcomings(limited, response(latency_ms=2_412)) == (
        "took 2,412 ms; 2,000 ms are allowed",
    )


def test_patterns_are_looked_for_anywhere_and_the_forbidden_must_not_be_there() -> None:
    both = expect(must_match=["(?i)paris"], must_not_match=["(?i)error"])
    assert shortcomings(both, response("It is Paris.")) == ()
    assert shortcomings(both, response("Internal ERROR")) == (
        "the answer does not match '(?i)paris'",
        "the answer matches '(?i)error'",
    )


def test_an_answer_that_breaks_its_schema_names_the_place() -> None:
    schema = expect(json_schema=CHOICES)
    assert shortcomings(schema, response('{"choices": [1]}')) == ()
    (said,) = shortcomings(schema, response('{"choices": 3}'))
    assert said == "the answer breaks the schema at $.choices: 3 is not of type 'array'"
    assert "is no JSON" in shortcomings(schema, response("<html>"))[0]


def test_a_reference_to_elsewhere_is_not_downloaded_and_fails() -> None:
    away = expect(json_schema={"$ref": "http://127.0.0.1:9/schema.json"})
    (said,) = shortcomings(away, response("{}"))
    assert said.startswith("the schema cannot be followed")


def test_an_answer_that_was_cut_passes_nothing() -> None:
    assert shortcomings(expect(), response(cut=True)) == ("the answer is too long to be looked at",)


def test_every_shortcoming_is_told_at_once() -> None:
    strict = expect(status=200, latency_max="50ms", json_schema=CHOICES, must_match=["x"])
    assert len(shortcomings(strict, response("no", 500))) == 4
