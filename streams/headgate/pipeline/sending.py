"""Sending: records go out in order and count only once the broker has confirmed them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from headgate.wire.headers import Headers

CONFIRM_TIMEOUT_S = 60.0


class Record(Struct, frozen=True, kw_only=True):
    """One record for one topic by its full name; without a partition the key decides."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    partition: int | None = None


async def send(app: Any, record: Record) -> Any:
    """Hand one record to the app's producer; the result is awaited for the confirmation."""
    return await app.producer.send(
        record.topic,
        record.key,
        record.value,
        record.partition,
        None,
        record.headers,
    )


async def send_confirmed(app: Any, records: Iterable[Record]) -> None:
    """Send all in order and wait until every one is confirmed; raises if any is not."""
    pending = [await send(app, record) for record in records]
    if pending:
        await asyncio.wait_for(asyncio.gather(*pending), CONFIRM_TIMEOUT_S)
