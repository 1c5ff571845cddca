"""Several versions under judgement: each has its own evidence, verdicts and incidents."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.policy import parse_policy
from headgate.release.evidence import begin
from headgate.release.state import Watched
from headgate.vocabulary import Action, AlertKind, AlertState
from headgate.wire.control import Weight
from support.ledger import MODEL, LedgerBench, Traffic, policy_content

GOOD = Traffic(requests=40, rating=4.4)


def _two_treatments() -> LedgerBench:
    """A bench whose rollout of v2 is made one of v2 and v3 beside v1."""
    bench = LedgerBench()
    bench.adopt()
    bench.start(3_000)
    model = bench.model
    assert model.command is not None
    assert model.rollout is not None
    split = (("v2", 3_000), ("v3", 3_000), ("v1", 4_000))
    weights = tuple(Weight(version=name, weight=weight) for name, weight in split)
    model = replace(model, command=replace(model.command, weights=weights))
    policy = parse_policy(policy_content())
    arms = [
        Watched(version=name, beside="v1", first_revision=model.rollout.first_revision)
        for name in ("v2", "v3")
    ]
    begun = {arm.version: begin(model, arm, policy, bench.now_ms) for arm in arms}
    bench.state = replace(bench.state, models={MODEL: replace(model, watched=begun)})
    return bench


def test_each_arm_is_judged_on_its_own_and_knows_its_buckets() -> None:
    bench = _two_treatments()
    evidence = [watched.evidence for watched in bench.model.watched.values()]
    assert [(e.splits[-1].first, e.splits[-1].candidate) for e in evidence if e] == [
        (0, 3_000),
        (3_000, 3_000),
    ]
    bench.serve(60, v1=GOOD, v2=GOOD, v3=Traffic(requests=40, rating=1.5))
    breaches = [alert for alert in bench.alerts if alert.kind is AlertKind.BREACH]
    assert [(alert.trigger, alert.versions) for alert in breaches] == [("rating", ("v3", "v1"))]
    evidence = [watched.evidence for watched in bench.model.watched.values()]
    assert [e.requests for e in evidence if e] == [40 * 120, 40 * 120]


def test_two_arms_with_the_same_symptom_have_an_incident_each_and_one_action_ends_both() -> None:
    bench = _two_treatments()
    bad = Traffic(requests=40, rating=1.5)
    bench.serve(60, v1=GOOD, v2=bad, v3=bad)
    firing = [alert for alert in bench.alerts if alert.state is AlertState.FIRING]
    assert sorted(alert.versions[0] for alert in firing) == ["v2", "v3"]
    assert len({alert.alert_id for alert in firing}) == 2
    bench.serve(900, v1=GOOD)
    assert [command.action for command in bench.commands][-1] is Action.ROLLBACK
    assert list(bench.model.watched) == ["v1"]  # production, again
    assert {alert.state for alert in bench.alerts[-2:]} == {AlertState.RESOLVED}
    assert bench.model.incidents == {}
