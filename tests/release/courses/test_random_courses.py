"""Random rollouts of every kind, in good weather and bad: what must hold does, at every step."""

from __future__ import annotations

from collections import Counter

import pytest

from headgate.vocabulary import RolloutKind
from support.course_walk import Walk

QUICK_STEPS = 400
SEEDS = range(1, 5)
STEPS = 2_500  # for each seed: 10,000 for each kind

MET_BY_ALL = (
    "started",
    "overridden",
    "rollback by headgate",
    "rollback by a person",
    "acted at once",
    "paused",
    "resume accepted",
    "apply_policy accepted",
    "apply_policy refused",
    "start_rollout refused",
    "approve refused",
    "given again",
    "republished",
    "telemetry_stale firing",
)
MET = {
    RolloutKind.MANUAL: (
        "promote by a person",
        "set_weight accepted",
        "set_weight refused",
        "outage_hold firing",
    ),
    RolloutKind.CANARY: (
        "set_weights by headgate",
        "promote by headgate",
        "advance accepted",
        "advance refused",
        "promote waiting",
        "approved",
        "rollout_waiting firing",
        "outage_hold firing",
    ),
    RolloutKind.BLUE_GREEN: (
        "cutover",
        "promote by headgate",
        "advance refused",
        "report_check accepted",
        "report_check refused",
        "standby_not_ready firing",
        "scaled down",
    ),
    RolloutKind.AB: (
        "arm dropped",
        "stop_test accepted",
        "stop_test refused",
        "test_void firing",
        "rollout_waiting firing",
        "outage_hold firing",
    ),
}
MET_AT_ONCE = ("started", "rollback by headgate", "given again", "paused", "telemetry_stale firing")


def _walk(kind: RolloutKind, seed: int, steps: int) -> Walk:
    walk = Walk(kind, seed)
    for _ in range(steps):
        walk.step()
    assert walk.stage.replayed() == walk.stage.records
    return walk


@pytest.mark.parametrize("kind", RolloutKind)
def test_a_random_rollout_never_breaks_what_must_hold(kind: RolloutKind) -> None:
    counts = _walk(kind, seed=0, steps=QUICK_STEPS).laws.counts
    assert [name for name in MET_AT_ONCE if not counts[name]] == []


@pytest.mark.verify
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", RolloutKind)
def test_ten_thousand_random_steps_of_a_kind_never_break_what_must_hold(kind: RolloutKind) -> None:
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        counts += _walk(kind, seed, STEPS).laws.counts
    assert [name for name in (*MET_BY_ALL, *MET[kind]) if not counts[name]] == []
