"""Guards: each rule holds by itself, also where another one would hide that it is gone."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from headgate.judge.policy import parse_policy
from headgate.judge.promoting import promotion
from headgate.judge.recorded import alone
from headgate.judge.sequential.bank import KINDS, Kind, bank_of
from headgate.judge.sequential.bets import BREACH, GOOD, rate_stakes, ratio_of_rates
from headgate.judge.sequential.budget import FIRST
from headgate.judge.sequential.columns import columns_of
from headgate.judge.sequential.holds import is_hold
from headgate.judge.sequential.process import NOTHING
from headgate.judge.sequential.state import WarmUp
from headgate.judge.sequential.table import empty_breach
from support.evidence import CANDIDATE, Phase, cell
from support.ledger import policy_content

POLICY = parse_policy(policy_content())


def _log_e(phase: Phase, kind: Kind) -> float:
    return phase.combined.tests["error_rate"][kind]


def _warming(phase: Phase) -> Phase:
    until_ms = phase.now_ms + 20_000
    phase.tell(warm_up=WarmUp(phase.now_ms, until_ms, routed_per_s=50.0))
    return phase


def test_requests_in_flight_count_as_good_against_a_limit() -> None:
    found = []
    for phase in (Phase(), _warming(Phase())):
        phase.look({(CANDIDATE, 1): cell(1, 1)}, seconds=2)  # 100 were sent meanwhile
        found.append(_log_e(phase, Kind.ABSOLUTE))
    on_hit, on_miss = rate_stakes(0.05, BREACH)
    wealth = np.log(FIRST) + np.array([on_hit, on_hit + 99 * on_miss])
    np.testing.assert_allclose(found, np.log(np.exp(wealth).mean(-1)))


def test_requests_in_flight_count_as_good_beside_stable() -> None:
    for phase, served in ((Phase(), 20), (_warming(Phase()), 500)):
        phase.both(cell(10, 2), cell(10))
        phase.both(cell(10, 2), cell(390), seconds=10)  # 500 were sent meanwhile
        worth = ratio_of_rates(4, served, 0, 400, ratio=1.25, side=BREACH)
        expected = np.log(np.exp(np.log(FIRST) + worth).mean())
        np.testing.assert_allclose(_log_e(phase, Kind.RELATIVE), expected)


def test_a_slight_lean_towards_a_breach_forbids_promotion() -> None:
    phase = Phase()
    for errors in (0, *[1] * 50):
        phase.both(cell(50, errors), cell(50))
    columns = columns_of(bank_of(POLICY), phase.evidence).copy()
    row = bank_of(POLICY).row_of["error_rate"] * KINDS
    for log_e, leans in ((-0.1, False), (0.1, True)):
        columns.log_e[row : row + 2] = log_e
        phase.tell(columns=columns.copy())
        found = promotion(phase.policy, phase.evidence, safety_checked=1_000).sentence
        assert ("error_rate: leans towards a breach" in found) is leans


@pytest.mark.parametrize(
    ("absolute", "relative", "holds"),
    [(200, 1, True), (200, 200, False), (1, 1, False), (1, 200, False)],
)
def test_a_hold_is_what_is_proven_against_the_limit_and_not_beside_stable(
    absolute: float, relative: float, holds: bool
) -> None:
    assert is_hold(POLICY, [log(absolute), log(relative), 0.0, 0.0]) is holds


def test_evidence_that_is_dropped_counts_no_more_at_once() -> None:
    phase = Phase()
    for _ in range(20):
        phase.both(cell(50, 25), cell(50))
    columns = columns_of(bank_of(POLICY), phase.evidence).copy()
    row = bank_of(POLICY).row_of["error_rate"]
    spent = columns.spent.copy()
    empty_breach(columns, row)
    phase.tell(columns=columns)
    assert [_log_e(phase, kind) for kind in (Kind.ABSOLUTE, Kind.RELATIVE)] == [NOTHING] * 2
    assert "error_rate" not in phase.combined.proven
    np.testing.assert_array_equal(columns.spent, spent)


def test_a_recorded_p95_allows_a_twentieth_over_it() -> None:
    bank = bank_of(alone(POLICY, "v1", (("latency_p95_ms", 1_000.0),)))
    row = bank.row_of["latency_p95"] * KINDS
    for kind, side in ((Kind.ABSOLUTE, BREACH), (Kind.GOOD_ABSOLUTE, GOOD)):
        found = bank.on_hit[row + kind], bank.on_other[row + kind]
        np.testing.assert_allclose(found, rate_stakes(0.05, side))
