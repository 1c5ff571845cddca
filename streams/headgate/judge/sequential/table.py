"""A look of all tests at once: counts by row, turned into wealth in one pass over the table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headgate.judge.sequential import bets
from headgate.judge.sequential.bank import KINDS, Bank, Kind
from headgate.judge.sequential.bets import BETS, BREACH, GOOD, Floats
from headgate.judge.sequential.budget import (
    FIRST,
    later_budget,
    production_budget,
    proof_budget,
)
from headgate.judge.sequential.process import NOTHING, advance

Counts = tuple[float, float]
Spent = tuple[int, int, int, int]
_GOOD: tuple[float, float] = tuple(proof_budget([False, True]).tolist())

# Alternatives to prove a breach and to prove good, shape (2, 1, 8).
_EFFECTS = np.stack([bets.EFFECTS**BREACH, bets.EFFECTS**GOOD])[:, None, :]


class LookTable:
    """Counts of one look, by trigger: `rate` and `ratio` for tests of hits, `add` for values.

    `kept` has increments that triggers of one metric share in this look.
    """

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        none = [0.0] * len(bank)
        # Per side: hits and samples; candidate's hits and samples, stable's hits and samples.
        self._rates = [[none.copy() for _ in range(2)] for _ in range(2)]
        self._ratios = [[none.copy() for _ in range(4)] for _ in range(2)]
        self._others: list[tuple[int, int, Floats]] = []
        self.kept: dict[tuple[object, ...], Floats] = {}
        self._looked = [[False] * KINDS for _ in range(len(bank))]

    def rate(self, row: int, side: int, hits: float, samples: float) -> None:
        """An absolute look of hits among samples."""
        place = side == GOOD
        all_hits, all_samples = self._rates[place]
        all_hits[row] += hits
        all_samples[row] += samples
        self._looked[row][2 * place] = True

    def ratio(self, row: int, side: int, mine: Counts, stable: Counts) -> None:
        """A relative look: (hits, samples) of both arms."""
        place = side == GOOD
        hits, samples, stable_hits, stable_samples = self._ratios[place]
        hits[row] += mine[0]
        samples[row] += mine[1]
        stable_hits[row] += stable[0]
        stable_samples[row] += stable[1]
        self._looked[row][2 * place + 1] = True

    def add(self, row: int, kind: Kind, increment: Floats) -> None:
        """A look whose increment was computed elsewhere."""
        self._others.append((row, kind, increment))
        self._looked[row][kind] = True

    def has_looked(self, row: int) -> bool:
        """Whether any test of a trigger has a look."""
        return True in self._looked[row]

    def spent(self, row: int, before: Spent, requests: int) -> Spent:
        """Up to which requests the tests of a trigger have spent their budget after this look."""
        a, b, c, d = self._looked[row]
        return (
            requests if a else before[0],
            requests if b else before[1],
            requests if c else before[2],
            requests if d else before[3],
        )

    def increments(self) -> Floats:
        """Shape (triggers, 4, 8); several looks of one test in a tick count as one."""
        total = np.zeros((len(self._bank), KINDS, BETS))
        hits, samples = np.array(self._rates).transpose(1, 0, 2)
        bank = self._bank
        total[:, ::2] = bets.rate_increment(hits, samples, bank.on_hit, bank.on_miss).swapaxes(0, 1)
        k_c, n_c, k_s, n_s = np.array(self._ratios).transpose(1, 0, 2)
        n_s = np.where(n_s > 0, n_s, 1.0)  # where no look closed there are no hits either
        ratios = bets.ratio_increment(k_c, n_c, k_s, n_s, ratio=bank.ratios, effects=_EFFECTS)
        total[:, 1::2] = ratios.swapaxes(0, 1)
        for row, kind, increment in self._others:
            total[row, kind] += increment
        return total

    def after(
        self,
        wealth: Floats,
        spent: Sequence[Spent],
        requests: int,
        planned: int,
        *,
        forever: bool = False,
    ) -> Floats:
        """The wealth after the look; `spent` has four per trigger, -1 before a first look."""
        budget = _budgets(spent, requests, planned, forever)
        grown = advance(wealth, self.increments(), budget)
        result: Floats = np.where(np.array(self._looked)[..., None], grown, wealth)
        return result


def _budgets(spent: Sequence[Spent], requests: int, planned: int, forever: bool) -> Floats:
    """What each test may spend in this look, shape (triggers, 4)."""
    breach: dict[int, float] = {} if forever else {-1: FIRST}
    for row in spent:
        for before in row[: Kind.GOOD_ABSOLUTE]:
            if before in breach:
                continue
            if forever:
                breach[before] = float(production_budget(planned, max(before, 0), requests))
            else:
                breach[before] = later_budget(planned, before, requests)
    return np.array([[breach[a], breach[b], _GOOD[c < 0], _GOOD[d < 0]] for a, b, c, d in spent])


def emptied(wealth: Floats, rows: list[int]) -> Floats:
    """The wealth without the breach tests of some triggers: dropping evidence is always sound."""
    kept = wealth.copy()
    kept[rows, : Kind.GOOD_ABSOLUTE] = NOTHING
    return kept
