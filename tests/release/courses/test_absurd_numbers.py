"""Numbers that a request can carry and no rollout can have: refused, and nothing has changed."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.vocabulary import RolloutKind
from headgate.wire.fields import MAX_INT
from headgate.wire.reports import TestCriterion
from headgate.wire.rollout_requests import AskedArm, SetWeight, StartRollout, Step
from support.courses import adopted, start_canary
from support.ledger import LedgerBench

WEEK_MS = 604_800_000


def _canary(**fields: int) -> dict[str, Any]:
    row = {"weight": 500, "hold_ms": WEEK_MS, "max_hold_ms": WEEK_MS, **fields}
    return {"kind": RolloutKind.CANARY, "steps": (Step(**row),)}


def _test(weight: int, matters: float = 0.02) -> dict[str, Any]:
    arms = (AskedArm(version="v2", weight=weight), AskedArm(version="v1", weight=5_000))
    criterion = TestCriterion(metric="rating_mean", better="higher", matters=matters)
    return {"kind": RolloutKind.AB, "arms": arms, "criteria": (criterion,)}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"weight": MAX_INT}, "more than all of the traffic"),
        (_canary(weight=MAX_INT), "more than all of the traffic"),
        (_canary(hold_ms=MAX_INT), "a hold lasts at most 26w"),
        (_canary(max_hold_ms=MAX_INT), "max_hold is at most 52w"),
        (_canary(max_hold_ms=0), "max_hold is shorter than hold"),
        (_test(MAX_INT), "their weights sum to 9007199254745992"),
        (_test(5_000, matters=0.0), "0.0 is not above 0"),
        (_test(5_000, matters=-1e308), "is not above 0"),
        (_test(5_000, matters=1e308), "at most 10"),
    ],
)
def test_a_start_with_absurd_numbers_is_refused(asked: dict[str, Any], said: str) -> None:
    bench = adopted()
    before = bench.model
    record = bench.request(StartRollout, stable="v1", candidate="v2", **asked)
    assert (record.event, said in record.sentence) == ("refused", True), record.sentence
    assert (bench.model.rollout, bench.model.command) == (before.rollout, before.command)


def test_an_absurd_share_of_a_running_rollout_is_refused() -> None:
    bench = adopted()
    start_canary(bench)
    before = bench.model
    record = bench.request(SetWeight, weight=MAX_INT)
    assert record.event == "refused"
    assert (bench.model.rollout, bench.model.command) == (before.rollout, before.command)


def test_a_start_without_stable_is_beside_the_version_in_production() -> None:
    bench = adopted()
    record = bench.request(StartRollout, candidate="v2", weight=500)
    assert record.sentence == "Started: v2 takes 5 % of support, v1 the rest."


def test_of_a_model_that_nobody_adopted_nothing_starts() -> None:
    record = LedgerBench().request(StartRollout, candidate="v2", weight=500)
    assert record.event == "refused"
    assert record.remedy == "headgate adopt support VERSION"


def test_the_smallest_difference_of_all_is_no_trouble() -> None:
    record = adopted().request(
        StartRollout, stable="v1", candidate="v2", **_test(5_000, matters=5e-324)
    )
    assert record.event == "accepted"
