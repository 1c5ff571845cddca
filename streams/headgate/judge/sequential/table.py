"""A look of all tests at once: counts by row, turned into wealth in one pass over the table."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from headgate.judge.sequential import bets
from headgate.judge.sequential.bank import KINDS, Bank, Kind
from headgate.judge.sequential.bets import BETS, BREACH, GOOD, Floats
from headgate.judge.sequential.budget import phase_budget, proof_budget
from headgate.judge.sequential.process import NOTHING, advance

_SIDES = (BREACH, GOOD)


class LookTable:
    """Counts of one look, by trigger: `rate` and `ratio` for tests of hits, `add` for values."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._rates: list[tuple[int, int, float, float]] = []
        self._ratios: list[tuple[int, int, float, float, float, float]] = []
        self._others: list[tuple[int, int, Floats]] = []
        self._looked = np.zeros((len(bank), KINDS), bool)

    def rate(self, row: int, side: int, hits: float, samples: float) -> None:
        """An absolute look of hits among samples."""
        self._rates.append((row, side, hits, samples))
        self._looked[row, Kind.ABSOLUTE if side == BREACH else Kind.GOOD_ABSOLUTE] = True

    def ratio(
        self, row: int, side: int, candidate: tuple[float, float], stable: tuple[float, float]
    ) -> None:
        """A relative look: (hits, samples) of both arms."""
        self._ratios.append((row, side, *candidate, *stable))
        self._looked[row, Kind.RELATIVE if side == BREACH else Kind.GOOD_RELATIVE] = True

    def add(self, row: int, kind: Kind, increment: Floats) -> None:
        """A look whose increment was computed elsewhere."""
        self._others.append((row, kind, increment))
        self._looked[row, kind] = True

    def looked(self) -> npt.NDArray[np.bool_]:
        """Which tests have a look, shape (triggers, 4)."""
        return self._looked

    def increments(self) -> Floats:
        """Shape (triggers, 4, 8); several looks of one test in a tick count as one."""
        total = np.zeros((len(self._bank), KINDS, BETS))
        if self._rates:
            columns = zip(*self._rates, strict=True)
            rows, sides, hits, samples = (np.array(column) for column in columns)
            place = (sides < 0).astype(np.intp)
            stakes = self._bank.on_hit[place, rows], self._bank.on_miss[place, rows]
            np.add.at(total, (rows, 2 * place), bets.rate_increment(hits, samples, *stakes))
        for which, side in enumerate(_SIDES):
            found = [look for look in self._ratios if look[1] == side]
            if found:
                columns = zip(*found, strict=True)
                rows, _, k_c, n_c, k_s, n_s = (np.array(column) for column in columns)
                allowed = self._bank.ratios[which, rows]
                increments = bets.ratio_of_rates(k_c, n_c, k_s, n_s, ratio=allowed, side=side)
                np.add.at(total[:, 2 * which + 1], rows, increments)
        for row, kind, increment in self._others:
            total[row, kind] += increment
        return total

    def after(
        self, wealth: Floats, spent: npt.NDArray[np.int64], requests: int, planned: int
    ) -> Floats:
        """The wealth after the look; `spent` has shape (triggers, 4), -1 before a first look."""
        first = spent < 0
        budget = proof_budget(first)
        breach = spent[:, : Kind.GOOD_ABSOLUTE]
        budget[:, : Kind.GOOD_ABSOLUTE] = phase_budget(
            planned, np.maximum(breach, 0), requests, first[:, : Kind.GOOD_ABSOLUTE]
        )
        grown = advance(wealth, self.increments(), budget)
        result: Floats = np.where(self._looked[..., None], grown, wealth)
        return result


def emptied(wealth: Floats, rows: list[int]) -> Floats:
    """The wealth without the breach tests of some triggers: dropping evidence is always sound."""
    kept = wealth.copy()
    kept[rows, : Kind.GOOD_ABSOLUTE] = NOTHING
    return kept
