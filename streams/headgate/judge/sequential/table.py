"""A look of all tests at once: counts by test, turned into wealth in one pass over the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headgate.judge.sequential import bets
from headgate.judge.sequential.bank import KINDS, Bank, Kind
from headgate.judge.sequential.bets import Floats
from headgate.judge.sequential.budget import (
    FIRST,
    later_budget,
    production_budget,
    proof_budget,
)
from headgate.judge.sequential.process import NOTHING, advance, log_e_value
from headgate.judge.sequential.state import Spent

Counts = tuple[float, float]
_GOOD: tuple[float, float] = tuple(proof_budget([False, True]).tolist())
_GOOD_FROM = int(Kind.GOOD_ABSOLUTE)


class LookTable:
    """What the tests of all triggers have to count in one look: `rate` and `ratio` for hits, `add`
    for values. Tests that nothing came for cost nothing.

    `kept` has increments that triggers of one metric share in this look.
    """

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        # Per look: the test's number, its hits, its other outcomes.
        self._rates: list[tuple[int, float, float]] = []
        self._ratios: list[tuple[int, float, float]] = []
        self._expected: list[float] = []  # of each of the ratios
        self._values: list[tuple[int, float, float]] = []
        self._worth: list[Floats] = []  # of each of the values
        self.kept: dict[tuple[object, ...], Floats] = {}

    def rate(self, row: int, kind: Kind, hits: float, samples: float) -> None:
        """An absolute look of hits among samples."""
        self._rates.append((row * KINDS + kind, hits, samples - hits))

    def ratio(self, row: int, kind: Kind, mine: Counts, stable: Counts) -> None:
        """A relative look: (hits, samples) of both arms, which are not empty."""
        test = row * KINDS + kind
        allowed = self._bank.ratios[test] * mine[1]
        self._ratios.append((test, mine[0], mine[0] + stable[0]))
        self._expected.append(allowed / (allowed + stable[1]))

    def add(self, row: int, kind: Kind, increment: Floats) -> None:
        """A look whose increment was computed elsewhere."""
        self._values.append((row * KINDS + kind, 0.0, 0.0))
        self._worth.append(increment)

    def increments(self) -> tuple[tuple[int, ...], Floats]:
        """The numbers of the tests that have a look, and what it is worth: shape (tests, 8)."""
        tests, hits, others = zip(*self._rates, *self._ratios, *self._values, strict=True)
        stakes = _stakes_of(self._bank, tests)
        on_other = stakes.on_other
        if ratios := len(self._ratios):
            first = len(self._rates)
            on_other = on_other.copy()
            on_other[first : first + ratios] = bets.on_any_hit(
                self._expected, stakes.excess[first : first + ratios]
            )
        worth = bets.won(hits, others, stakes.on_hit, on_other)
        if self._worth:
            worth[-len(self._worth) :] = self._worth
        return _by_test(tests, worth) if len(set(tests)) < len(tests) else (tests, worth)

    def after(
        self,
        wealth: Floats,
        spent: Sequence[Spent],
        requests: int,
        planned: int,
        *,
        forever: bool = False,
    ) -> tuple[Floats, dict[int, float]]:
        """The wealth after the look, shape (tests, 8), and ln E of those that looked, by number.

        `spent` has four per trigger, -1 before a first look. `forever`: `planned` is what comes in
        30 days of a watch that does not end.
        """
        if not self._rates and not self._ratios and not self._values:
            return wealth, {}
        tests, increments = self.increments()
        breach = _Watch(requests, planned) if forever else _Phase(requests, planned)
        places = _stakes_of(self._bank, tests).places
        grown = advance(wealth.take(places, 0), increments, _budgets(tests, spent, breach))
        after = wealth.copy()
        after[places] = grown
        return after, dict(zip(tests, log_e_value(grown).tolist(), strict=True))


class _Stakes(NamedTuple):
    """The rows of a bank that a look is about, as arrays."""

    places: npt.NDArray[np.intp]
    on_hit: Floats
    on_other: Floats
    excess: Floats


@lru_cache(maxsize=4096)  # the same few triggers look together again and again
def _stakes_of(bank: Bank, tests: tuple[int, ...]) -> _Stakes:
    places = np.array(tests, np.intp)
    return _Stakes(places, bank.on_hit[places], bank.on_other[places], bank.excess[places])


def _by_test(tests: tuple[int, ...], worth: Floats) -> tuple[tuple[int, ...], Floats]:
    """Several looks of one test in a tick, of different revisions, count as one."""
    total: dict[int, Floats] = {}
    for test, increment in zip(tests, worth, strict=True):
        total[test] = total[test] + increment if test in total else increment
    return tuple(total), np.array(list(total.values()))


class _Phase(dict[int, float]):
    """What a breach test of a phase may spend, by up to which requests it has spent before."""

    def __init__(self, requests: int, planned: int) -> None:
        super().__init__({-1: FIRST})
        self.requests, self.planned = requests, planned

    def __missing__(self, before: int) -> float:
        budget = self[before] = later_budget(self.planned, before, self.requests)
        return budget


class _Watch(_Phase):
    """The same in a watch that does not end; its first look is like any other."""

    def __init__(self, requests: int, planned: int) -> None:
        super().__init__(requests, planned)
        self.clear()

    def __missing__(self, before: int) -> float:
        budget = float(production_budget(self.planned, max(before, 0), self.requests))
        self[before] = budget
        return budget


def _budgets(tests: Sequence[int], spent: Sequence[Spent], breach: _Phase) -> list[float]:
    """What each test may spend in this look."""
    budgets = []
    for test in tests:
        kind = test % KINDS
        before = spent[test // KINDS][kind]
        budgets.append(_GOOD[before < 0] if kind >= _GOOD_FROM else breach[before])
    return budgets


def after_look(
    row: int, found: Mapping[int, float], log_e: list[float], spent: Spent, requests: int
) -> tuple[list[float], Spent]:
    """ln E of a trigger's tests after a look that `found` it of some, and up to which requests they
    have spent their budget.
    """
    first, second, third, fourth = range(row * KINDS, row * KINDS + KINDS)
    return [
        found.get(first, log_e[0]),
        found.get(second, log_e[1]),
        found.get(third, log_e[2]),
        found.get(fourth, log_e[3]),
    ], (
        requests if first in found else spent[0],
        requests if second in found else spent[1],
        requests if third in found else spent[2],
        requests if fourth in found else spent[3],
    )


def emptied(wealth: Floats, row: int) -> Floats:
    """The wealth without a trigger's breach tests: dropping evidence is always sound."""
    kept = wealth.copy()
    kept[row * KINDS : row * KINDS + _GOOD_FROM] = NOTHING
    return kept
