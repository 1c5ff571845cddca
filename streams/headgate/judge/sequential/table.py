"""A look of all tests at once: what each has to count, turned into wealth in one set of calls."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from headgate.judge.sequential.bank import KINDS, Bank, Kind
from headgate.judge.sequential.bets import BETS, Flags, Floats, Whole
from headgate.judge.sequential.budget import set_budgets
from headgate.judge.sequential.columns import uncounted
from headgate.judge.sequential.hitting import add_hits
from headgate.judge.sequential.process import NOTHING, grow
from headgate.judge.sequential.state import Columns, OpenLook, Sample
from headgate.judge.sequential.valuing import Valued, add_values

# An enum's members are looked up by Python code.
_RELATIVE, _GOOD_ABSOLUTE, _GOOD_RELATIVE = (
    int(kind) for kind in (Kind.RELATIVE, Kind.GOOD_ABSOLUTE, Kind.GOOD_RELATIVE)
)


class LookTable:
    """What the tests of all triggers have to count in one look: `absolute` and `relative` looks of
    hits, `value` of values. Several looks of one test in a tick, of different revisions, count as
    one. Tests that nothing came for cost nothing.
    """

    def __init__(self, bank: Bank) -> None:
        tests = len(bank) * KINDS
        self._bank = bank
        self._hits: list[float] = []
        self._worth = np.zeros((tests, BETS))
        self._looked = np.zeros(tests, np.bool_)

    def absolute(
        self, row: int, mine: Sample, sent: float, effect: float, *, proves_good: bool
    ) -> None:
        """Hits of the candidate's against the limit of a trigger. At least as many requests were
        `sent` to it.
        """
        test = row * KINDS
        good = test + _GOOD_ABSOLUTE if proves_good else -1
        counts = mine.hits, mine.reaching, mine.n, sent, 0, 0
        self._hits += (test, good, *counts, effect, 1)

    def relative(
        self, rows: tuple[int, ...], look: OpenLook, sent: float, *, proves_good: bool
    ) -> None:
        """A closed look of hits, for each of the triggers in `rows`; both arms have samples."""
        mine, stable = look.candidate, look.stable
        counts = mine.hits, mine.reaching, mine.n, sent, stable.hits, stable.n
        for row, effects in zip(rows, look.effects, strict=True):
            test = row * KINDS
            good = test + _GOOD_RELATIVE if proves_good else -1
            self._hits += (test + _RELATIVE, good, *counts, *effects)

    def value(self, rows: tuple[int, ...], kind: Kind, *valued: Valued) -> None:
        """A look of values of one arm or both, the same one for all of `rows`."""
        add_values(self._worth, self._looked, _tests(rows, kind), valued)

    def increments(self) -> tuple[Flags, Floats]:
        """By a test's number, whether it has a look, and what that is worth: shape (tests, 8)."""
        if self._hits:
            add_hits(self._worth, self._looked, self._hits, self._bank)
            self._hits = []
        return self._looked, self._worth

    def apply(self, columns: Columns, requests: int, planned: int, *, forever: bool) -> None:
        """Change wealth, ln E and spent of the tests that have a look.

        `forever`: `planned` is what comes in 30 days of a watch that does not end.
        """
        looked, worth = self.increments()
        prove_good, money = self._bank.prove_good, np.empty(len(looked))
        set_budgets(money, columns.spent, prove_good, requests, planned, forever)
        grow(columns.wealth, columns.log_e, columns.spent, looked, worth, money, requests)


@lru_cache(maxsize=4096)
def _tests(rows: tuple[int, ...], kind: Kind) -> Whole:
    """The numbers of the tests of a kind."""
    return np.array(rows, np.int64) * KINDS + kind


def empty_breach(columns: Columns, row: int) -> None:
    """Drop what was gathered against a trigger: always sound. Budgets that were spent stay so."""
    tests = slice(row * KINDS, row * KINDS + Kind.GOOD_ABSOLUTE)
    columns.wealth[tests] = NOTHING
    columns.log_e[tests] = NOTHING
    columns.counts[0, row] = uncounted()
