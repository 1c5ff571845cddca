"""Continuity: records of a partition in order, once each, whatever a rebalance delivers.

After a rebalance Faust may deliver batches that it fetched before it sought back, and some twice.
What was folded already is dropped; what is missing is read again, once. A hole that the broker
repeats (a deleted segment, a transaction's marker) is real.
"""

from __future__ import annotations

import time
from typing import Any

from faust.types import TP

ANSWERED_WITHIN_S = 5.0


class HoleError(RuntimeError):
    """The log goes on at `found` although `expected` was never read."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"offsets {expected} to {found - 1} are missing")
        self.expected = expected
        self.found = found


class Continuity:
    """Watches the batches of one partition; `app` is the Faust app whose consumer seeks."""

    def __init__(self, app: Any, tp: TP) -> None:
        self._app = app
        self._tp = tp
        self._asked_from: int | None = None
        self._asked_at_s = 0.0

    async def due(self, first: int, expected: int) -> bool:
        """Whether a batch that begins at `first` has what comes next, be it after some repeats.

        False while a missing part is read again. Raises `HoleError` when the broker itself has a
        hole before the batch.
        """
        if first <= expected:
            self._asked_from = None
            return True
        if self._asked_from is not None and first <= self._asked_from:
            self._asked_from = None
            raise HoleError(expected, first)
        # Batches fetched before the question begin later than the one that it was about. So does
        # the answer, if the log has lost more meanwhile: then only a new question finds the hole.
        unanswered = time.monotonic() - self._asked_at_s >= ANSWERED_WITHIN_S
        if self._asked_from is None or unanswered:
            self._asked_from, self._asked_at_s = first, time.monotonic()
            await self._app.consumer.seek(self._tp, expected)
        return False
