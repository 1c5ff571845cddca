"""Requests for all models may ask for a second person too; every ledger partition says the same."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from headgate.release.checkpoints import freeze, freeze_marker, thaw_newest
from headgate.release.second_person import GRACE_MS, MAX_WAITING
from headgate.release.state import PartitionState
from headgate.vocabulary import ANY_MODEL, Mode, Role
from headgate.wire.audit import AuditRecord
from headgate.wire.key_requests import ApplyKeys, Approve, KeyApprovals
from headgate.wire.requests import digest_of_request
from headgate.wire.rollout_requests import SetMode
from support.ledger import LedgerBench
from support.people import ANN, BOB, EVE, VIC, Person, signed_bench

DAN = Person("dan", Role.APPROVER)
RULE = KeyApprovals(actions=("apply_keys", "set_mode"), within_ms=1_800_000)
TEAM = (ANN, BOB, VIC, DAN)


def _set(
    bench: LedgerBench, *people: Person, by: Person = ANN, rule: KeyApprovals | None = RULE
) -> AuditRecord:
    keys = tuple(person.key for person in people)
    return by.ask(bench, ApplyKeys, model=ANY_MODEL, keys=keys, approvals=rule)


def _approve(
    bench: LedgerBench, asked: AuditRecord, by: Person = DAN, **fields: Any
) -> AuditRecord:
    given = {"approves": asked.request_id, "digest": asked.details["digest"], **fields}
    return by.ask(bench, Approve, model=ANY_MODEL, **given)


def _enforce(bench: LedgerBench, by: Person = BOB) -> AuditRecord:
    return by.ask(bench, SetMode, model=ANY_MODEL, mode=Mode.ENFORCE)


def _holders(state: PartitionState) -> set[str]:
    return {key.operator for key in state.keys.values()}


@pytest.fixture
def bench() -> LedgerBench:
    """Ann and dan are approvers; keys and enforcing need two people."""
    bench = signed_bench()
    answer = _set(bench, *TEAM)
    assert answer.event == "accepted"
    assert "A second person approves apply_keys, set_mode for all models." in answer.sentence
    return bench


def test_a_new_key_waits_until_another_approver_has_said_yes(bench: LedgerBench) -> None:
    asked = _set(bench, *TEAM, EVE)
    assert (asked.event, "eve" in _holders(bench.state)) == ("waiting", False)
    assert asked.remedy == f"headgate approve '*' {asked.request_id}"
    assert EVE.ask(bench, SetMode, mode=Mode.OBSERVE).event == "refused"
    approved = _approve(bench, asked)
    assert (approved.event, "eve" in _holders(bench.state)) == ("accepted", True)
    assert approved.sentence.startswith("dan approved the apply_keys of ann: 5 keys are set")
    carried = [row for row in bench.audit if row.request_id == asked.request_id][-1]
    assert (carried.event, carried.operator, carried.key_id) == ("accepted", "ann", ANN.key_id)
    assert "No request" in _approve(bench, asked).sentence


def test_one_approver_cannot_become_two(bench: LedgerBench) -> None:
    twin = Person("anna", Role.APPROVER)
    asked = _set(bench, *TEAM, twin)
    assert "not among the keys" in _approve(bench, asked, twin).sentence
    assert "can't approve it too" in _approve(bench, asked, ANN).sentence
    assert "approve needs approver" in _approve(bench, asked, BOB).sentence
    assert _holders(bench.state) == {"ann", "bob", "vic", "dan"}


def test_a_stolen_key_goes_at_once_and_what_was_asked_before_does_not_bring_it_back(
    bench: LedgerBench,
) -> None:
    asked = _set(bench, *TEAM, EVE)
    assert _set(bench, ANN, VIC, DAN).event == "accepted"
    assert _holders(bench.state) == {"ann", "vic", "dan"}
    assert "not those any more that ann knew of" in _approve(bench, asked).sentence
    assert _holders(bench.state) == {"ann", "vic", "dan"}


@pytest.mark.parametrize("rule", [None, KeyApprovals(actions=("apply_keys",))])
def test_the_rule_itself_is_not_changed_by_one_person(
    bench: LedgerBench, rule: KeyApprovals | None
) -> None:
    asked = _set(bench, *TEAM, rule=rule)
    assert (asked.event, bench.state.approvals) == ("waiting", RULE)
    assert _approve(bench, asked).event == "accepted"
    assert bench.state.approvals == rule


def test_a_role_is_not_changed_by_one_person(bench: LedgerBench) -> None:
    risen = replace(BOB.key, role=Role.APPROVER)
    keys = (ANN.key, risen, VIC.key, DAN.key)
    answer = ANN.ask(bench, ApplyKeys, model=ANY_MODEL, keys=keys, approvals=RULE)
    assert answer.event == "waiting"


def test_two_people_must_be_left_who_may_approve(bench: LedgerBench) -> None:
    second = Person("ann", Role.APPROVER, 2)
    for people in ((ANN, BOB, VIC), (ANN, second, BOB)):
        answer = _set(bench, *people)
        assert (answer.event, "only one is an approver" in answer.sentence) == ("refused", True)
    assert not bench.state.waiting


def test_to_stop_never_waits_and_to_enforce_again_takes_two(bench: LedgerBench) -> None:
    assert BOB.ask(bench, SetMode, model=ANY_MODEL, mode=Mode.OBSERVE).event == "accepted"
    asked = _enforce(bench)
    assert (asked.event, bench.model.mode, bench.state.mode) == (
        "waiting",
        Mode.OBSERVE,
        Mode.OBSERVE,
    )
    assert _approve(bench, asked, ANN).event == "accepted"
    assert (bench.model.mode, bench.state.mode) == (Mode.ENFORCE, Mode.ENFORCE)


def test_to_enforce_is_approved_under_other_keys_too(bench: LedgerBench) -> None:
    asked = _enforce(bench)
    assert _set(bench, ANN, BOB, DAN).event == "accepted"
    assert _approve(bench, asked).event == "accepted"


def test_modes_wait_only_where_they_were_chosen(bench: LedgerBench) -> None:
    rule = KeyApprovals(actions=("apply_keys",))
    assert _approve(bench, _set(bench, *TEAM, rule=rule)).event == "accepted"
    assert _enforce(bench).event == "accepted"


def test_an_approval_is_of_one_exact_request(bench: LedgerBench) -> None:
    asked = _set(bench, *TEAM, EVE)
    other = digest_of_request(ANN.make(bench, ApplyKeys, model=ANY_MODEL, keys=(EVE.key,)))
    assert "another content" in _approve(bench, asked, digest=other).sentence
    assert "No request r-9" in _approve(bench, asked, approves="r-9").sentence
    assert (
        "No request"
        in DAN.ask(
            bench, Approve, approves=asked.request_id, digest=asked.details["digest"]
        ).sentence
    )
    assert "eve" not in _holders(bench.state)


def test_what_nobody_approves_in_time_is_refused(bench: LedgerBench) -> None:
    asked = _set(bench, *TEAM, EVE)
    bench.tick((RULE.within_ms + GRACE_MS) / 1_000 + 1)
    told = [row for row in bench.audit if row.request_id == asked.request_id]
    assert (told[-1].event, "in time" in told[-1].sentence) == ("refused", True)
    assert not bench.state.waiting
    assert "No request" in _approve(bench, asked).sentence


@pytest.mark.parametrize(("late_ms", "event"), [(0, "accepted"), (1, "refused")])
def test_ledger_partitions_with_other_clocks_agree_on_what_came_in_time(
    late_ms: int, event: str
) -> None:
    first, second = signed_bench(), signed_bench()
    for bench in (first, second):
        assert _set(bench, *TEAM).event == "accepted"
    second.tick(GRACE_MS / 2_000)
    keys = tuple(person.key for person in (*TEAM, EVE))
    request = ANN.make(first, ApplyKeys, model=ANY_MODEL, keys=keys, approvals=RULE)
    asked = [bench.admit(request, ANN.sign(request)) for bench in (first, second)]
    assert [row.event for row in asked] == ["waiting", "waiting"]
    assert asked[0].details["until_ms"] == asked[1].details["until_ms"]
    for bench in (first, second):
        bench.tick(RULE.within_ms / 1_000)
    until_ms, digest = asked[0].details["until_ms"], asked[0].details["digest"]
    times = {"issued_at_ms": until_ms + late_ms, "expires_at_ms": until_ms + 900_000}
    named = {"approves": request.request_id, "digest": digest, "model": ANY_MODEL}
    approval = DAN.make(first, Approve, **named, **times)
    answers = [bench.admit(approval, DAN.sign(approval)) for bench in (first, second)]
    assert [row.event for row in answers] == [event, event]
    assert first.state.keys == second.state.keys


def test_the_same_approval_read_twice_by_admit_takes_effect_once(bench: LedgerBench) -> None:
    assert _approve(bench, _set(bench, *TEAM, EVE)).event == "accepted"
    said = len(bench.audit)
    bench.feed(bench.entries[-1][0])
    assert len(bench.audit) == said


def test_no_more_than_eight_requests_wait_for_all_models(bench: LedgerBench) -> None:
    for _ in range(MAX_WAITING):
        assert _enforce(bench).event == "waiting"
    assert "8 requests wait" in _enforce(bench).sentence


def test_what_waits_travels_in_checkpoints_and_replays_agree(bench: LedgerBench) -> None:
    asked = _set(bench, *TEAM, EVE)
    state = replace(bench.state, models={})
    name, parts = freeze(state, "")
    key, marker = freeze_marker(state, [name])
    loaded = thaw_newest({**parts, key: marker}, 0)
    assert loaded is not None
    assert loaded.state == state
    _approve(bench, asked)
    assert bench.replayed() == bench.records
