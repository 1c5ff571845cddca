"""Rollbacks on request: of what is on trial, of one arm of a test, and of production by name."""

from __future__ import annotations

from typing import Any

from headgate.release.status import model_status
from headgate.vocabulary import AlertKind, Status
from headgate.wire.audit import AuditRecord
from headgate.wire.rollout_requests import Promote, Rollback, StopTest
from support.courses import GOOD, adopted, start_ab, start_blue_green, start_canary, weights
from support.ledger import LedgerBench, Traffic

BROKEN = Traffic(requests=60, error_rate=0.4)
THREE = (("v2", 2_500), ("v3", 2_500), ("v1", 5_000))


def promoted(*versions: str) -> LedgerBench:
    """Each promoted in place of the one before."""
    bench = adopted(canary={"early_promotion": "allowed"})
    for version in versions:
        bench.start(5_000, version, stable=bench.model.production)
        bench.request(Promote)
    return bench


def back(bench: LedgerBench, version: str = "", **fields: Any) -> AuditRecord:
    return bench.request(Rollback, version=version, **fields)


def can(bench: LedgerBench) -> tuple[str, ...]:
    return model_status(bench.state, bench.model).can


def test_while_no_rollout_runs_a_rollback_names_what_it_is_of() -> None:
    bench = promoted("v2")
    start_canary(bench, "v3", stable="v2")
    assert back(bench, operator="ann").event == "accepted"
    bench.serve(3, v2=GOOD)
    decision = bench.commands[-1].decision_id
    refused = back(bench, operator="bob")
    assert (refused.event, bench.model.production) == ("refused", "v2")
    assert "v2 serves everything, and a rollback would go on to v1" in refused.sentence
    assert f"ann rolled v3 back 3 s ago ({decision})" in refused.sentence
    assert refused.remedy == "headgate rollout rollback support --version v2, if v2 is to go"
    assert back(bench, "v2").event == "accepted"
    assert bench.model.production == "v1"


def test_after_headgates_own_rollback_one_that_names_nothing_is_refused_too() -> None:
    bench = promoted("v2")
    bench.start(5_000, "v3", stable="v2")
    bench.serve(60, v2=GOOD, v3=BROKEN)
    assert bench.model.rollout is None
    refused = back(bench)
    assert (refused.event, bench.model.production) == ("refused", "v2")
    assert "Headgate rolled v3 back" in refused.sentence


def test_every_offer_of_a_rollback_names_what_it_takes_back() -> None:
    bench = promoted("v2")
    offers = [can(bench)]
    for start in (start_canary, start_blue_green):
        start(bench, "v3", stable="v2")
        offers.append(can(bench))
        back(bench, "v3", operator="ann")
        bench.model.rolled_back_by.pop("v3")
    said = [line for row in offers for line in row if "rollout rollback" in line]
    assert said == [
        "headgate rollout rollback support --version v2",
        *["headgate rollout rollback support --version v3 --reason '...'"] * 2,
    ]


def test_a_version_rolled_back_from_production_starts_again_where_that_is_overridden() -> None:
    bench = promoted("v2")
    back(bench, "v2")
    decision = bench.commands[-1].decision_id
    assert bench.model.versions["v2"].status is Status.DEPRECATED
    refused = start_canary(bench, "v2")
    assert refused.sentence == f"v2 was rolled back by decision {decision}."
    assert f"start it with --overrides {decision}" in refused.remedy
    started = bench.start(5_000, "v2", overrides=decision)
    assert started.event == "accepted"
    assert f"ann overrides decision {decision}, which rolled v2 back" in started.sentence
    path = [row.status for row in bench.model.versions["v2"].history[-3:]]
    assert path == [Status.DEPRECATED, Status.STAGING, Status.CANDIDATE]
    assert bench.model.previous == ""
    assert bench.request(Promote).event == "accepted"
    assert (bench.model.production, bench.model.previous) == ("v2", "v1")
    assert not bench.model.versions["v2"].rolled_back


def test_one_that_fails_again_is_in_staging_and_no_target() -> None:
    bench = promoted("v2")
    back(bench, "v2")
    start_canary(bench, "v2", overrides=bench.commands[-1].decision_id)
    bench.serve(60, v1=GOOD, v2=BROKEN)
    assert (bench.model.rollout, bench.model.versions["v2"].status) == (None, Status.STAGING)
    refused = back(bench, "v1")
    assert (refused.event, bench.model.production) == ("refused", "v1")
    assert "no previous version is known" in refused.sentence


def test_one_may_go_back_to_what_was_rolled_back_from_by_naming_that_decision() -> None:
    bench = promoted("v2")
    back(bench, "v2")
    decision = bench.commands[-1].decision_id
    refused = back(bench, "v1")
    assert f"--version v1 --overrides {decision}, if v1 is to go" in back(bench).remedy
    assert refused.sentence == f"v2, the previous version, was rolled back by decision {decision}."
    again = f"headgate rollout rollback support --version v1 --overrides {decision}"
    assert again in refused.remedy
    assert "d-none" in back(bench, "v1", overrides="d-none").sentence
    accepted = back(bench, "v1", overrides=decision)
    assert accepted.event == "accepted"
    assert f"ann overrides decision {decision}, which rolled v2 back" in accepted.sentence
    assert bench.model.production == "v2"
    assert bench.model.rolled_back_by == {"v1": bench.commands[-1].decision_id}
    assert {name for name, row in bench.model.versions.items() if row.rolled_back} == {"v1"}


def test_the_page_of_a_bad_production_version_says_how_to_go_back_all_the_same() -> None:
    bench = promoted("v2")
    back(bench, "v2")
    decision = bench.commands[-1].decision_id
    bench.serve(90, v1=GOOD)
    bench.serve(60, v1=BROKEN)
    (page,) = [row for row in bench.alerts if row.kind is AlertKind.NO_ROLLBACK_TARGET]
    again = f"headgate rollout rollback support --version v1 --overrides {decision}"
    assert f"{again} goes back to it all the same." in page.sentence
    assert "Register" not in page.sentence
    assert page.commands[-1].startswith(again)
    assert back(bench, "v1", overrides=decision).event == "accepted"


def test_an_arm_of_a_test_is_taken_out_by_its_name_and_the_others_go_on() -> None:
    bench = adopted()
    start_ab(bench, *THREE)
    bench.serve(11, v1=GOOD, v2=GOOD, v3=GOOD)
    taken = back(bench, "v3", operator="bob", reason="it is awful")
    assert taken.event == "accepted"
    assert "Took v3 out of the A/B test of support, its share goes to v1." in taken.sentence
    assert weights(bench)[-1] == {"v2": 2_500, "v1": 7_500}
    assert (bench.commands[-1].operator, bench.commands[-1].from_version) == ("bob", "v3")
    assert bench.model.rolled_back_by == {"v3": bench.commands[-1].decision_id}
    assert bench.model.versions["v3"].history[-1].by == "bob"
    bench.serve(11, v1=GOOD, v2=GOOD)
    report = model_status(bench.state, bench.model).rollout.report  # type: ignore[union-attr]
    assert report is not None
    assert [arm.version for arm in report.arms] == ["v2", "v1"]
    assert "was rolled back already" in back(bench, "v3").sentence
    assert back(bench, "v2").event == "accepted"
    assert (bench.model.rollout, weights(bench)[-1]) == (None, {"v1": 10_000})


def test_a_rollback_of_a_test_that_names_no_arm_is_of_every_arm() -> None:
    bench = adopted()
    start_ab(bench, *THREE)
    answer = back(bench)
    assert answer.sentence.startswith("Rolled support back from v2 and v3 to v1.")
    decision = bench.commands[-1].decision_id
    assert bench.model.rolled_back_by == {"v2": decision, "v3": decision}
    assert all(bench.model.versions[name].rolled_back for name in ("v2", "v3"))
    for version in ("v2", "v3"):
        assert start_canary(bench, version).event == "refused"
    assert start_ab(bench, *THREE, overrides=decision).event == "accepted"
    assert bench.request(StopTest).event == "accepted"
    assert "ann rolled v2 and v3 back" not in back(bench).sentence


def test_each_arm_of_a_test_is_offered_to_be_taken_back_and_none_other_is_refused_falsely() -> None:
    bench = adopted()
    start_ab(bench, *THREE)
    assert [line for line in can(bench) if "rollback" in line] == [
        f"headgate rollout rollback support --version {name} --reason '...'"
        for name in ("v2", "v3")
    ]
    refused = back(bench, "v9")
    assert refused.sentence == "v9 is not on trial; this would take v2 and v3 back."
    assert "--version v2 or headgate rollout rollback support --version v3" in refused.remedy


def test_the_alert_about_an_arm_offers_to_take_that_arm_back() -> None:
    bench = adopted()
    start_ab(bench, *THREE)
    good, bad = Traffic(requests=60, rating=4.5), Traffic(requests=60, rating=1.5)
    bench.serve(60, v1=good, v2=good, v3=bad)
    (alert,) = [row for row in bench.alerts if row.kind is AlertKind.BREACH]
    assert alert.deadline_ms is not None
    assert "headgate rollout rollback support --version v3 " in alert.commands[1]


def test_what_people_take_back_replays_to_the_same_bytes() -> None:
    bench = adopted()
    start_ab(bench, *THREE)
    bench.serve(11, v1=GOOD, v2=GOOD, v3=GOOD)
    for version in ("v3", "v2", ""):
        back(bench, version)
    assert bench.replayed() == bench.records
