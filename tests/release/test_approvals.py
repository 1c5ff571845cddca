"""A policy may ask for a second person: who approves names one exact request, in time."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from headgate.judge.policy import PolicyError, parse_policy
from headgate.release.status import model_status
from headgate.vocabulary import AlertKind, Mode, Role
from headgate.wire.audit import AuditRecord
from headgate.wire.key_requests import Approve
from headgate.wire.registry import CompatibilityRule
from headgate.wire.registry_requests import SetCompatibility
from headgate.wire.requests import digest_of_request
from headgate.wire.rollout_requests import (
    Adopt,
    ApplyPolicy,
    Promote,
    Rollback,
    SetMode,
    SetWeight,
    StartRollout,
)
from support.ledger import MODEL, LedgerBench, by_one_person, policy_content
from support.people import ANN, BOB, VIC, Person, set_keys, signed_bench

DAN = Person("dan", Role.APPROVER)


def _policy(**approvals: Any) -> dict[str, Any]:
    return {**policy_content(), "approvals": {"actions": ["promote"], "within": "30m", **approvals}}


@pytest.fixture
def bench() -> LedgerBench:
    """A rollout runs; a promotion needs two people."""
    bench = signed_bench()
    set_keys(bench, ANN, BOB, VIC, DAN)
    assert ANN.ask(bench, ApplyPolicy, policy=_policy()).event == "accepted"
    started = BOB.ask(bench, StartRollout, stable="v1", candidate="v2", weight=500)
    assert started.event == "accepted"
    return bench


def _approve(
    bench: LedgerBench, asked: AuditRecord, by: Person = ANN, **fields: Any
) -> AuditRecord:
    """The answer to an approval of what the audit record tells of."""
    given = {"approves": asked.request_id, "digest": asked.details["digest"], **fields}
    return by.ask(bench, Approve, **given)


def test_a_chosen_action_waits_and_is_carried_out_once_somebody_else_approves(
    bench: LedgerBench,
) -> None:
    asked = BOB.ask(bench, Promote)
    assert (asked.event, bench.model.production) == ("waiting", "v1")
    assert asked.remedy == f"headgate approve {MODEL} {asked.request_id}"
    approved = _approve(bench, asked)
    assert (approved.event, bench.model.production) == ("accepted", "v2")
    assert approved.sentence.startswith("ann approved the promote of bob:")
    carried = [row for row in bench.audit if row.request_id == asked.request_id][-1]
    assert (carried.event, carried.operator, carried.key_id) == ("accepted", "bob", BOB.key_id)
    assert not bench.model.waiting
    assert "No request" in _approve(bench, asked).sentence


def test_a_policy_that_was_set_before_is_not_changed_by_adopting_with_another() -> None:
    bench = LedgerBench()
    bench.tick()
    assert bench.request(ApplyPolicy, policy=_policy()).event == "accepted"
    refused = bench.request(Adopt, version="v1", policy=by_one_person(policy_content()))
    assert (refused.event, refused.remedy.endswith("policy apply support FILE")) == (
        "refused",
        True,
    )
    assert bench.request(Adopt, version="v1", policy=_policy()).event == "accepted"


def test_other_actions_do_not_wait(bench: LedgerBench) -> None:
    assert BOB.ask(bench, SetWeight, weight=700).event == "accepted"


def test_nobody_approves_what_they_asked_for(bench: LedgerBench) -> None:
    asked = ANN.ask(bench, Promote)
    assert "can't approve it too" in _approve(bench, asked).sentence
    assert bench.model.production == "v1"
    assert _approve(bench, asked, DAN).event == "accepted"


def test_who_is_no_approver_approves_nothing(bench: LedgerBench) -> None:
    asked = ANN.ask(bench, Promote)
    assert "approve needs approver" in _approve(bench, asked, BOB).sentence
    assert bench.model.production == "v1"


def test_an_approval_is_of_one_exact_request(bench: LedgerBench) -> None:
    asked = BOB.ask(bench, Promote)
    other = digest_of_request(BOB.make(bench, Promote, reason="something else"))
    assert "another content" in _approve(bench, asked, digest=other).sentence
    assert "No request r-9" in _approve(bench, asked, approves="r-9").sentence
    assert bench.model.production == "v1"


def test_what_nobody_approves_in_time_is_refused(bench: LedgerBench) -> None:
    asked = BOB.ask(bench, Promote)
    for _ in range(31):
        bench.tick(60)
    told = [row for row in bench.audit if row.request_id == asked.request_id]
    assert (told[-1].event, "in time" in told[-1].sentence) == ("refused", True)
    assert "No request" in _approve(bench, asked).sentence
    assert bench.model.production == "v1"


def test_what_could_not_be_done_is_refused_at_once(bench: LedgerBench) -> None:
    assert _approve(bench, BOB.ask(bench, Promote)).event == "accepted"
    assert BOB.ask(bench, Promote).event == "refused"
    assert not bench.model.waiting


def test_the_rule_itself_is_not_changed_by_one_person(bench: LedgerBench) -> None:
    asked = ANN.ask(bench, ApplyPolicy, policy=by_one_person(policy_content()))
    assert asked.event == "waiting"
    assert _approve(bench, asked, DAN).event == "accepted"
    assert BOB.ask(bench, Promote).event == "accepted"


def test_what_somebody_asked_for_whose_key_is_gone_is_not_carried_out(
    bench: LedgerBench,
) -> None:
    asked = BOB.ask(bench, Promote)
    set_keys(bench, ANN, DAN)
    assert "bob has no operator key any more" in _approve(bench, asked).sentence
    assert bench.model.production == "v1"


def test_a_forgery_or_a_replay_of_what_waits_leaves_it_waiting(bench: LedgerBench) -> None:
    request = BOB.make(bench, Promote)
    asked = bench.admit(request, BOB.sign(request))
    for headers in ({}, BOB.sign(request)):
        answer = bench.admit(request, headers)
        assert answer.details["refused_digest"] == digest_of_request(request)
    assert _approve(bench, asked).event == "accepted"


def test_no_more_than_eight_requests_wait_for_a_model(bench: LedgerBench) -> None:
    for _ in range(8):
        assert BOB.ask(bench, Promote).event == "waiting"
    assert "8 requests wait" in BOB.ask(bench, Promote).sentence


def test_without_keys_two_names_are_asked_for_but_nothing_proves_them() -> None:
    bench = LedgerBench()
    bench.adopt(_policy(actions=["set_mode"]))
    asked = bench.request(SetMode, mode=Mode.OBSERVE)
    assert asked.event == "waiting"
    given = {"approves": asked.request_id, "digest": asked.details["digest"]}
    assert bench.request(Approve, **given).event == "refused"
    assert bench.request(Approve, operator="bob", **given).event == "accepted"
    assert bench.model.mode is Mode.OBSERVE


def test_replays_agree_on_approvals(bench: LedgerBench) -> None:
    _approve(bench, BOB.ask(bench, Promote))
    assert bench.replayed() == bench.records


@pytest.mark.parametrize(
    "rule", [{"actions": ["reboot"]}, {"actions": []}, {"actions": ["approve"]}, {"within": "0s"}]
)
def test_a_rule_that_does_not_hold_together_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match="approvals"):
        parse_policy(_policy(**rule))


def test_a_rollback_to_nothing_that_fits_waits_for_nobody_and_pages_as_without_approvals() -> None:
    bench = signed_bench()
    assert BOB.ask(bench, StartRollout, stable="v1", candidate="v2", weight=500).event == "accepted"
    assert BOB.ask(bench, Promote).event == "accepted"
    rule = CompatibilityRule(model="v1", compatible=False)
    assert BOB.ask(bench, SetCompatibility, rules=(rule,)).event == "accepted"
    answer = ANN.ask(bench, ApplyPolicy, policy=_policy(actions=["rollback"]))
    assert answer.event == "accepted"
    asked = [BOB.ask(bench, Rollback, version="v2") for _ in range(2)]
    assert [row.event for row in asked] == ["refused", "refused"]
    assert not bench.model.waiting
    paged = [row for row in bench.alerts if row.kind is AlertKind.NO_ROLLBACK_TARGET]
    assert len(paged) == 1
    assert BOB.ask(bench, SetCompatibility, rules=()).event == "accepted"
    assert BOB.ask(bench, Rollback, version="v2").event == "waiting"


def test_the_command_to_approve_is_one_word_for_each_name(bench: LedgerBench) -> None:
    asked = BOB.ask(bench, Promote, request_id="$(reboot); x")
    assert shlex.split(asked.remedy) == ["headgate", "approve", MODEL, "$(reboot); x"]
    told = model_status(bench.state, bench.model)
    assert asked.remedy in told.can
