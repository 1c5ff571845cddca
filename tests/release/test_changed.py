"""Audit records say what changed: each fact as it was and as it is."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.vocabulary import ANY_MODEL, Mode
from headgate.wire.audit import AuditRecord
from headgate.wire.registry import CompatibilityRule, PromptTemplate, VersionSpec
from headgate.wire.registry_requests import (
    Postpone,
    RegisterTemplate,
    RegisterVersion,
    Retain,
    SetCompatibility,
)
from headgate.wire.rollout_requests import (
    ApplyPolicy,
    Defer,
    Promote,
    SetMode,
    SetWeight,
    StartRollout,
)
from support.ledger import LedgerBench, Traffic, policy_content
from support.people import ANN, BOB, set_keys, signed_bench

DAY = 86_400.0
RULE = CompatibilityRule(compatible=False, model="m", embedding="e2")


def _last(bench: LedgerBench, event: str) -> AuditRecord:
    return [row for row in bench.audit if row.event == event][-1]


def test_promotion_tells_production_split_and_statuses_as_they_were_and_are() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.start(weight=500)
    answer = bench.request(Promote)
    assert answer.before["production"] == "v1"
    assert answer.after["production"] == "v2"
    assert answer.before["weights"] == {"v2": 500, "v1": 9_500}
    assert answer.after["weights"] == {"v2": 10_000}
    assert answer.before["versions.v2"] == {"status": "candidate"}
    assert answer.after["versions.v2"] == {"status": "production"}
    assert answer.before["rollout"]["candidate"] == "v2"
    assert "rollout" not in answer.after
    assert "policy" not in {**answer.before, **answer.after}


@pytest.mark.parametrize(
    ("kind", "fields", "before", "after"),
    [
        (SetWeight, {"weight": 700}, {"v2": 5000, "v1": 5000}, {"v2": 700, "v1": 9300}),
        (SetMode, {"mode": Mode.OBSERVE}, "enforce", "observe"),
        (SetCompatibility, {"embedding": "e1"}, None, "e1"),
        (SetCompatibility, {"rules": (RULE,)}, None, (
            {"compatible": False, "model": "m", "embedding": "e2"},
        )),
        (RegisterTemplate, {"name": "t", "template": PromptTemplate(created="2025-01-01")},
         None, {"created": "2025-01-01"}),
        (RegisterVersion, {"spec": VersionSpec(version="v3.0.0", base_model="gpt-4o")},
         None, {"version": "v3.0.0", "base_model": "gpt-4o"}),
        (Retain, {"version": "v1", "reason": "audit"},
         {"status": "production"}, {"status": "production", "retained": "audit (ann)"}),
    ],
)  # fmt: skip
def test_each_change_that_is_asked_for_tells_both_sides(
    kind: type, fields: dict[str, Any], before: object, after: object
) -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    answer = bench.request(kind, **fields)
    assert answer.event == "accepted"
    assert after in answer.after.values()
    assert before is None or before in answer.before.values()


def test_a_policy_is_told_with_its_content() -> None:
    bench = LedgerBench()
    bench.adopt(policy_content())
    other = {**policy_content(), "description": "stricter"}
    answer = bench.request(ApplyPolicy, policy=other)
    assert answer.before["policy"]["content"] == policy_content()
    assert answer.after["policy"]["content"] == other


def test_an_automatic_rollback_and_a_deferral_tell_both_sides() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    bench.serve(60, v1=Traffic(rating=4.5), v2=Traffic(rating=2.0))
    (incident,) = bench.model.incidents.values()
    answer = bench.request(Defer, alert_id=incident.alert_id, minutes=5, reason="looking")
    deadline = f"deadlines.{incident.alert_id}"
    assert answer.after[deadline] - answer.before[deadline] == 300_000
    bench.serve(30, v1=Traffic(), v2=Traffic(error_rate=0.5))
    decision = _last(bench, "decision")
    assert decision.operator == "headgate"
    assert decision.before["weights"] == {"v2": 5000, "v1": 5000}
    assert decision.after["weights"] == {"v1": 10_000}
    assert decision.after["versions.v2"] == {"status": "staging", "rolled_back": True}


def test_a_step_of_a_lifecycle_tells_both_sides_and_the_command_that_went_with_it() -> None:
    bench = LedgerBench()
    bench.adopt()
    for candidate in ("v2", "v3"):
        bench.request(StartRollout, stable=bench.model.production, candidate=candidate, weight=500)
        bench.request(Promote)
    answer = bench.request(Postpone, version="v1", days=1, reason="pinned")
    assert "not_before_ms" in answer.after["versions.v1"]
    for _ in range(60):
        bench.tick(DAY)
    order = _last(bench, "archive_artifact")
    assert order.before["versions.v1"]["status"] == "deprecated"
    assert order.after["versions.v1"]["status"] == "archived"
    retired = [row for row in bench.commands if row.action == "retire"]
    assert order.decision_id in {row.decision_id for row in retired}


def test_a_request_for_all_models_tells_both_sides() -> None:
    bench = signed_bench()
    answer = ANN.ask(bench, SetMode, model=ANY_MODEL, mode=Mode.OBSERVE)
    assert answer.before == {"mode": "enforce", "modes.support": "enforce"}
    assert answer.after == {"mode": "observe", "modes.support": "observe"}
    keys = set_keys(bench, ANN, BOB)
    assert len(keys.before["keys"]) == 3
    assert set(keys.after["keys"]) == {ANN.key_id, BOB.key_id}
