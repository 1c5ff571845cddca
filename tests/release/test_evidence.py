"""Evidence in the fold: what a rollout proves over its life, and that it survives a checkpoint."""

from __future__ import annotations

import numpy as np
import pytest

from headgate.judge.policy import parse_policy
from headgate.judge.sequential.bank import Kind, bank_of
from headgate.judge.sequential.columns import columns_of, known_of
from headgate.judge.sequential.combining import combine
from headgate.judge.sequential.state import Evidence
from headgate.release.checkpoints import freeze
from headgate.release.fold import step
from headgate.release.state import PartitionState
from headgate.vocabulary import Action, AlertKind, AlertState
from headgate.wire.rollout_requests import EndHold, SetWeight
from support.checkpoints import taken_over
from support.ledger import MODEL, LedgerBench, Traffic, policy_content

GOOD = Traffic(rating=4.4, hallucination_rate=0.0, tokens=600, cost_usd=0.002)


def _rollout(weight: int = 5000) -> LedgerBench:
    bench = LedgerBench()
    bench.adopt()
    bench.start(weight)
    return bench


def _evidence(bench: LedgerBench) -> Evidence:
    (watched,) = bench.model.watched.values()
    assert watched.evidence is not None
    return watched.evidence


def test_a_tick_without_news_keeps_the_same_evidence() -> None:
    bench = _rollout()
    bench.serve(5, v1=GOOD, v2=GOOD)
    for _ in range(20):
        bench.tick()  # until every trigger has had its turn
    before = _evidence(bench)
    bench.tick()
    assert _evidence(bench) is before


def test_a_ramp_while_both_arms_get_three_times_worse_is_no_breach() -> None:
    bench = _rollout(1000)
    bench.serve(60, v1=Traffic(requests=90), v2=Traffic(requests=10))
    bench.request(SetWeight, weight=5000)
    worse = Traffic(error_rate=0.03)
    bench.serve(90, v1=worse, v2=worse)
    assert Action.ROLLBACK not in [command.action for command in bench.commands]
    assert bench.alerts == []
    evidence = _evidence(bench)
    assert len(evidence.splits) == 2
    assert evidence.started_ms < evidence.splits[-1].since_ms  # a change of weight: no new phase
    assert evidence.requests > 9_000


def test_fast_failures_of_traffic_that_just_started_prove_nothing() -> None:
    bench = _rollout()
    for _ in range(4):  # the rest of 50 requests a tick is still on its way
        bench.serve(0.5, v1=GOOD, v2=Traffic(requests=1, error_rate=1.0))
        bench.serve(0.5, v1=GOOD)
    assert Action.ROLLBACK not in [command.action for command in bench.commands]


def test_an_outage_holds_alerts_and_ends_with_evidence_anew() -> None:
    bench = _rollout()
    bench.serve(20, v1=GOOD, v2=GOOD)
    outage = Traffic(error_rate=0.5)
    bench.serve(30, v1=outage, v2=outage)
    assert [alert.kind for alert in bench.alerts] == [AlertKind.OUTAGE_HOLD]
    assert "error_rate" in _evidence(bench).holding
    policy = parse_policy(policy_content())
    spent = known_of(policy, _evidence(bench))["error_rate"].spent
    bench.serve(330, v1=GOOD, v2=GOOD)
    assert bench.alerts[-1].state is AlertState.RESOLVED
    known = known_of(policy, _evidence(bench))["error_rate"]
    assert known.holding_since_ms is None
    assert known.spent[Kind.ABSOLUTE] > spent[Kind.ABSOLUTE]  # what was spent stays spent
    policy = parse_policy(policy_content())
    before = combine(policy, _evidence(bench)).tests["error_rate"][Kind.ABSOLUTE]
    assert before < 0
    bench.serve(20, v1=GOOD, v2=Traffic(error_rate=0.5))
    assert bench.commands[-1].action is Action.ROLLBACK
    assert [because.trigger for because in bench.commands[-1].reasons] == ["error_rate"]


def test_a_person_ends_a_hold_and_what_it_was_held_for_is_proven_anew() -> None:
    bench = _rollout()
    bench.serve(20, v1=GOOD, v2=GOOD)
    assert bench.request(EndHold).event == "refused"
    outage = Traffic(error_rate=0.5)
    bench.serve(30, v1=outage, v2=outage)
    answer = bench.request(EndHold, reason="the provider is back")
    assert answer.event == "accepted"
    assert "error_rate" in answer.sentence
    assert bench.alerts[-1].state is AlertState.RESOLVED
    assert "ann" in bench.alerts[-1].sentence
    bench.serve(20, v1=GOOD, v2=Traffic(error_rate=0.5))
    assert bench.commands[-1].action is Action.ROLLBACK


@pytest.mark.parametrize("seconds", [3, 40])
def test_evidence_survives_a_checkpoint_and_folds_on_to_the_same_bytes(seconds: int) -> None:
    bench = _rollout(1000)
    bench.serve(seconds, v1=GOOD, v2=Traffic(requests=7, rating=4.0, hallucination_rate=0.01))
    cut, thawed = len(bench.entries), taken_over(bench.state)
    bench.serve(15, v1=GOOD, v2=Traffic(error_rate=0.02))
    again = PartitionState(ledger_partition=0)
    for number, (entry, at) in enumerate(bench.entries):
        again, _ = step(again, entry, at)
        if number >= cut:
            thawed, _ = step(thawed, entry, at)
    assert freeze(thawed, MODEL) == freeze(bench.state, MODEL) == freeze(again, MODEL)
    bank = bank_of(parse_policy(policy_content()))
    wealth = columns_of(bank, _evidence(bench)).wealth
    assert np.isfinite(wealth).all()
    assert (wealth > -1e3).any()
