"""Users who stay: which version's buckets they lie in, how much they ask, and how many were met."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from headgate.sdk.split import SplitTable
from headgate.vocabulary import BASIS_POINTS

Floats = npt.NDArray[np.float64]
Placed = tuple[Floats, npt.NDArray[np.int64]]  # share of all requests below each bucket, buckets


class Users:
    """`count` users; how much each asks is log-normal, `spread` being the sigma of its logarithm.

    Their keys are hashed by the router's own rule, so that a split takes the users that a real
    one would take.
    """

    def __init__(self, count: int, spread: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        asked = np.exp(spread * rng.standard_normal(count)) if spread else np.ones(count)
        self.count = count
        self.shares: Floats = asked / asked.sum()
        self.keys = [f"user-{seed}-{number}" for number in range(count)]
        self._placed: dict[int, Placed] = {}
        self._shares: dict[int, list[float]] = {}

    def arms(self, table: SplitTable) -> list[float]:
        """Each arm's share of all requests."""
        known = self._shares.get(table.revision)
        if known is None:
            below, _ = self._place(table)
            ends = [0, *table.bounds]
            known = [float(below[end] - below[start]) for start, end in pairwise(ends)]
            self._shares[table.revision] = known
        return known

    def of_arm(self, table: SplitTable, arm: int) -> npt.NDArray[np.bool_]:
        """Which users an arm serves."""
        _, buckets = self._place(table)
        start = table.bounds[arm - 1] if arm else 0
        return (buckets >= start) & (buckets < table.bounds[arm])

    def met(self, served: Iterable[tuple[SplitTable, int, int]]) -> int:
        """From how many different users so many requests of arms of splits came, as expected."""
        expected = np.zeros(self.count)
        for table, arm, requests in served:
            mine = self.of_arm(table, arm)
            total = float(self.shares[mine].sum())
            if total:
                expected[mine] += requests * self.shares[mine] / total
        return round(float((1 - np.exp(-expected)).sum()))

    def _place(self, table: SplitTable) -> Placed:
        known = self._placed.get(table.revision)
        if known is None:
            buckets = np.array([table.bucket(key) for key in self.keys])
            shares = np.bincount(buckets, self.shares, BASIS_POINTS)
            known = self._placed[table.revision] = np.append(0.0, np.cumsum(shares)), buckets
        return known
