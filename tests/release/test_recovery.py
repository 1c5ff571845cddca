"""Recovery: routers acknowledge, lag, disagree and fall silent."""

from __future__ import annotations

from headgate.vocabulary import Action, AlertKind, AlertState
from headgate.wire.rollout_requests import Rollback
from support.ledger import LedgerBench, Traffic


def _rolled_back_by_hand() -> LedgerBench:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    bench.ack("r1")
    bench.ack("r2")
    bench.request(Rollback)
    return bench


def test_a_command_is_recovered_when_every_live_router_obeys_it() -> None:
    bench = _rolled_back_by_hand()
    bench.ack("r1")
    assert bench.audit[-1].event != "recovered"
    bench.tick(0.5)
    bench.ack("r2")
    assert bench.audit[-1].event == "recovered"
    assert bench.audit[-1].details == {"took_ms": 500, "routers": 2}


def test_a_router_that_said_goodbye_is_not_waited_for() -> None:
    bench = _rolled_back_by_hand()
    bench.ack("r1")
    bench.ack("r2", state="goodbye", revision=1)
    assert bench.audit[-1].event == "recovered"


def test_a_router_that_fell_silent_is_not_waited_for_after_15_s() -> None:
    bench = _rolled_back_by_hand()
    for _ in range(8):
        bench.tick(2)
        bench.ack("r1")
    recovered = [row for row in bench.audit if row.event == "recovered"]
    assert recovered[-1].details["routers"] == 1


def test_a_split_that_is_not_obeyed_in_time_alerts_with_the_laggards() -> None:
    bench = _rolled_back_by_hand()
    for _ in range(35):
        bench.tick(2)
        bench.ack("r1")
        bench.ack("r2", revision=bench.commands[0].revision, decision_id="")
    missed = [a for a in bench.alerts if a.kind is AlertKind.RECOVERY_MISSED]
    assert len(missed) == 1
    assert missed[0].numbers["laggards"] == ["r2"]
    bench.ack("r2")
    assert bench.alerts[-1].state is AlertState.RESOLVED
    assert bench.audit[-2].event == "recovered" or bench.audit[-1].event == "incident_resolved"


def test_of_two_rollbacks_that_nobody_obeys_the_newer_one_alone_alerts() -> None:
    bench = LedgerBench()
    bench.adopt()
    for candidate in ("v2", "v3"):
        bench.start(candidate=candidate)
        bench.request(Rollback)
        for _ in range(35):
            bench.tick(2)
    missed = [a for a in bench.alerts if a.kind is AlertKind.RECOVERY_MISSED]
    assert [a.state for a in missed] == [
        AlertState.FIRING,
        AlertState.RESOLVED,
        AlertState.FIRING,
    ]
    assert missed[1].alert_id == missed[0].alert_id != missed[2].alert_id


def test_a_split_that_no_router_is_heard_of_alerts_too() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    bench.request(Rollback)
    for _ in range(35):
        bench.tick(2)
    missed = [a for a in bench.alerts if a.kind is AlertKind.RECOVERY_MISSED]
    assert "no router is heard" in missed[0].sentence


def test_an_ack_below_the_revision_gets_the_same_command_again_at_most_every_2_s() -> None:
    bench = _rolled_back_by_hand()
    old = bench.commands[0].revision
    sent = len(bench.commands)
    for _ in range(8):
        bench.tick(0.5)
        bench.ack("r2", revision=old)
    again = bench.commands[sent:]
    assert len(again) == 2
    assert {c.decision_id for c in again} == {bench.commands[sent - 1].decision_id}
    control = [r for r in bench.records if r.topic == "control"][sent - 1 :]
    assert len({(r.event_id, r.value) for r in control}) == 1


def test_the_current_revision_with_another_decision_gets_the_split_under_the_next_one() -> None:
    bench = _rolled_back_by_hand()
    before = bench.commands[-1]
    bench.ack("r1", decision_id="d-another-release")
    after = bench.commands[-1]
    assert after.revision == before.revision + 1
    assert after.weights == before.weights
    assert after.decision_id != before.decision_id
    assert after.operator == before.operator != ""


def test_routers_that_are_long_gone_are_forgotten() -> None:
    bench = _rolled_back_by_hand()
    bench.serve(1, v1=Traffic())
    for _ in range(70):
        bench.tick(60)
    assert bench.model.routers == {}


def test_a_new_rollout_before_the_old_ones_routers_obeyed_is_judged_anew() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    bench.ack()
    bench.serve(2, v1=Traffic(), v2=Traffic(safety_violations=1))
    assert bench.commands[-1].action is Action.ROLLBACK
    bench.start(candidate="v3")  # no router has acknowledged the rollback yet
    bench.serve(4, v1=Traffic(), v3=Traffic(safety_violations=1))
    assert bench.commands[-1].action is Action.ROLLBACK
    assert bench.commands[-1].from_version == "v3"
    bench.serve(4, v1=Traffic())
    assert bench.model.incidents == {}
