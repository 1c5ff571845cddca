"""A look of all tests at once: what each has to count, turned into wealth in one set of calls."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from headgate.judge.sequential.bank import KINDS, Bank, Kind
from headgate.judge.sequential.bets import Floats
from headgate.judge.sequential.budget import (
    FIRST,
    later_budget,
    production_budget,
    proof_budget,
)
from headgate.judge.sequential.columns import NEVER, uncounted
from headgate.judge.sequential.hitting import Hits, Shape, hit_worths
from headgate.judge.sequential.process import NOTHING, advance, log_e_value
from headgate.judge.sequential.state import Columns, OpenLook, Sample
from headgate.judge.sequential.valuing import Valued, value_worths

_GOOD: tuple[float, float] = tuple(proof_budget([False, True]).tolist())
_GOOD_FROM = int(Kind.GOOD_ABSOLUTE)


class LookTable:
    """What the tests of all triggers have to count in one look: `absolute` and `relative` looks of
    hits, `value` of values. Tests that nothing came for cost nothing.
    """

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._shapes: list[Shape] = []
        self._hits: list[Hits] = []
        self._effects: list[tuple[float, float]] = []  # of both arms, by trigger of each of these
        self._values: list[tuple[int, int]] = []  # the test's number, which of `_valued` it counts
        self._valued: list[tuple[Valued, ...]] = []

    def absolute(
        self, row: int, mine: Sample, sent: float, effect: float, *, proves_good: bool
    ) -> None:
        """Hits of the candidate's against the limit of a trigger. At least as many requests were
        `sent` to it.
        """
        reaching, n = max(mine.hits, mine.reaching), mine.n
        self._shapes.append(((row,), Kind.ABSOLUTE, proves_good))
        self._hits.append((mine.hits, reaching, n, max(n, sent), 0, 1))
        self._effects.append((effect, 1.0))

    def relative(
        self, rows: tuple[int, ...], look: OpenLook, sent: float, *, proves_good: bool
    ) -> None:
        """A closed look of hits, for each of the triggers in `rows`; both arms have samples."""
        mine, stable = look.candidate, look.stable
        reaching, n = max(mine.hits, mine.reaching), mine.n
        self._shapes.append((rows, Kind.RELATIVE, proves_good))
        self._hits.append((mine.hits, reaching, n, max(n, sent), stable.hits, stable.n))
        self._effects += look.effects

    def value(self, rows: tuple[int, ...], kind: Kind, *valued: Valued) -> None:
        """A look of values of one arm or both, the same one for all of `rows`."""
        self._values.extend([(row * KINDS + kind, len(self._valued)) for row in rows])
        self._valued.append(valued)

    def increments(self) -> tuple[tuple[int, ...], Floats]:
        """The numbers of the tests that have a look, and what it is worth: shape (tests, 8)."""
        tests: tuple[int, ...] = ()
        parts = []
        if self._hits:
            tests, worth = hit_worths(self._bank, tuple(self._shapes), self._hits, self._effects)
            parts.append(worth)
        if self._values:
            numbers, places = zip(*self._values, strict=True)
            tests += numbers
            parts.append(value_worths(self._valued).take(places, 0))
        worth = np.concatenate(parts)
        return _by_test(tests, worth) if len(set(tests)) < len(tests) else (tests, worth)

    def apply(self, columns: Columns, requests: int, planned: int, *, forever: bool) -> None:
        """Change wealth, ln E and spent of the tests that have a look.

        `forever`: `planned` is what comes in 30 days of a watch that does not end.
        """
        if not self._hits and not self._values:
            return
        tests, increments = self.increments()
        places, good = np.array(tests, np.intp), _are_good(tests)
        breach = _Watch(requests, planned) if forever else _Phase(requests, planned)
        before = columns.spent.take(places).tolist()
        budgets = [
            _GOOD[spent < 0] if is_good else breach[spent]
            for spent, is_good in zip(before, good, strict=True)
        ]
        grown = advance(columns.wealth.take(places, 0), increments, budgets)
        columns.wealth[places] = grown
        columns.log_e[places] = log_e_value(grown)
        columns.spent[places] = requests


@lru_cache(maxsize=4096)  # the same few triggers look together again and again
def _are_good(tests: tuple[int, ...]) -> tuple[bool, ...]:
    return tuple(test % KINDS >= _GOOD_FROM for test in tests)


def _by_test(tests: tuple[int, ...], worth: Floats) -> tuple[tuple[int, ...], Floats]:
    """Several looks of one test in a tick, of different revisions, count as one."""
    total: dict[int, Floats] = {}
    for test, increment in zip(tests, worth, strict=True):
        total[test] = total[test] + increment if test in total else increment
    return tuple(total), np.array(list(total.values()))


class _Phase(dict[int, float]):
    """What a breach test of a phase may spend, by up to which requests it has spent before."""

    def __init__(self, requests: int, planned: int) -> None:
        super().__init__({NEVER: FIRST})
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


def empty_breach(columns: Columns, row: int) -> None:
    """Drop what was gathered against a trigger: always sound. Budgets that were spent stay so."""
    tests = slice(row * KINDS, row * KINDS + _GOOD_FROM)
    columns.wealth[tests] = NOTHING
    columns.log_e[tests] = NOTHING
    columns.counts[0, row] = uncounted()
