"""Asking an endpoint: retries are counted, time-outs end, secrets and redirects stay here."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import orjson

from headgate.checks.asking import MAX_ANSWER_BYTES, Result, ask_all
from headgate.checks.calls import calls_of
from headgate.checks.suite import Suite
from support.endpoint import Asked, Endpoint, Say


def found(url: str, environ: dict[str, str] | None = None, **fields: Any) -> Result:
    content = {"url": url, "retry_after": "0s", "checks": [{"name": "smoke"}], **fields}
    suite = Suite.model_validate_json(orjson.dumps(content))
    (result,) = asyncio.run(ask_all(calls_of(suite, environ or {})))
    return result


def test_an_answer_as_expected_passes_with_its_status_and_latency() -> None:
    with Endpoint(lambda _: Say("It is Paris.")) as endpoint:
        result = found(endpoint.url, checks=[{"name": "smoke", "json": {"ask": "capital?"}}])
    assert (result.passed, result.status, result.attempts) == (True, 200, 1)
    assert result.latency_ms is not None
    (asked,) = endpoint.asked
    assert (asked.method, orjson.loads(asked.body)) == ("POST", {"ask": "capital?"})


def test_it_asks_again_until_an_answer_passes_and_counts_the_attempts() -> None:
    def third_time(_: Asked) -> Say:
        return Say(status=200 if len(endpoint.asked) == 3 else 503)

    with Endpoint(third_time) as endpoint:
        result = found(endpoint.url, retries=4)
    assert (result.passed, result.attempts, result.allowed) == (True, 3, 5)
    assert result.sentence.endswith("at attempt 3 of 5")


def test_when_no_attempt_is_left_the_last_answer_counts() -> None:
    with Endpoint(lambda _: Say(status=503)) as endpoint:
        result = found(endpoint.url, retries=2)
    assert (result.passed, result.attempts, len(endpoint.asked)) == (False, 3, 3)
    assert "status 503 instead of 200-299" in result.sentence


def test_no_answer_in_time_is_told_as_such() -> None:
    never = threading.Event()
    with Endpoint(lambda _: Say(after=never)) as endpoint:
        result = found(endpoint.url, timeout="100ms")
        never.set()
    assert (result.passed, result.status) == (False, None)
    assert result.sentence == "no answer within 100 ms"


def test_where_nobody_listens_there_is_no_answer() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = found(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert not result.passed
    assert result.sentence.startswith("no answer: ")


def test_a_redirect_is_not_followed_with_our_headers() -> None:
    with (
        Endpoint(lambda _: Say()) as other,
        Endpoint(lambda _: Say(status=302, headers={"Location": other.url})) as endpoint,
    ):
        result = found(endpoint.url, {"TOKEN": "sk-1"}, headers={"Authorization": "${TOKEN}"})
    assert "status 302" in result.sentence
    assert other.asked == []


def test_a_secret_that_comes_back_in_the_answer_is_not_told() -> None:
    schema = {"type": "object"}
    with Endpoint(lambda asked: Say(f'"{asked.headers["X-Key"]}"')) as endpoint:
        result = found(
            endpoint.url,
            {"KEY": "sk-" + "9" * 300},
            headers={"X-Key": "${KEY}"},
            checks=[{"name": "smoke", "expect": {"json_schema": schema}}],
        )
    assert not result.passed
    assert "999" not in result.sentence
    assert "'(hidden)' is not of type 'object'" in result.sentence


def test_an_answer_without_end_is_cut_and_fails() -> None:
    with Endpoint(lambda _: Say("x" * (MAX_ANSWER_BYTES + 2))) as endpoint:
        result = found(endpoint.url)
    assert result.sentence == "the answer is too long to be looked at"


def test_an_answer_in_an_unknown_encoding_is_no_answer() -> None:
    odd = {"Content-Type": "text/plain; charset=nonsense"}
    with Endpoint(lambda _: Say("hi", headers=odd)) as endpoint:
        assert found(endpoint.url).sentence.startswith("no answer")
