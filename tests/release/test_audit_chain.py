"""Every audit record carries the hash of the one before it: a gap or an edit shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from headgate.vocabulary import Mode, Topic
from headgate.wire.audit import AuditRecord, ChainHead
from headgate.wire.chains import ChainReport, hash_of, verify_chains
from headgate.wire.codec import encode
from headgate.wire.messages import AUDIT
from headgate.wire.registry import LifecycleSettings, PromptTemplate
from headgate.wire.registry_requests import RegisterTemplate, SetLifecycle
from headgate.wire.rollout_requests import Promote, Rollback, SetMode, SetWeight
from support.ledger import MODEL, LedgerBench


def _values(bench: LedgerBench) -> list[bytes]:
    return [record.value for record in bench.records if record.topic is Topic.AUDIT]


def _heads(bench: LedgerBench) -> dict[str, ChainHead]:
    return {name: model.audit for name, model in bench.state.models.items()}


def _verified(bench: LedgerBench, values: list[bytes]) -> ChainReport:
    return verify_chains(values, _heads(bench))


@pytest.fixture(scope="module")
def told() -> LedgerBench:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    for weight in (6000, 99, 7000, 8000):
        bench.request(SetWeight, weight=weight)
    bench.request(Rollback)
    bench.request(Rollback)
    return bench


def test_the_first_record_of_a_chain_has_none_before_it(told: LedgerBench) -> None:
    first, second = (AUDIT.decode(value) for value in _values(told)[:2])
    assert (first.sequence, first.previous, first.chain) == (1, "", "")
    assert (second.sequence, second.previous) == (2, hash_of(_values(told)[0]))


def test_an_untouched_chain_verifies_in_any_order_and_with_repeats(told: LedgerBench) -> None:
    values = _values(told)
    report = _verified(told, [*reversed(values), *values[3:5]])
    assert report.ok, report.findings
    assert (report.records, report.repeats) == (len(values), 2)
    assert report.chains[MODEL, ""] == told.model.audit


def test_any_record_taken_away_shows_the_last_one_by_the_status(told: LedgerBench) -> None:
    values = _values(told)
    for number in range(len(values)):
        report = _verified(told, values[:number] + values[number + 1 :])
        assert [row.sentence for row in report.findings] == [f"Record {number + 1} is missing."]


def test_any_edit_shows(told: LedgerBench) -> None:
    values = _values(told)
    for number, value in enumerate(values):
        edited = encode(replace(AUDIT.decode(value), operator="mallory"))
        report = _verified(told, [*values[:number], edited, *values[number + 1 :]])
        assert not report.ok


def test_a_record_that_somebody_adds_shows(told: LedgerBench) -> None:
    values = _values(told)
    forged = AuditRecord(audit_id="x", model=MODEL, event="accepted", at_ms=1, sentence="All fine.")
    unplaced = _verified(told, [*values, encode(forged)])
    assert "has no place in the chain" in unplaced.findings[0].sentence
    placed = _verified(told, [*values, encode(replace(forged, sequence=3))])
    assert "claim place 3" in placed.findings[0].sentence


def test_records_from_before_chains_are_counted_and_are_no_fault(told: LedgerBench) -> None:
    old = AuditRecord(audit_id="x", model=MODEL, event="accepted", at_ms=1, sentence="Long ago.")
    report = _verified(told, [encode(old), *_values(told)])
    assert report.ok
    assert report.unchained == 1


def test_a_topic_without_any_record_of_a_model_that_has_some_shows(told: LedgerBench) -> None:
    report = _verified(told, [])
    assert report.findings[0].sentence == f"Records 1 to {told.model.audit.sequence} are missing."


def test_refusals_for_models_that_nobody_named_leave_no_model_behind() -> None:
    bench = LedgerBench()
    bench.tick()
    for name in ("nobody", "nothing"):
        bench.request(Promote, model=name)
    assert not bench.state.models
    assert bench.state.audit.sequence == 2
    assert {AUDIT.decode(value).chain for value in _values(bench)} == {"partition-0"}
    assert _verified(bench, _values(bench)).ok


def test_a_model_of_which_a_template_or_durations_are_known_is_kept_with_its_chain() -> None:
    bench = LedgerBench()
    bench.tick()
    bench.request(RegisterTemplate, model="told", name="t1", template=PromptTemplate())
    bench.request(SetLifecycle, model="set", settings=LifecycleSettings(staging_ms=1))
    bench.tick(120)
    bench.tick(120)
    assert {name: row.audit.sequence for name, row in bench.state.models.items()} == {
        "told": 1,
        "set": 1,
    }
    assert _verified(bench, _values(bench)).ok


def test_a_replay_gives_the_same_chain(told: LedgerBench) -> None:
    assert [row.value for row in told.replayed()] == [row.value for row in told.records]


_STEPS = st.lists(
    st.sampled_from(
        [
            (SetWeight, {"weight": 700}),
            (SetWeight, {"weight": 9000}),
            (Promote, {}),
            (Rollback, {}),
            (SetMode, {"mode": Mode.OBSERVE}),
            (SetMode, {"mode": Mode.ENFORCE, "model": "*"}),
            (Promote, {"model": "unknown"}),
        ]
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(steps=_STEPS, data=st.data())
def test_whatever_is_asked_the_chain_verifies_and_one_touched_byte_breaks_it(
    steps: list[tuple[type, dict[str, Any]]], data: st.DataObject
) -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    for kind, fields in steps:
        bench.request(kind, **fields)
        bench.tick()
    values = _values(bench)
    assert _verified(bench, values).ok
    number = data.draw(st.integers(0, len(values) - 1))
    record = AUDIT.decode(values[number])
    if record.chain and record.sequence == bench.state.audit.sequence:
        return  # nothing tells of the end of a ledger partition's own chain
    values[number] = encode(replace(record, sentence=record.sentence + "!"))
    assert not _verified(bench, values).ok
