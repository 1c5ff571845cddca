"""The candidate's share, proven where outcomes carry no revision and bucket."""

from __future__ import annotations

import numpy as np
import pytest

from headgate.judge.sequential.shares import (
    TEST_TOLERANCE,
    TOLERANCE,
    Shares,
    is_off,
    observe_share,
)
from headgate.vocabulary import AlertKind, AlertState, RolloutKind
from headgate.wire.rollout_requests import SetWeight
from support.courses import start_ab
from support.ledger import LedgerBench, Traffic

_OF_SHARES = {AlertKind.SHARE_OFF, AlertKind.TEST_VOID}


def _off(
    true: float,
    weight: float,
    *,
    seed: int,
    sticky: float = 0.0,
    ticks: int = 2_400,
    tolerance: float = TOLERANCE,
) -> bool:
    """Twenty minutes of 50 requests per half second; `sticky` users shift the share by block."""
    rng, known = np.random.default_rng(seed), Shares(revision=1)
    share = true
    for tick in range(ticks):
        if tick % 20 == 0 and sticky:
            spread = (1 - sticky) / sticky
            share = rng.beta(true * spread, (1 - true) * spread)
        mine = int(rng.binomial(50, share))
        block_ms = tick // 20 * 10_000
        known = observe_share(
            known,
            50,
            mine,
            weight=weight,
            block_ms=block_ms,
            planned=100_000,
            tolerance=tolerance,
        )
        if is_off(known):
            return True
    return False


@pytest.mark.parametrize("weight", [0.05, 0.5])
@pytest.mark.parametrize("sticky", [0.0, 0.01])
@pytest.mark.parametrize("tolerance", [TOLERANCE, TEST_TOLERANCE])
def test_a_share_that_is_right_never_alarms(weight: float, sticky: float, tolerance: float) -> None:
    asked = {"sticky": sticky, "tolerance": tolerance}
    assert not any(_off(weight, weight, seed=seed, **asked) for seed in range(8))


@pytest.mark.parametrize(("true", "weight"), [(0.1, 0.05), (0.02, 0.05), (0.1, 0.5), (0.9, 0.5)])
def test_a_share_far_from_its_weight_is_proven(true: float, weight: float) -> None:
    assert all(_off(true, weight, seed=seed) for seed in range(4))


def test_an_ab_test_tolerates_less_beside_the_weight_than_a_canary() -> None:
    assert all(_off(0.6, 0.5, seed=seed, tolerance=TEST_TOLERANCE) for seed in range(4))
    assert not any(_off(0.6, 0.5, seed=seed) for seed in range(4))


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_all_or_nothing_has_no_share_to_test(weight: float) -> None:
    known = observe_share(Shares(revision=1), 50, 25, weight=weight, block_ms=0, planned=100_000)
    assert known == Shares(revision=1)


def test_the_alert_resolves_with_the_next_split() -> None:
    bench = LedgerBench()
    bench.adopt()
    stable = Traffic(requests=45, revision=0)
    bench.serve(20, v1=stable)
    bench.start(5_000)
    bench.serve(240, v1=stable, v2=Traffic(requests=5, revision=0))
    (alert,) = bench.alerts
    assert (alert.kind, alert.state) == (AlertKind.SHARE_OFF, AlertState.FIRING)
    assert "while" not in alert.sentence and "10." in alert.sentence
    bench.request(SetWeight, weight=1_000)
    bench.serve(240, v1=stable, v2=Traffic(requests=5, revision=0))
    assert [a.state for a in bench.alerts] == [AlertState.FIRING, AlertState.RESOLVED]


def test_outcomes_with_a_revision_are_not_asked_for_their_share() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.serve(20, v1=Traffic(requests=45))
    bench.start(5_000)
    bench.serve(240, v1=Traffic(requests=45), v2=Traffic(requests=5))
    assert bench.alerts == []


def test_a_share_a_fifth_too_large_voids_an_ab_test_and_is_no_matter_in_a_canary() -> None:
    first, second = Traffic(requests=60, revision=0), Traffic(requests=40, revision=0)
    for kind, told in ((RolloutKind.AB, [AlertKind.SHARE_OFF, AlertKind.TEST_VOID]), (None, [])):
        bench = LedgerBench()
        bench.adopt()
        bench.serve(20, v1=second)
        if kind is None:
            bench.start(5_000)
        else:
            start_ab(bench, ("v2", 5_000), ("v1", 5_000))
        bench.serve(600, v1=second, v2=first)
        assert [alert.kind for alert in bench.alerts if alert.kind in _OF_SHARES] == told
