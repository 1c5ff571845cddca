"""From a request's measurements to the bytes of an outcome, never an exception to serving.

What `Publisher` and the in-memory publisher for tests share: checking, counting, labels.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import msgspec
import orjson
from msgspec import Struct

from headgate.sdk.split import Choice
from headgate.sdk.tally import Tally
from headgate.sdk.tokens import read_label_token
from headgate.wire.outcomes import Outcome

INVALID = "invalid"
BUFFER_FULL = "buffer_full"
CLOSED = "closed"
FAILED = "failed"
UNSENT_AT_CLOSE = "unsent_at_close"
FORKED = "forked"
DROP_REASONS = (INVALID, BUFFER_FULL, CLOSED, FAILED, UNSENT_AT_CLOSE, FORKED)
REMEDIES = {
    BUFFER_FULL: "Kafka is away or too slow; buffer_size bounds what waits for it",
    CLOSED: "publish before closing the publisher",
    UNSENT_AT_CLOSE: "Kafka did not take it within the time that close was given",
    FORKED: "the publisher was in use before this process forked; use it first after the fork",
}
MAX_LOGGED_KINDS = 64

log = logging.getLogger("headgate.sdk")


class PublisherStats(Struct, frozen=True, kw_only=True):
    """Counts since the start.

    `dropped` by reason: `invalid` (the outcome breaks the contract), `buffer_full`, `closed`,
    `failed` (Kafka refused it or stayed away too long), `unsent_at_close`, `forked` (the publisher
    was in use before this process forked). `waiting` is what was accepted and neither delivered
    nor dropped since.
    """

    accepted: int
    delivered: int
    waiting: int
    dropped: dict[str, int]

    @property
    def dropped_total(self) -> int:
        return sum(self.dropped.values())


def encode_outcome(outcome: Outcome, now_ms: int) -> bytes:
    """The outcome as JSON, its `timestamp_ms` filled with `now_ms` where it has none.

    Structs are checked only when they are decoded, so this checks what was constructed. Raises
    `msgspec.ValidationError` naming the field and the rule, or `TypeError`.
    """
    if not isinstance(outcome, Outcome):
        raise TypeError(f"expected an Outcome, got {type(outcome).__name__}")
    fields = msgspec.to_builtins(outcome, enc_hook=_plain)
    fields.setdefault("timestamp_ms", now_ms)
    msgspec.convert(fields, Outcome)
    return orjson.dumps(fields)


def _plain(value: Any) -> Any:
    """Scalars of numpy, torch and the like as Python numbers."""
    if callable(getattr(value, "item", None)):
        return value.item()
    raise TypeError(f"a value of type {type(value).__name__} is no measurement")


class OutcomeWriter(ABC):
    """The face of a publisher; a subclass says how bytes are handed over."""

    def __init__(self) -> None:
        self._reset_counts()

    def _reset_counts(self) -> None:
        self._accepted = Tally()
        self._delivered = Tally()
        self._lost = Tally()
        self._dropped = {reason: Tally() for reason in DROP_REASONS}
        self._logged: set[str] = set()

    def publish(self, outcome: Outcome) -> bool:
        """Hand over one outcome, from any thread or event loop, without waiting.

        False where it was dropped; `stats` says why. Never raises: serving goes on.
        """
        try:
            value = encode_outcome(outcome, time.time_ns() // 1_000_000)
            key = outcome.request_id.encode()
        except Exception as error:  # whatever a caller passes, serving goes on
            return self._drop(INVALID, f"{type(error).__name__}: {error}")
        try:
            reason = self._hand_over(key, value)
        except Exception as error:  # the same for whatever the client raises
            return self._drop(FAILED, f"{type(error).__name__}: {error}")
        if reason is not None:
            return self._drop(reason)
        self._accepted.tick()
        return True

    def record(
        self, request_id: str, model: str, choice: Choice | str, **measurements: Any
    ) -> bool:
        """`publish` from the router's choice (or a bare version) and fields of `Outcome`."""
        try:
            outcome = Outcome(
                request_id=request_id, model=model, **_choice_fields(choice), **measurements
            )
        except Exception as error:  # an unknown field must not break serving either
            return self._drop(INVALID, f"{type(error).__name__}: {error}")
        return self.publish(outcome)

    def label(
        self,
        token: str,
        *,
        rating: float | None = None,
        hallucination: bool | None = None,
        safety_violation: bool | None = None,
        task_success: bool | None = None,
        segment: Mapping[str, str] | None = None,
    ) -> bool:
        """A late label (a user's rating, a judge's verdict) for the request behind a token.

        Raises `LabelTokenError` for a broken token; everything else is as with `publish`.
        """
        subject = read_label_token(token)
        labels = (rating, hallucination, safety_violation, task_success)
        if all(label is None for label in labels):
            return self._drop(INVALID, "a label without rating or verdict says nothing")
        return self.publish(
            Outcome(
                **msgspec.structs.asdict(subject),
                rating=rating,
                hallucination=hallucination,
                safety_violation=safety_violation,
                task_success=task_success,
                segment=None if segment is None else dict(segment),
            )
        )

    @property
    def stats(self) -> PublisherStats:
        """Counts since the start; reading them is not free, so read them every few seconds."""
        settled = self._delivered.read() + self._lost.read()
        accepted = self._accepted.read()
        return PublisherStats(
            accepted=accepted,
            delivered=self._delivered.read(),
            waiting=max(0, accepted - settled),
            dropped={reason: tally.read() for reason, tally in self._dropped.items()},
        )

    @abstractmethod
    def close(self, timeout_s: float = 5.0) -> int:
        """Send what waits, for `timeout_s` at most; returns how many outcomes were given up."""

    @abstractmethod
    def _hand_over(self, key: bytes, value: bytes) -> str | None:
        """None where the record was taken, else the reason for which it was not."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def _lose(self, reason: str, detail: str = "") -> None:
        """Drop an outcome that had been accepted."""
        self._lost.tick()
        self._drop(reason, detail)

    def _drop(self, reason: str, detail: str = "") -> bool:
        self._dropped[reason].tick()
        detail = detail or REMEDIES.get(reason, "")
        kind = f"{reason} {detail}"
        if kind not in self._logged and len(self._logged) < MAX_LOGGED_KINDS:
            self._logged.add(kind)
            log.warning(
                "dropped an outcome: %s%s (logged once; counted in Publisher.stats)",
                reason,
                f" ({detail})" if detail else "",
            )
        return False


def _choice_fields(choice: Choice | str) -> dict[str, Any]:
    if isinstance(choice, str):
        return {"version": choice}
    return {"version": choice.version, "revision": choice.revision, "bucket": choice.bucket}
