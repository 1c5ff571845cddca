"""Requests about a rollout: what counts as a promotion before its time."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.wire.key_requests import Approve
from headgate.wire.rollout_requests import Promote, SetWeight
from support.courses import GOOD, adopted
from support.ledger import LedgerBench

ERRORS: dict[str, Any] = {
    "name": "error_rate",
    "metric": "error_rate",
    "limit": {"above": 0.2},
    "severity": "critical",
    "action": "rollback",
    "proven_good": "required",
}


@pytest.mark.parametrize("weight", [0, 1, 5_000, 9_900])
def test_a_rollout_by_hand_is_promoted_before_its_proof_by_two_people_alone(weight: int) -> None:
    bench = adopted()
    bench.start(weight)
    asked = bench.request(Promote)
    assert (asked.event, bench.model.production) == ("waiting", "v1")
    given = {"approves": asked.request_id, "digest": asked.details["digest"]}
    assert bench.request(Approve, operator="bob", **given).event == "accepted"
    assert bench.model.production == "v2"


def test_a_rollout_by_hand_that_is_proven_good_is_promoted_by_one_person() -> None:
    bench = LedgerBench()
    bench.adopt({"name": "errors-alone", "triggers": [ERRORS]})
    bench.start(5_000)
    bench.serve(30, v1=GOOD, v2=GOOD)
    assert bench.request(Promote).event == "accepted"
    assert bench.model.production == "v2"


def test_by_hand_too_everything_is_given_by_two_people_or_after_the_proof() -> None:
    bench = LedgerBench()
    bench.adopt({"name": "errors-alone", "triggers": [ERRORS]})
    refused = bench.start(9_901)
    assert (refused.event, "Give 99 % or less" in refused.remedy) == ("refused", True)
    bench.start(5_000)
    assert bench.request(SetWeight, weight=9_900).event == "accepted"
    assert bench.request(SetWeight, weight=9_901).event == "waiting"
    bench.serve(30, v1=GOOD, v2=GOOD)
    assert bench.request(SetWeight, weight=10_000).event == "accepted"
    assert bench.request(SetWeight, weight=9_950).event == "accepted"  # less of it


def test_a_policy_may_let_one_person_promote_by_hand_at_any_time() -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    assert bench.start(10_000).event == "accepted"
    assert bench.request(Promote).event == "accepted"
