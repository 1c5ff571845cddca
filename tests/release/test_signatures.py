"""Once keys are set, only requests that somebody signed who may ask for them change anything."""

from __future__ import annotations

from typing import get_args

import pytest
from msgspec.structs import replace

from headgate.registry.operators import NEEDS
from headgate.release.gate import MAX_REMEMBERED
from headgate.release.state import PartitionState
from headgate.vocabulary import ANY_MODEL, Mode, Role
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import encode
from headgate.wire.key_requests import ApplyKeys
from headgate.wire.ledger import AdmittedRequest, MalformedRequest
from headgate.wire.messages import ENTRY
from headgate.wire.registry_requests import Retain
from headgate.wire.requests import AnyRequest
from headgate.wire.rollout_requests import (
    ApplyPolicy,
    Promote,
    Resume,
    SetMode,
    SetWeight,
    StartRollout,
)
from headgate.wire.signatures import KEY_ID_HEADER, SIGNATURE_HEADER
from support.checkpoints import taken_over
from support.ledger import MODEL, LedgerBench, policy_content, same_but_audit
from support.people import ANN, BOB, EVE, VIC, Person, set_keys, signed_bench

OBSERVE = {"mode": Mode.OBSERVE}


@pytest.fixture
def bench() -> LedgerBench:
    return signed_bench()


def _refused(bench: LedgerBench, answer: AuditRecord, words: str) -> None:
    assert (answer.event, words in answer.sentence) == ("refused", True), answer.sentence
    assert answer.remedy
    assert bench.model.mode is Mode.ENFORCE


def test_while_no_keys_are_set_nobody_has_to_sign() -> None:
    bench = LedgerBench()
    bench.adopt()
    assert bench.request(SetMode, **OBSERVE).event == "accepted"
    assert BOB.ask(bench, SetMode, mode=Mode.ENFORCE).event == "accepted"


def test_a_signed_request_of_one_who_may_is_carried_out(bench: LedgerBench) -> None:
    answer = BOB.ask(bench, SetMode, **OBSERVE)
    assert (answer.event, answer.operator, answer.key_id) == ("accepted", "bob", BOB.key_id)
    assert bench.model.mode is Mode.OBSERVE


def test_an_unsigned_request_is_refused_once_keys_are_set(bench: LedgerBench) -> None:
    _refused(bench, bench.request(SetMode, **OBSERVE), "not signed")


def test_a_request_signed_with_a_key_that_nobody_set_is_refused(bench: LedgerBench) -> None:
    _refused(bench, EVE.ask(bench, SetMode, **OBSERVE), "not among the keys")


def test_a_request_changed_after_it_was_signed_is_refused(bench: LedgerBench) -> None:
    asked = BOB.make(bench, SetMode, mode=Mode.ENFORCE)
    answer = bench.admit(replace(asked, mode=Mode.OBSERVE), BOB.sign(asked))
    _refused(bench, answer, "forged, or changed")


@pytest.mark.parametrize("signature", ["", "%%%", "AAAA", "\udcff", "é" * 88])
def test_a_signature_that_is_none_is_refused(bench: LedgerBench, signature: str) -> None:
    asked = BOB.make(bench, SetMode, **OBSERVE)
    headers = {SIGNATURE_HEADER: signature, KEY_ID_HEADER: BOB.key_id}
    _refused(bench, bench.admit(asked, headers), "forged, or changed")


def test_nobody_asks_in_another_ones_name(bench: LedgerBench) -> None:
    asked = BOB.make(bench, SetMode, **OBSERVE, operator="ann")
    _refused(bench, bench.admit(asked, BOB.sign(asked)), "its key is bob's")


def test_who_asks_for_more_than_the_role_gives_is_refused(bench: LedgerBench) -> None:
    _refused(bench, VIC.ask(bench, SetMode, **OBSERVE), "vic is viewer; set_mode needs operator")
    answer = BOB.ask(bench, ApplyPolicy, policy=policy_content())
    _refused(bench, answer, "apply_policy needs approver")
    _refused(bench, set_keys(bench, BOB, ANN, by=BOB), "apply_keys needs approver")


def test_every_request_says_which_role_it_needs() -> None:
    assert set(get_args(AnyRequest)) == set(NEEDS)


def test_an_operator_may_retain_a_version_and_only_an_approver_may_end_that(
    bench: LedgerBench,
) -> None:
    assert BOB.ask(bench, Retain, version="v1", reason="audit").event == "accepted"
    refused = BOB.ask(bench, Retain, version="v1", lift=True, reason="over")
    assert (refused.event, refused.sentence) == (
        "refused",
        "bob is operator; retain needs approver.",
    )
    assert ANN.ask(bench, Retain, version="v1", lift=True, reason="over").event == "accepted"


def test_an_expired_request_is_refused_and_so_is_one_that_never_expires(
    bench: LedgerBench,
) -> None:
    late = BOB.make(bench, SetMode, **OBSERVE, expires_at_ms=bench.now_ms - 1)
    _refused(bench, bench.admit(late, BOB.sign(late)), "expired")
    for expires_at_ms in (None, bench.now_ms + 3_600_001):
        lasting = BOB.make(bench, SetMode, **OBSERVE, expires_at_ms=expires_at_ms)
        _refused(bench, bench.admit(lasting, BOB.sign(lasting)), "must expire within 1 h")


def test_a_captured_request_sent_again_is_refused(bench: LedgerBench) -> None:
    asked = BOB.make(bench, SetMode, **OBSERVE)
    assert bench.admit(asked, BOB.sign(asked)).event == "accepted"
    assert BOB.ask(bench, SetMode, mode=Mode.ENFORCE).event == "accepted"
    _refused(bench, bench.admit(asked, BOB.sign(asked)), "a replay")
    for _ in range(11):
        bench.tick(60)
    assert asked.request_id not in bench.state.requests
    _refused(bench, bench.admit(asked, BOB.sign(asked)), "expired")


def test_ids_from_before_the_keys_keep_nobody_out_for_longer_than_an_hour() -> None:
    bench = LedgerBench()
    bench.adopt()
    for number in range(MAX_REMEMBERED):
        asked = {"request_id": f"long-{number}", "issued_at_ms": bench.now_ms}
        lasting = Resume(**asked, model=MODEL, operator="eve", expires_at_ms=2**53)
        bench.feed(AdmittedRequest(source_partition=1, source_offset=number, request=lasting))
    assert set_keys(bench, ANN, BOB, first_key=ANN.key_id).event == "accepted"
    assert "2000 requests within the hour" in BOB.ask(bench, Resume).sentence
    bench.tick(3_700)
    assert BOB.ask(bench, StartRollout, candidate="v2", weight=500).event == "accepted"
    assert BOB.ask(bench, SetWeight, weight=600).event == "accepted"


def test_the_same_record_read_twice_by_admit_is_answered_once(bench: LedgerBench) -> None:
    asked = BOB.make(bench, SetMode, **OBSERVE)
    bench.admit(asked, BOB.sign(asked))
    said = len(bench.audit)
    bench.feed(bench.entries[-1][0])
    assert len(bench.audit) == said


def test_a_malformed_request_is_answered_with_the_field_and_the_rule_and_changes_nothing(
    bench: LedgerBench,
) -> None:
    before = bench.model
    for model in (MODEL, "nobody", ANY_MODEL):
        entry = MalformedRequest(
            source_partition=3,
            source_offset=len(bench.entries),
            model=model,
            request_id="r-9",
            operator="bob",
            path="$.weight",
            reason="Expected `int`",
            sha256="ab",
        )
        bench.feed(entry)
        bench.feed(entry)
        told = [row for row in bench.audit if row.request_id == "r-9" and row.model == model]
        assert [row.event for row in told] == ["refused"]
        assert told[0].sentence == "The request is malformed: $.weight: Expected `int`."
        assert told[0].details["refused_digest"] == "ab"
    assert same_but_audit(bench.model, before)
    assert set(bench.state.models) == {MODEL}


def test_refusals_change_nothing_but_the_history(bench: LedgerBench) -> None:
    before = bench.state
    for answer in (
        bench.request(Promote),
        EVE.ask(bench, StartRollout, stable="v1", candidate="v2", weight=500),
        VIC.ask(bench, SetMode, mode=Mode.OBSERVE, model=ANY_MODEL),
        EVE.ask(bench, SetMode, mode=Mode.OBSERVE, model="never-heard-of"),
    ):
        assert answer.event == "refused"
    assert _without_history(bench.state) == _without_history(before)


def _without_history(state: PartitionState) -> PartitionState:
    model = state.models[MODEL]
    bare = replace(model, audit=None, changed_offset=0, changed_ms=0)
    assert set(state.models) == {MODEL}
    return replace(state, models={MODEL: bare}, audit=None, seen={}, next_offset=0, time_ms=0)


def test_the_first_keys_need_the_signature_of_the_key_that_the_workers_name() -> None:
    bench = LedgerBench()
    bench.adopt()
    unnamed = set_keys(bench, ANN, BOB)
    assert "No first key is configured" in unnamed.sentence
    other = set_keys(bench, EVE, by=EVE, first_key=ANN.key_id)
    assert f"must be signed with key {ANN.key_id}" in other.sentence
    without = set_keys(bench, EVE, by=ANN, first_key=ANN.key_id)
    assert "and hold it" in without.sentence
    lent = ANN.make(bench, ApplyKeys, model=ANY_MODEL, keys=(ANN.key,))
    forged = bench.admit(lent, {**EVE.sign(lent), KEY_ID_HEADER: ANN.key_id}, ANN.key_id)
    assert "forged" in forged.sentence
    assert not bench.state.keys
    assert set_keys(bench, ANN, BOB, first_key=ANN.key_id).event == "accepted"
    assert set(bench.state.keys) == {ANN.key_id, BOB.key_id}


def test_a_workers_first_key_gives_no_power_once_keys_are_set(bench: LedgerBench) -> None:
    answer = set_keys(bench, EVE, by=EVE, first_key=EVE.key_id)
    _refused(bench, answer, "not among the keys")


def test_a_key_rotates_without_a_moment_in_which_nobody_may_ask(bench: LedgerBench) -> None:
    new = Person("bob", Role.OPERATOR, number=2)
    assert set_keys(bench, ANN, BOB, new).event == "accepted"
    assert BOB.ask(bench, SetMode, **OBSERVE).event == "accepted"
    assert new.ask(bench, SetMode, mode=Mode.ENFORCE).event == "accepted"
    assert set_keys(bench, ANN, new).event == "accepted"
    _refused(bench, BOB.ask(bench, SetMode, **OBSERVE), "not among the keys")
    assert new.ask(bench, SetMode, **OBSERVE).event == "accepted"


@pytest.mark.parametrize(
    ("people", "words"),
    [
        ((BOB,), "no key is an approver's"),
        ((ANN, BOB, BOB), "listed twice"),
        ((ANN, *(Person("bob", Role.OPERATOR, number) for number in (1, 2, 3))), "3 keys"),
        ((ANN, BOB, Person("bob", Role.VIEWER, 2)), "different roles"),
    ],
)
def test_keys_that_do_not_hold_together_are_refused(
    bench: LedgerBench, people: tuple[Person, ...], words: str
) -> None:
    _refused(bench, set_keys(bench, *people), words)


def test_keys_are_for_all_models_and_travel_in_checkpoints(bench: LedgerBench) -> None:
    named = ANN.ask(bench, ApplyKeys, keys=(ANN.key,))
    _refused(bench, named, "for all models at once")
    state = replace(bench.state, models={})
    assert taken_over(state) == state


def test_a_signature_holds_after_the_request_went_through_the_ledger() -> None:
    bench = signed_bench()
    content = {**policy_content(), "description": "ü \u2028 1e-7"}
    asked = ANN.make(bench, ApplyPolicy, policy=content)
    entry = AdmittedRequest(
        source_partition=0, source_offset=99, request=asked, headers=ANN.sign(asked)
    )
    bench.feed(ENTRY.decode(encode(entry)))
    assert bench.audit[-1].event == "accepted", bench.audit[-1].sentence


def test_replays_agree_on_every_refusal(bench: LedgerBench) -> None:
    EVE.ask(bench, SetMode, **OBSERVE)
    BOB.ask(bench, SetMode, **OBSERVE)
    bench.request(Promote)
    assert bench.replayed() == bench.records
