"""The registry in the fold: what is declared is kept, published, and never changed."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from headgate.release.standards import recorded_of
from headgate.vocabulary import Status, Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.registry import (
    CompatibilityEntry,
    CompatibilityRule,
    Parameters,
    Performance,
    PromptTemplate,
    TemplateEntry,
    VersionEntry,
    VersionNeeds,
    VersionSpec,
)
from headgate.wire.registry_requests import RegisterTemplate, RegisterVersion, SetCompatibility
from headgate.wire.rollout_requests import ApplyPolicy, Promote, StartRollout
from support.ledger import MODEL, LedgerBench, Traffic, policy_content, same_but_audit, sentences


def _spec(version: str = "v1.0.0", **fields: Any) -> VersionSpec:
    return VersionSpec(version=version, **{"base_model": "gpt-4o", **fields})


def _register(bench: LedgerBench, version: str = "v1.0.0", **fields: Any) -> AuditRecord:
    return bench.request(RegisterVersion, spec=_spec(version, **fields))


def _entries(bench: LedgerBench) -> list[VersionEntry]:
    return bench.messages(VersionEntry)


@pytest.fixture
def bench() -> LedgerBench:
    made = LedgerBench()
    made.tick()
    return made


def test_a_registered_version_is_kept_and_published_with_its_spec(bench: LedgerBench) -> None:
    answer = _register(bench, notes="first")
    assert (answer.event, answer.sentence) == (
        "accepted",
        "Registered v1.0.0 of support as development.",
    )
    (entry,) = _entries(bench)
    assert entry.spec == bench.model.catalogue.specs["v1.0.0"] == _spec(notes="first")
    assert entry.status is Status.DEVELOPMENT
    assert [(row.status, row.by, row.why) for row in entry.history] == [
        (Status.DEVELOPMENT, "ann", "registered")
    ]


@pytest.mark.parametrize("declared", list(Status))
def test_no_declared_status_brings_a_version_beyond_staging(
    bench: LedgerBench, declared: Status
) -> None:
    answer = _register(bench, status=declared)
    beyond = declared not in {Status.DEVELOPMENT, Status.STAGING}
    assert (f"no file brings a version to {declared}" in answer.sentence) is beyond
    allowed = {Status.DEVELOPMENT: Status.DEVELOPMENT}
    assert bench.model.versions["v1.0.0"].status is allowed.get(declared, Status.STAGING)
    assert (bench.model.production, bench.commands) == ("", [])


def test_the_same_content_again_changes_nothing(bench: LedgerBench) -> None:
    _register(bench, notes="n")
    before = bench.model
    assert _register(bench, notes="n", status=Status.PRODUCTION).event == "accepted"
    assert same_but_audit(bench.model, before)
    assert len(_entries(bench)) == 1


def test_other_content_is_refused_by_field(bench: LedgerBench) -> None:
    _register(bench, notes="n")
    before = bench.model
    answer = _register(bench, notes="m", adapter="lora")
    assert answer.event == "refused"
    assert "adapter not set -> lora; notes n -> m" in answer.sentence
    assert same_but_audit(bench.model, before)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"version": "2.3"}, "version 2.3 must be MAJOR.MINOR.PATCH"),
        ({"version": "latest"}, "version latest must be"),
        ({"version": "v2.3.1-"}, "version v2.3.1- must be"),
        ({"version": "1.0.0"}, "1.0.0 and v1.0.0 are the same version"),
        ({"version": "v1.0.1", "parent_version": "v0.9.0"}, "v0.9.0, the parent of v1.0.1"),
        ({"version": "v1.0.1", "parent_version": "v1.0.1"}, "would be a cycle"),
        ({"version": "v1.0.1", "prompt_template": "p9"}, "The prompt template p9 of v1.0.1"),
        ({"version": "v1.0.1", "created": "2025-02-30"}, "created 2025-02-30 is no day"),
    ],
)
def test_what_is_not_sound_is_refused_with_a_remedy(
    bench: LedgerBench, fields: dict[str, Any], words: str
) -> None:
    _register(bench)
    before = bench.model
    answer = _register(bench, **fields)
    assert answer.event == "refused"
    assert words in answer.sentence
    assert answer.remedy
    assert same_but_audit(bench.model, before)


def test_a_bump_too_small_is_refused_with_the_smallest_legal_version(bench: LedgerBench) -> None:
    _register(bench)
    answer = _register(
        bench, "v1.0.1", parent_version="v1.0.0", base_model="claude-3-opus", adapter="x"
    )
    assert answer.event == "refused"
    assert "another family: gpt -> claude" in answer.sentence
    assert answer.sentence.endswith("The smallest legal version is v2.0.0.")


def test_a_bump_that_is_large_is_taken_with_a_warning(bench: LedgerBench) -> None:
    _register(bench)
    answer = _register(bench, "v2.0.0", parent_version="v1.0.0", notes="x")
    assert answer.event == "accepted"
    assert "Warning: a MAJOR step" in answer.sentence
    assert "v1.0.1 would do" in answer.sentence


def test_own_family_patterns_decide_the_bump(bench: LedgerBench) -> None:
    _register(bench)
    bench.request(SetCompatibility, families={"gpt-4.1*": "gpt-41"})
    answer = _register(bench, "v1.1.0", parent_version="v1.0.0", base_model="gpt-4.1")
    assert "The smallest legal version is v2.0.0" in answer.sentence


def test_a_template_may_fit_other_models_later_and_outlives_quiet_minutes(
    bench: LedgerBench,
) -> None:
    template = PromptTemplate(compatible_models=("gpt-4o",))
    assert bench.request(RegisterTemplate, name="p1", template=template).event == "accepted"
    before = bench.model
    again = bench.request(RegisterTemplate, name="p1", template=template)
    assert "already" in again.sentence
    assert same_but_audit(bench.model, before)
    for _ in range(5):
        bench.tick(60)
    wider = PromptTemplate(compatible_models=("gpt-4o", "gpt-4.1"))
    assert "Changed" in bench.request(RegisterTemplate, name="p1", template=wider).sentence
    assert bench.model.catalogue.templates == {"p1": wider}


def test_templates_and_rules_are_published_when_they_change_and_only_then(
    bench: LedgerBench,
) -> None:
    template = PromptTemplate(compatible_models=("gpt-4o",))
    out = CompatibilityRule(compatible=False, model="gpt-4o", embedding="e2")
    for _ in range(2):
        bench.request(RegisterTemplate, name="p1", template=template)
        bench.request(SetCompatibility, rules=(out,), embedding="e3")
    told = [row for row in bench.published if row.topic is Topic.REGISTRY]
    assert [(row.key, row.message) for row in told] == [
        ("support//template/p1", TemplateEntry(model=MODEL, name="p1", template=template)),
        ("support//compatibility", CompatibilityEntry(model=MODEL, rules=(out,), embedding="e3")),
    ]
    policy = {**policy_content(), "compatibility": {"api_version": "2025-01"}}
    bench.request(ApplyPolicy, policy=policy)
    assert bench.messages(CompatibilityEntry)[-1].api_version == "2025-01"


def test_compatibility_is_set_as_a_whole_and_contradictions_are_refused(
    bench: LedgerBench,
) -> None:
    out = CompatibilityRule(compatible=False, model="gpt-4o", embedding="e2")
    assert bench.request(SetCompatibility, rules=(out,), embedding="e3").event == "accepted"
    assert (bench.model.catalogue.rules, bench.model.catalogue.embedding) == ((out,), "e3")
    fits = CompatibilityRule(compatible=True, model="gpt-4o", embedding="e2")
    answer = bench.request(SetCompatibility, rules=(out, fits), embedding="e3")
    assert "contradicts rule 0" in answer.sentence
    needy = _register(bench, compatibility=VersionNeeds(required_embeddings=("e2",)))
    assert "required_embeddings e2 is required, but a rule" in needy.sentence


def test_a_version_that_nobody_registered_can_still_be_rolled_out() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    assert bench.request(Promote).event == "accepted"
    assert bench.model.production == "v2"


def test_a_version_that_serves_already_keeps_its_status_when_it_is_registered() -> None:
    bench = LedgerBench()
    bench.adopt(version="v1.0.0")
    _register(bench)
    entry = _entries(bench)[-1]
    assert (entry.status, entry.spec) == (Status.PRODUCTION, _spec())


def test_promotion_records_and_publishes_what_was_measured() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    bench.serve(30, v1=Traffic(), v2=Traffic(latency_ms=500, rating=4.5, tokens=300, cost_usd=0.01))
    bench.request(Promote)
    entry = next(row for row in reversed(_entries(bench)) if row.version == "v2")
    measured = entry.measured
    assert measured is not None
    assert measured == bench.model.catalogue.measured["v2"]
    assert (measured.tokens_per_request, measured.cost_per_request) == (300, 0.01)
    assert 450 < (measured.latency_p50_ms or 0) < 550
    assert 4.3 < (measured.user_satisfaction or 0) < 4.7
    assert measured.accuracy is None
    assert bench.replayed() == bench.records


def test_what_was_measured_comes_before_what_was_declared_as_a_baseline() -> None:
    bench = LedgerBench()
    bench.adopt()
    declared = Performance(latency_p95_ms=1900, accuracy=0.9)
    _register(bench, performance=declared)
    catalogue = replace(
        bench.model.catalogue, measured={"v1.0.0": Performance(latency_p95_ms=1830)}
    )
    known = dict(recorded_of(replace(bench.model, catalogue=catalogue), "v1.0.0"))
    assert (known["latency_p95_ms"], known["success_rate"]) == (1830, 0.9)
    assert recorded_of(bench.model, "v1") == ()


@pytest.mark.parametrize(
    ("trigger", "few", "many"),
    [
        ("tokens", Traffic(tokens=500, cost_usd=0.001), Traffic(tokens=2000, cost_usd=0.001)),
        ("cost", Traffic(tokens=500, cost_usd=0.001), Traffic(tokens=500, cost_usd=0.004)),
    ],
)
def test_a_token_or_cost_alert_names_what_differs_in_prompt_and_parameters(
    trigger: str, few: Traffic, many: Traffic
) -> None:
    bench = LedgerBench()
    bench.adopt(version="v1.0.0")
    fitting = PromptTemplate(compatible_models=("gpt-4o",))
    bench.request(RegisterTemplate, name="short", template=fitting)
    bench.request(RegisterTemplate, name="long", template=fitting)
    _register(bench, prompt_template="short", parameters=Parameters(max_tokens=256))
    _register(
        bench,
        "v1.0.1",
        parent_version="v1.0.0",
        prompt_template="long",
        parameters=Parameters(max_tokens=1024),
    )
    bench.request(StartRollout, stable="v1.0.0", candidate="v1.0.1", weight=5000)
    bench.serve(120, **{"v1.0.0": few, "v1.0.1": many})
    fired = [alert for alert in bench.alerts if alert.trigger == trigger]
    assert fired
    assert (
        "Registered differences in prompt and parameters (v1.0.0 -> v1.0.1): "
        "prompt_template short -> long; parameters.max_tokens 256 -> 1024." in sentences(fired)
    )
