"""Hitting: all looks of hits at once are worth what each is worth alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headgate.judge.policy import parse_policy
from headgate.judge.sequential import bets, hitting
from headgate.judge.sequential.bank import KINDS, Bank, Kind, bank_of
from headgate.judge.sequential.bets import BREACH, GOOD, Floats
from headgate.judge.sequential.state import OpenLook, Sample
from headgate.judge.sequential.table import LookTable
from support.ledger import policy_content
from support.mutants import mutant

BANK = bank_of(parse_policy(policy_content()))
ERRORS, SLOW = BANK.row_of["error_rate"], BANK.row_of["latency_p95"]
WARNING = BANK.row_of["regression_errors"]


def _of(table: LookTable, bank: Bank = BANK) -> dict[tuple[str, Kind], Floats]:
    looked, worth = table.increments()
    assert not worth[~looked].any()
    tests = looked.nonzero()[0].tolist()
    return {(bank.names[test // KINDS], Kind(test % KINDS)): worth[test] for test in tests}


def test_absolute_looks_divide_by_their_effect_and_count_what_is_in_flight_as_good() -> None:
    table = LookTable(BANK)
    table.absolute(ERRORS, Sample(50, 4), 80.0, 2.0, proves_good=True)
    found = _of(table)
    breach = bets.rate_against_limit(2.0, 40.0, 0.05, BREACH)
    good = bets.rate_against_limit(2.0, 25.0, 0.05, GOOD)
    np.testing.assert_allclose(found["error_rate", Kind.ABSOLUTE], breach)
    np.testing.assert_allclose(found["error_rate", Kind.GOOD_ABSOLUTE], good)


@pytest.mark.parametrize("proves_good", [False, True])
def test_relative_looks_divide_each_arm_by_its_own_effect_and_each_trigger_by_its_own(
    proves_good: bool,
) -> None:
    table = LookTable(BANK)
    errors = OpenLook(0, 0.0, ((2.0, 3.0), (1.0, 1.5)), Sample(50, 4), Sample(450, 9))
    slow = OpenLook(0, 1e6, ((1.0, 1.0),), Sample(40, 6, 8), Sample(360, 20, 20))
    table.relative((ERRORS, WARNING), errors, 60.0, proves_good=proves_good)
    table.relative((SLOW,), slow, 0.0, proves_good=proves_good)
    found = _of(table)
    assert len(found) == (6 if proves_good else 3)
    for name, (one, other) in {"error_rate": (2.0, 3.0), "regression_errors": (1.0, 1.5)}.items():
        stable = 9 / other, 450 / other
        at = bets.ratio_of_rates(4 / one, 60 / one, *stable, ratio=1.25, side=BREACH)
        np.testing.assert_allclose(found[name, Kind.RELATIVE], at)
        if proves_good:
            at = bets.ratio_of_rates(4 / one, 50 / one, *stable, ratio=2.0, side=GOOD)
            np.testing.assert_allclose(found[name, Kind.GOOD_RELATIVE], at)
    at = bets.ratio_of_rates(6, 40, 20, 360, ratio=1.0, side=BREACH)
    np.testing.assert_allclose(found["latency_p95", Kind.RELATIVE], at)
    if proves_good:  # what reaches over the limit is no proof of good
        at = bets.ratio_of_rates(8, 40, 20, 360, ratio=1.0, side=GOOD)
        np.testing.assert_allclose(found["latency_p95", Kind.GOOD_RELATIVE], at)


def test_looks_of_two_revisions_in_one_tick_add_up_and_are_never_pooled() -> None:
    one = OpenLook(0, 0.0, ((1.0, 1.0),), Sample(90, 9), Sample(10, 0))
    two = OpenLook(0, 0.0, ((1.0, 1.0),), Sample(10, 0), Sample(90, 9))
    alone = []
    for look in (one, two):
        table = LookTable(BANK)
        table.relative((ERRORS,), look, 0.0, proves_good=False)
        alone.append(_of(table)["error_rate", Kind.RELATIVE])
    both = LookTable(BANK)
    both.relative((ERRORS,), one, 0.0, proves_good=False)
    both.relative((ERRORS,), two, 0.0, proves_good=False)
    np.testing.assert_allclose(_of(both)["error_rate", Kind.RELATIVE], sum(alone))


def claim_hits(module: Any) -> None:
    errors, rare = (BANK.row_of[name] * KINDS for name in ("error_rate", "hallucination"))
    worth, looked = np.zeros((len(BANK) * KINDS, 8)), np.zeros(len(BANK) * KINDS, np.bool_)
    absolute = [errors + Kind.ABSOLUTE, errors + Kind.GOOD_ABSOLUTE, 4, 5, 50, 60, 0, 0, 2, 1]
    beside = [rare + Kind.RELATIVE, rare + Kind.GOOD_RELATIVE, 4, 5, 50, 60, 9, 450, 2, 3]
    late = [errors + Kind.ABSOLUTE, -1, 7, 0, 50, 0, 0, 0, 1, 1]
    module.add_hits(worth, looked, [float(x) for x in (*absolute, *beside, *late)], BANK)
    assert looked.sum() == 4
    expected = np.zeros_like(worth)
    expected[errors + Kind.ABSOLUTE] = bets.rate_against_limit(2, 30, 0.05, BREACH)
    expected[errors + Kind.ABSOLUTE] += bets.rate_against_limit(7, 50, 0.05, BREACH)
    expected[errors + Kind.GOOD_ABSOLUTE] = bets.rate_against_limit(2.5, 25, 0.05, GOOD)
    for kind, mine, ratio, side in (
        (Kind.RELATIVE, (2, 30), 1.25, BREACH),
        (Kind.GOOD_RELATIVE, (2.5, 25), 2.0, GOOD),
    ):
        at = bets.ratio_of_rates(*mine, 3, 150, ratio=ratio, side=side)
        expected[rare + kind] = at
    np.testing.assert_allclose(worth, expected)


MUTATIONS = [
    ("look[_STABLE_HITS] / other", "look[_STABLE_HITS]"),
    ("look[_STABLE_SAMPLES] / other", "look[_STABLE_SAMPLES]"),
    ("max(look[_SAMPLES], look[_SENT])", "look[_SAMPLES]"),
    ("max(look[_HITS], look[_REACHING])", "look[_HITS]"),
    ("look[_HITS] / mine, sent / mine", "look[_HITS] / mine, sent"),
    ("reaching / mine, look", "reaching, look"),
    ("samples - hits, 0.0", "samples, 0.0"),
    ("hits + stable_hits, allowed", "stable_hits, allowed"),
    ("ratios[test] * samples", "samples"),
    ("(allowed + stable_samples)", "stable_samples"),
    ("- np.log1p(excess", "+ np.log1p(excess"),
    ("worth[test, bet] +=", "worth[test, bet] ="),
    ("hits * on_hit[test, bet] + ", "hits * on_hit[test, bet] - "),
    ("looked[test] = True", "pass"),
]


def test_hits_are_worth_what_the_bets_on_them_say() -> None:
    claim_hits(hitting)


@pytest.mark.parametrize(("fragment", "instead"), MUTATIONS)
def test_broken_sums_of_hits_fail_their_claim(fragment: str, instead: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        claim_hits(mutant(hitting, fragment, instead))
