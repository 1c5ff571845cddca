"""Requests about a rollout: what counts as a promotion before its time."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.wire.key_requests import Approve
from headgate.wire.rollout_requests import Promote
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


@pytest.mark.parametrize("weight", [0, 1, 5_000, 10_000])
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


def test_a_policy_may_let_one_person_promote_by_hand_at_any_time() -> None:
    bench = adopted(canary={"early_promotion": "allowed"})
    bench.start(500)
    assert bench.request(Promote).event == "accepted"
