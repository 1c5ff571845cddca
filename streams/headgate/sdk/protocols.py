"""The faces that `Publisher`, `Router` and their in-memory twins share; type against these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from headgate.sdk.split import Choice, SplitTable
from headgate.sdk.writer import PublisherStats
from headgate.wire.outcomes import Outcome


class OutcomePublisher(Protocol):
    """Takes outcomes and late labels; see `Publisher`."""

    def publish(self, outcome: Outcome) -> bool: ...

    def record(
        self, request_id: str, model: str, choice: Choice | str, **measurements: Any
    ) -> bool: ...

    def label(
        self,
        token: str,
        *,
        rating: float | None = None,
        hallucination: bool | None = None,
        safety_violation: bool | None = None,
        task_success: bool | None = None,
        segment: Mapping[str, str] | None = None,
    ) -> bool: ...

    @property
    def stats(self) -> PublisherStats: ...

    def close(self, timeout_s: float = 5.0) -> int: ...


class VersionRouter(Protocol):
    """Chooses the version that serves a request; see `Router`."""

    router_id: str

    def start(self, timeout_s: float = 10.0) -> bool: ...

    def choose(self, model: str, key: str, pin: str | None = None) -> Choice: ...

    def splits(self) -> dict[str, SplitTable]: ...

    @property
    def is_current(self) -> bool: ...

    def close(self, timeout_s: float = 5.0) -> None: ...
