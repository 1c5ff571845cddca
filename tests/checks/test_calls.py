"""Requests as a suite declares them: filled in from the environment, and silent about it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from headgate.checks.calls import Call, CallError, calls_of
from headgate.checks.suite import Suite

GREEN = "http://green:8080/chat"


def calls(environ: dict[str, str] | None = None, **fields: Any) -> tuple[Call, ...]:
    content = {"url": GREEN, "checks": [{"name": "smoke"}], **fields}
    return calls_of(Suite.model_validate_json(orjson.dumps(content)), environ or {})


def test_what_a_check_leaves_out_the_suite_says() -> None:
    rows = [{"name": "a"}, {"name": "b", "url": "http://b/", "timeout": "1s", "retries": 0}]
    first, second = calls(checks=rows, timeout="5s", retries=2)
    assert (first.url, first.timeout_ms, first.attempts) == (GREEN, 5_000, 3)
    assert (second.url, second.timeout_ms, second.attempts) == ("http://b/", 1_000, 1)


def test_a_body_makes_it_a_post_and_json_says_its_type() -> None:
    plain, text, data = calls(
        checks=[{"name": "a"}, {"name": "b", "body": "hi"}, {"name": "c", "json": {"x": 1}}]
    )
    assert (plain.method, plain.body) == ("GET", None)
    assert (text.method, text.body) == ("POST", b"hi")
    assert (data.body, data.headers["Content-Type"]) == (b'{"x":1}', "application/json")


def test_headers_come_from_the_environment_and_are_never_shown() -> None:
    (call,) = calls({"TOKEN": "sk-123"}, headers={"Authorization": "Bearer ${TOKEN}"})
    assert call.headers["Authorization"] == "Bearer sk-123"
    assert "sk-123" not in repr(call)
    assert call.redacted("you sent Bearer sk-123") == "you sent Bearer (hidden)"


def test_a_secret_within_another_is_hidden_with_it() -> None:
    headers = {"A": "${SHORT}", "B": "${LONG}"}
    (call,) = calls({"SHORT": "abc", "LONG": "abcdef"}, headers=headers)
    assert call.redacted("abcdef abc") == "(hidden) (hidden)"


def test_a_url_may_come_from_the_environment_too_and_is_no_secret() -> None:
    (call,) = calls({"GREEN": "green:80"}, url="http://${GREEN}/chat")
    assert call.url == "http://green:80/chat"
    assert call.redacted("green:80 is away") == "green:80 is away"


@pytest.mark.parametrize(
    ("fields", "path", "rule"),
    [
        ({"headers": {"A": "${GONE}"}}, "headers.A", "environment variable GONE is not set"),
        ({"headers": {"A": "a\nb: c"}}, "headers.A", "ASCII without line breaks"),
        ({"url": "ftp://green/"}, "url", "no http or https URL"),
        ({"url": "green:8080"}, "url", "no http or https URL"),
        ({"url": "http://green:99999/"}, "url", "no http or https URL"),
        ({"url": "http://ann:pw@green/"}, "url", "must not hold a user or a password"),
    ],
)
def test_what_cannot_be_sent_is_told_with_its_place(
    fields: dict[str, Any], path: str, rule: str
) -> None:
    with pytest.raises(CallError) as caught:
        calls(**fields)
    ((where, said, remedy),) = caught.value.problems
    assert (".".join(map(str, where)), rule in said, bool(remedy)) == (path, True, True)
