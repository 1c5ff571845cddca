"""A count that many threads may raise at once, exact and without a lock."""

from __future__ import annotations

import itertools
import threading


class Tally:
    """Counts calls of `tick`. `next` of an `itertools.count` is one indivisible step.

    Reading takes one number out of the counter too, which `_reads` takes off again.
    """

    __slots__ = ("_lock", "_reads", "tick")

    def __init__(self) -> None:
        self.tick = itertools.count().__next__
        self._reads = 0
        self._lock = threading.Lock()

    def read(self) -> int:
        """How often `tick` has been called so far."""
        with self._lock:
            value = self.tick() - self._reads
            self._reads += 1
            return value
