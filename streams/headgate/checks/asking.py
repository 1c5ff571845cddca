"""Asking: send a call, again where the answer falls short, and say what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp

from headgate.checks.calls import Call
from headgate.checks.judging import Response, shortcomings

MAX_ANSWER_BYTES = 1 << 20
MAX_SHOWN = 240


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a check. Without an answer there is neither a status nor a latency."""

    check: str
    passed: bool
    attempts: int
    allowed: int
    sentence: str
    status: int | None = None
    latency_ms: float | None = None


async def ask_all(calls: Iterable[Call]) -> list[Result]:
    """Every call, one after the other: none disturbs another's latency."""
    async with aiohttp.ClientSession(auto_decompress=True, trust_env=False) as session:
        return [await ask(session, call) for call in calls]


async def ask(session: aiohttp.ClientSession, call: Call) -> Result:
    """Send a call until its answer passes, or no attempt is left."""
    attempt, result = 0, None
    while result is None or (not result.passed and attempt < call.attempts):
        if attempt:
            await asyncio.sleep(call.retry_after_ms / 1000)
        attempt += 1
        result = await _attempt(session, call, attempt)
    return result


async def _attempt(session: aiohttp.ClientSession, call: Call, attempt: int) -> Result:
    try:
        response = await _send(session, call)
    except TimeoutError:
        return _result(call, attempt, (f"no answer within {call.timeout_ms:,} ms",))
    except (aiohttp.ClientError, OSError, LookupError) as error:
        return _result(call, attempt, (f"no answer: {error or type(error).__name__}",))
    return _result(call, attempt, shortcomings(call.expect, response), response)


async def _send(session: aiohttp.ClientSession, call: Call) -> Response:
    started = time.perf_counter()
    async with session.request(
        call.method,
        call.url,
        headers=call.headers,
        data=call.body,
        allow_redirects=False,  # another host must not be sent this one's headers
        timeout=aiohttp.ClientTimeout(total=call.timeout_ms / 1000),
    ) as answer:
        body = await _read(answer)
        latency_ms = (time.perf_counter() - started) * 1000
        text = body.decode(answer.charset or "utf-8", "replace")
        return Response(answer.status, latency_ms, text, cut=len(body) > MAX_ANSWER_BYTES)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The body, up to one byte more than is looked at."""
    parts, size = [], 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            break
    return b"".join(parts)[: MAX_ANSWER_BYTES + 1]


def _result(
    call: Call, attempt: int, short: tuple[str, ...], response: Response | None = None
) -> Result:
    words = "; ".join(_shown(call.redacted(sentence)) for sentence in short)
    if not words and response is not None:
        words = f"{response.status} in {response.latency_ms:,.0f} ms"
    if attempt > 1:
        words = f"{words}, at attempt {attempt} of {call.attempts}"
    return Result(
        check=call.check,
        passed=not short,
        attempts=attempt,
        allowed=call.attempts,
        sentence=words,
        status=response.status if response else None,
        latency_ms=round(response.latency_ms, 1) if response else None,
    )


def _shown(sentence: str) -> str:
    """Cut to what fits into a line; after secrets were hidden, or half of one might stay."""
    line = " ".join(sentence.split())
    return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}..."
