"""The gates of compatibility: starting a rollout, and choosing where to go back to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from headgate.registry.catalogue import Catalogue
from headgate.registry.compatibility import check
from headgate.registry.fitting import Fit
from headgate.registry.lifecycle import VersionRecord
from headgate.release.compatible import NoTargetError, choose_target
from headgate.release.state import ModelState
from headgate.vocabulary import Action, AlertKind, AlertState, Mode, Status
from headgate.wire.registry import CompatibilityRule, PromptTemplate, VersionNeeds, VersionSpec
from headgate.wire.registry_requests import RegisterTemplate, RegisterVersion, SetCompatibility
from headgate.wire.rollout_requests import (
    Adopt,
    ApplyPolicy,
    Promote,
    Rollback,
    SetMode,
    SetWeight,
    StartRollout,
)
from support.ledger import LedgerBench, Traffic, policy_content, same_but_audit

BAD = Traffic(error_rate=0.5)
TEMPLATES = {"t1": PromptTemplate(compatible_models=("llama-2",))}


def spec(version: str, *embeddings: str, base: str = "llama-2", template: str = "") -> VersionSpec:
    needs = VersionNeeds(required_embeddings=embeddings)
    return VersionSpec(
        version=version, base_model=base, prompt_template=template, compatibility=needs
    )


def know(bench: LedgerBench, *specs: VersionSpec, **fields: Any) -> None:
    """Put specs into the catalogue, and other fields of it."""
    known = bench.model.catalogue
    known = replace(known, specs={**known.specs, **{row.version: row for row in specs}}, **fields)
    put(bench, replace(bench.model, catalogue=known))


def put(bench: LedgerBench, model: ModelState) -> None:
    bench.state = replace(bench.state, models={**bench.state.models, model.model: model})


def promoted(*versions: str) -> LedgerBench:
    """v1 adopted, and each of `versions` promoted after it."""
    bench = LedgerBench()
    bench.adopt()
    for version in versions:
        stable = bench.model.production
        bench.request(StartRollout, stable=stable, candidate=version, weight=5000)
        bench.request(Promote)
    return bench


def pages(bench: LedgerBench) -> list[Any]:
    return [row for row in bench.alerts if row.kind is AlertKind.NO_ROLLBACK_TARGET]


def test_a_candidate_that_does_not_fit_is_refused_with_the_rule_and_alternatives() -> None:
    bench = promoted()
    know(bench, spec("v1", "e1"), spec("v2", "e2"), spec("v3", "e1"), embedding="e1")
    answer = bench.request(StartRollout, stable="v1", candidate="v2", weight=500)
    assert answer.event == "refused"
    assert "v2 requires embedding e2, not e1" in answer.sentence
    assert answer.remedy == "Nearest that fit: v3."
    assert bench.model.rollout is None
    answer = bench.request(StartRollout, stable="v1", candidate="v3", weight=500)
    assert answer.event == "accepted"


def test_a_registered_candidate_that_is_not_known_to_fit_is_refused_unless_the_policy_allows() -> (
    None
):
    bench = promoted()
    know(bench, spec("v2", base="other", template="t1"), templates=TEMPLATES)
    answer = bench.request(StartRollout, stable="v1", candidate="v2", weight=500)
    assert answer.event == "refused"
    assert "prompt template t1 does not list v2 (other)" in answer.sentence
    assert "compatibility.allow_unknown" in answer.remedy
    bench.request(
        ApplyPolicy, policy={**policy_content(), "compatibility": {"allow_unknown": True}}
    )
    answer = bench.request(StartRollout, stable="v1", candidate="v2", weight=500)
    assert answer.event == "accepted"


def test_a_candidate_that_nobody_registered_starts_unless_the_policy_forbids_it() -> None:
    bench = promoted()
    bench.start()
    assert bench.model.rollout is not None
    bench.request(Rollback)
    strict = {**policy_content(), "compatibility": {"allow_unknown": False}}
    bench.request(ApplyPolicy, policy=strict)
    answer = bench.request(StartRollout, stable="v1", candidate="v2", weight=500)
    assert (answer.event, "nothing is registered of v2" in answer.sentence) == ("refused", True)


def test_a_candidate_that_fits_no_more_gets_no_more_traffic_and_may_lose_some() -> None:
    bench = promoted()
    know(bench, spec("v1", "e1", "e2"), spec("v2", "e1"), embedding="e1")
    bench.request(StartRollout, stable="v1", candidate="v2", weight=500)
    know(bench, embedding="e2")
    for kind, fields in ((SetWeight, {"weight": 5000}), (Promote, {})):
        answer = bench.request(kind, **fields)
        assert answer.event == "refused"
        assert "v2 requires embedding e1, not e2" in answer.sentence
        assert answer.remedy == "Nothing registered fits that could start in its place."
    assert bench.request(SetWeight, weight=100).event == "accepted"
    know(bench, embedding="e1")
    assert bench.request(Promote).event == "accepted"


def test_an_embedding_that_a_version_in_traffic_does_not_fit_goes_live_only_despite_it() -> None:
    bench = promoted()
    know(bench, spec("v1", "e1"), spec("v2", "e1", "e2"), embedding="e1")
    bench.request(StartRollout, stable="v1", candidate="v2", weight=500)
    why = "v1 with embedding e2 is incompatible: v1 requires embedding e1, not e2."
    refused = bench.request(SetCompatibility, embedding="e2")
    assert refused.event == "refused"
    assert refused.sentence == f"A version that takes traffic would fit no more: {why}"
    assert "--despite-traffic" in refused.remedy
    assert bench.model.catalogue.embedding == "e1"
    taken = bench.request(SetCompatibility, embedding="e2", despite_traffic=True)
    assert taken.event == "accepted"
    assert taken.sentence.endswith(f" Careful, it takes traffic: {why}")
    again = bench.request(SetCompatibility, embedding="e2", families={"mine": "m-*"})
    assert again.event == "accepted"


def test_no_template_declaration_or_policy_takes_its_fit_from_a_version_in_traffic() -> None:
    bench = promoted()
    needs = VersionNeeds(min_api_version="v2")
    declared = VersionSpec(version="v1", base_model="llama-2", prompt_template="t1")
    know(bench, replace(declared, compatibility=needs), templates=TEMPLATES)
    spoken = {**policy_content(), "compatibility": {"api_version": "v2"}}
    assert bench.request(ApplyPolicy, policy=spoken).event == "accepted"
    outdated = {**policy_content(), "compatibility": {"api_version": "v1"}}
    ruled_out = PromptTemplate(incompatible_models={"llama-2": "drifts"})
    for kind, fields in (
        (ApplyPolicy, {"policy": outdated}),
        (RegisterTemplate, {"name": "t1", "template": ruled_out}),
    ):
        before = bench.model
        answer = bench.request(kind, **fields)
        assert answer.event == "refused"
        assert "A version that takes traffic would fit no more: v1 with" in answer.sentence
        assert same_but_audit(bench.model, before)
        assert bench.request(kind, **fields, despite_traffic=True).event == "accepted"
        put(bench, before)


def test_a_declaration_of_what_serves_already_is_refused_where_it_does_not_fit() -> None:
    bench = LedgerBench()
    bench.adopt(version="v1.0.0")
    bench.request(SetCompatibility, embedding="e2")
    answer = bench.request(RegisterVersion, spec=spec("v1.0.0", "e1"))
    assert answer.event == "refused"
    assert "v1.0.0 requires embedding e1, not e2" in answer.sentence
    assert bench.model.catalogue.specs == {}
    assert bench.request(RegisterVersion, spec=spec("v1.0.0", "e2")).event == "accepted"


def test_only_what_is_known_not_to_fit_cannot_be_adopted() -> None:
    bench = LedgerBench()
    bench.tick()
    drift = CompatibilityRule(compatible=False, model="v1.0.0", embedding="e2")
    bench.request(SetCompatibility, rules=(drift,), embedding="e2")
    answer = bench.request(Adopt, version="v1.0.0", policy=policy_content())
    assert answer.event == "refused"
    assert "the entry for model v1.0.0, embedding e2 says incompatible" in answer.sentence
    assert bench.request(Adopt, version="v1.1.0", policy=policy_content()).event == "accepted"


def test_what_the_policy_says_that_callers_speak_counts() -> None:
    bench = promoted()
    needs = VersionNeeds(min_api_version="v2")
    know(bench, VersionSpec(version="v2", base_model="llama-2", compatibility=needs))
    for spoken, event in (("v1.9", "refused"), ("v2.0", "accepted")):
        policy = {**policy_content(), "compatibility": {"api_version": spoken}}
        bench.request(ApplyPolicy, policy=policy)
        answer = bench.request(StartRollout, stable="v1", candidate="v2", weight=500)
        assert answer.event == event


def test_a_breach_goes_back_to_the_newest_earlier_version_that_fits_and_the_audit_says_why() -> (
    None
):
    bench = promoted("v1.1", "v1.2")
    known = (spec("v1", "e1", "e2"), spec("v1.1", "e1", "e2"), spec("v1.2", "e1"), spec("v2"))
    know(bench, *known, embedding="e1")
    bench.request(StartRollout, stable="v1.2", candidate="v2", weight=5000)
    know(bench, embedding="e2")
    bench.serve(30, **{"v1.2": Traffic(), "v2": BAD})
    command = bench.commands[-1]
    assert (command.action, command.to_version) == (Action.ROLLBACK, "v1.1")
    assert [(arm.version, arm.weight) for arm in command.weights] == [("v1.1", 10_000)]
    (decision,) = [row for row in bench.audit if row.event == "decision"]
    assert "v1.2 requires embedding e1, not e2" in decision.sentence
    assert "v1.1 is the newest earlier version that fits" in decision.sentence
    assert decision.details["target"] == "v1.1"
    assert bench.model.production == "v1.1"
    statuses = {name: row.status for name, row in bench.model.versions.items()}
    assert statuses["v1.1"] is Status.PRODUCTION
    assert statuses["v1.2"] is Status.DEPRECATED
    assert not pages(bench)


def test_the_audit_says_why_the_usual_target_was_right() -> None:
    bench = promoted()
    know(bench, spec("v1", "e1"), spec("v2"), embedding="e1")
    bench.start()
    bench.serve(30, v1=Traffic(), v2=BAD)
    (decision,) = [row for row in bench.audit if row.event == "decision"]
    assert decision.details["target_because"] == (
        "It is the stable version of the rollout. It fits: embedding e1 is one that v1 requires."
    )


def test_without_a_version_that_fits_a_breach_pages_once_and_leaves_the_split_alone() -> None:
    bench = promoted()
    know(bench, spec("v1", "e1"), spec("v2"), embedding="e1")
    bench.start()
    know(bench, embedding="e2")
    bench.serve(30, v1=Traffic(), v2=BAD)
    assert bench.commands[-1].action is Action.SET_WEIGHTS
    (page,) = pages(bench)
    assert "v1 requires embedding e1, not e2" in page.sentence
    know(bench, embedding="e1")
    bench.serve(10, v1=Traffic(), v2=BAD)
    assert bench.commands[-1].to_version == "v1"
    assert [row.state for row in pages(bench)] == [AlertState.FIRING, AlertState.RESOLVED]


def test_observe_mode_names_the_version_that_it_would_have_chosen() -> None:
    bench = promoted("v1.1")
    know(bench, spec("v1", "e2"), spec("v1.1", "e1"), spec("v2"), embedding="e1")
    bench.request(StartRollout, stable="v1.1", candidate="v2", weight=5000)
    know(bench, embedding="e2")
    bench.request(SetMode, mode=Mode.OBSERVE)
    bench.serve(30, **{"v1.1": Traffic(), "v2": BAD})
    (decision,) = [row for row in bench.audit if row.event == "decision"]
    assert decision.would_have
    assert "back from v2 to v1, but" in decision.sentence
    assert bench.commands[-1].action is Action.SET_WEIGHTS


def test_a_requested_rollback_passes_over_a_previous_version_that_does_not_fit() -> None:
    bench = promoted("v1.1", "v1.2")
    know(bench, spec("v1", "e2"), spec("v1.1", "e1"), spec("v1.2", "e2"), embedding="e2")
    answer = bench.request(Rollback, version="v1.2")
    assert answer.event == "accepted"
    assert "Not v1.1: v1.1 with embedding e2 is incompatible" in answer.sentence
    assert bench.model.production == "v1"
    assert bench.model.versions["v1.1"].status is Status.DEPRECATED


def test_the_previous_version_that_a_rollback_leaves_must_fit_when_it_is_gone_back_to() -> None:
    bench = promoted("v1.1", "v1.2")
    know(bench, spec("v1", "e1"), spec("v1.1", "e1"), spec("v1.2", "e1"), embedding="e1")
    bench.request(Rollback, version="v1.2")
    assert (bench.model.production, bench.model.previous) == ("v1.1", "v1")
    know(bench, embedding="e2")
    answer = bench.request(Rollback, version="v1.1")
    assert (answer.event, "v1 requires embedding e1" in answer.sentence) == ("refused", True)
    assert bench.model.production == "v1.1"
    assert len(pages(bench)) == 1


def test_a_version_that_was_passed_over_is_previous_only_where_there_is_no_other() -> None:
    bench = promoted("v1.1", "v1.2", "v1.3")
    fit = [spec(name, "e1") for name in ("v1", "v1.1", "v1.3")]
    know(bench, *fit, spec("v1.2", "e2"), embedding="e1")
    bench.request(Rollback, version="v1.3")
    assert (bench.model.production, bench.model.previous) == ("v1.1", "v1")
    assert bench.model.versions["v1.2"].status is Status.DEPRECATED
    bench.request(Rollback, version="v1.1")
    assert (bench.model.production, bench.model.previous) == ("v1", "v1.2")
    assert bench.request(Rollback, version="v1").event == "refused"


def test_a_requested_rollback_to_nothing_that_fits_is_refused_and_pages() -> None:
    bench = promoted("v2")
    know(bench, spec("v1", "e1"), embedding="e2")
    before = bench.model.command
    answers = [bench.request(Rollback, version="v2") for _ in range(2)]
    assert [row.event for row in answers] == ["refused", "refused"]
    assert "v1 requires embedding e1" in answers[0].sentence
    assert bench.model.command is before
    assert len(pages(bench)) == 1
    know(bench, embedding="e1")
    assert bench.request(Rollback, version="v2").event == "accepted"
    assert pages(bench)[-1].state is AlertState.RESOLVED


@pytest.mark.parametrize("allowed", [None, True, False])
def test_stable_is_ruled_out_only_by_what_is_known(allowed: bool | None) -> None:
    bench = promoted()
    bench.start()
    know(bench, spec("v1", "e1"))
    policy = {**policy_content(), "compatibility": {"allow_unknown": allowed}}
    bench.request(ApplyPolicy, policy=policy)
    assert choose_target(bench.model, "v2", "v1").version == "v1"
    without = replace(bench.model, rollout=None)
    if allowed:
        assert choose_target(without, "v2", "v1").version == "v1"
    else:
        with pytest.raises(NoTargetError):
            choose_target(without, "v2", "v1")


NAMES = ("v1", "v2", "v2.1", "v3", "v4")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    versions=st.fixed_dictionaries(
        {name: st.tuples(st.sampled_from(list(Status)), st.booleans()) for name in NAMES}
    ),
    specs=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["e1", "e2"])),
    ruled_out=st.sets(st.sampled_from(NAMES), max_size=2),
    allowed=st.sampled_from([None, True, False]),
    usual=st.sampled_from(NAMES[:4]),
)
def test_a_chosen_target_fits_and_was_never_rolled_back_from(
    versions: dict[str, tuple[Status, bool]],
    specs: dict[str, str],
    ruled_out: set[str],
    allowed: bool | None,
    usual: str,
) -> None:
    state = ModelState(
        model="support",
        born_ms=0,
        versions={
            name: VersionRecord(version=name, status=status, since_ms=1, rolled_back=back)
            for name, (status, back) in versions.items()
        },
        catalogue=Catalogue(
            specs={name: spec(name, needed) for name, needed in specs.items()},
            rules=tuple(CompatibilityRule(model=name, compatible=False) for name in ruled_out),
            embedding="e1",
        ),
        policy=_POLICIES[allowed],
    )
    try:
        target = choose_target(state, "v4", usual)
    except NoTargetError:
        return
    record = state.versions[target.version]
    verdict = check(state.catalogue, target.version, model="support").verdict
    assert not record.rolled_back
    assert record.status not in {Status.ARCHIVED, Status.REMOVED}
    assert verdict is Fit.COMPATIBLE or (
        target.version == usual and verdict is Fit.UNKNOWN and allowed is not False
    )


def _policy_record(allowed: bool | None) -> Any:
    bench = promoted()
    content = {**policy_content(), "compatibility": {"allow_unknown": allowed}}
    bench.request(ApplyPolicy, policy=content)
    return bench.model.policy


_POLICIES = {allowed: _policy_record(allowed) for allowed in (None, True, False)}
