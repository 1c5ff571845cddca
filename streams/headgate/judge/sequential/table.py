"""A look of all tests at once: what each has to count, turned into wealth in one set of calls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from headgate.judge.sequential import bets
from headgate.judge.sequential.bank import KINDS, Bank, Kind, Places
from headgate.judge.sequential.bets import Floats
from headgate.judge.sequential.budget import (
    FIRST,
    later_budget,
    production_budget,
    proof_budget,
)
from headgate.judge.sequential.columns import NEVER
from headgate.judge.sequential.process import NOTHING, advance, log_e_value
from headgate.judge.sequential.state import Columns, OpenLook
from headgate.judge.sequential.valuing import Valued, worths

Counts = tuple[float, float]  # hits and samples of an arm
_GOOD: tuple[float, float] = tuple(proof_budget([False, True]).tolist())
_GOOD_FROM = int(Kind.GOOD_ABSOLUTE)


class LookTable:
    """What the tests of all triggers have to count in one look: `rate` and `ratios` of hits,
    `value` of values. Tests that nothing came for cost nothing.
    """

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        # By look: the test's number, its hits, its other outcomes, and what is expected of ratios.
        self._hits: list[tuple[int, float, float, float]] = []
        self._values: list[tuple[int, int]] = []  # the test's number, which of `_valued` it counts
        self._valued: list[tuple[Valued, ...]] = []

    def rate(self, row: int, kind: Kind, hits: float, samples: float) -> None:
        """An absolute look of hits among samples."""
        self._hits.append((row * KINDS + kind, hits, samples - hits, 0.0))

    def ratios(
        self, rows: Sequence[int], look: OpenLook, sent: float, *, proves_good: bool
    ) -> None:
        """A relative look of hits, for each of `rows`; both arms have samples. To the candidate at
        least as many requests were `sent`.
        """
        mine, stable = look.candidate, look.stable
        reaching = max(mine.hits, mine.reaching)
        for row, (effect, stable_effect) in zip(rows, look.effects, strict=True):
            other = stable.hits / stable_effect, stable.n / stable_effect
            test, sent_to = row * KINDS + Kind.RELATIVE, max(mine.n, sent) / effect
            self._ratio(test, (mine.hits / effect, sent_to), other)
            if proves_good:
                test = row * KINDS + Kind.GOOD_RELATIVE
                self._ratio(test, (reaching / effect, mine.n / effect), other)

    def _ratio(self, test: int, mine: Counts, stable: Counts) -> None:
        hits, samples = mine
        allowed = self._bank.ratios[test] * samples
        self._hits.append((test, hits, hits + stable[0], allowed / (allowed + stable[1])))

    def value(self, rows: tuple[int, ...], kind: Kind, *valued: Valued) -> None:
        """A look of values of one arm or both, the same one for all of `rows`."""
        self._values.extend([(row * KINDS + kind, len(self._valued)) for row in rows])
        self._valued.append(valued)

    def increments(self) -> tuple[tuple[int, ...], Floats]:
        """The numbers of the tests that have a look, and what it is worth: shape (tests, 8)."""
        tests: tuple[int, ...] = ()
        parts = []
        if self._hits:
            tests, *counts = zip(*self._hits, strict=True)
            parts.append(self._of_hits(tests, np.array(counts)))
        if self._values:
            numbers, places = zip(*self._values, strict=True)
            tests += numbers
            parts.append(worths(self._valued).take(places, 0))
        worth = np.concatenate(parts)
        return _by_test(tests, worth) if len(set(tests)) < len(tests) else (tests, worth)

    def _of_hits(self, tests: tuple[int, ...], counts: Floats) -> Floats:
        stakes, (hits, others, expected) = _stakes_of(self._bank, tests), counts
        on_other = stakes.on_other + bets.on_any_hit(expected, stakes.excess)
        return bets.won(hits, others, stakes.on_hit, on_other)

    def apply(self, columns: Columns, requests: int, planned: int, *, forever: bool) -> None:
        """Change wealth, ln E and spent of the tests that have a look.

        `forever`: `planned` is what comes in 30 days of a watch that does not end.
        """
        if not self._hits and not self._values:
            return
        tests, increments = self.increments()
        places, good = _places_of(tests)
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


class _Stakes(NamedTuple):
    """The rows of a bank that a look is about, as arrays."""

    on_hit: Floats
    on_other: Floats
    excess: Floats


@lru_cache(maxsize=4096)  # the same few triggers look together again and again
def _stakes_of(bank: Bank, tests: tuple[int, ...]) -> _Stakes:
    places, _ = _places_of(tests)
    return _Stakes(bank.on_hit[places], bank.on_other[places], bank.excess[places])


@lru_cache(maxsize=4096)
def _places_of(tests: tuple[int, ...]) -> tuple[Places, tuple[bool, ...]]:
    """Tests as an index, and which of them prove good."""
    return np.array(tests, np.intp), tuple(test % KINDS >= _GOOD_FROM for test in tests)


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
