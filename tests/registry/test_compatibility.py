"""Compatibility: which rule answers, and what fits instead."""

from __future__ import annotations

import pytest

from headgate.registry.catalogue import Catalogue
from headgate.registry.compatibility import Answer, check
from headgate.registry.fitting import Fit
from headgate.registry.matrix import matrix
from headgate.wire.registry import CompatibilityRule, PromptTemplate, VersionNeeds, VersionSpec


def spec(
    version: str, base: str = "llama-2-7b", template: str = "", **needs: object
) -> VersionSpec:
    return VersionSpec(
        version=version,
        base_model=base,
        prompt_template=template,
        compatibility=VersionNeeds(**needs),  # type: ignore[arg-type]
    )


def catalogue(*specs: VersionSpec, **fields: object) -> Catalogue:
    return Catalogue(specs={row.version: row for row in specs}, **fields)  # type: ignore[arg-type]


TEMPLATES = {
    "t1": PromptTemplate(compatible_models=("llama-2-*", "gpt-4"), created="2024-01-01"),
    "t2": PromptTemplate(
        compatible_models=("llama-*",),
        incompatible_models={"llama-2-7b": "Needs a longer context."},
        changes_from_previous=("system role", "json output"),
        created="2024-03-01",
    ),
}


def test_a_template_lists_models_by_name_or_by_shell_pattern() -> None:
    answer = check(catalogue(spec("v1", template="t1"), templates=TEMPLATES), "v1")
    assert answer.verdict is Fit.COMPATIBLE
    assert answer.rule == "prompt template t1 lists llama-2-* as compatible"
    assert answer.alternatives == ()


def test_a_template_rules_a_model_out_with_its_reason() -> None:
    answer = check(catalogue(spec("v1", template="t2"), templates=TEMPLATES), "v1")
    assert answer.verdict is Fit.INCOMPATIBLE
    assert answer.sentence == (
        "v1 with prompt template t2 is incompatible: prompt template t2 rules out llama-2-7b: "
        "Needs a longer context."
    )


def test_a_name_in_a_template_beats_a_pattern_and_a_no_beats_a_yes() -> None:
    templates = {
        "t": PromptTemplate(
            compatible_models=("llama-2-7b", "llama-3"),
            incompatible_models={"llama-*": "", "llama-3": ""},
        )
    }
    found = catalogue(spec("v1"), spec("v2", "llama-3"), spec("v3", "llama-4"), templates=templates)
    assert check(found, "v1", template="t").verdict is Fit.COMPATIBLE
    assert check(found, "v2", template="t").verdict is Fit.INCOMPATIBLE
    assert check(found, "v3", template="t").verdict is Fit.INCOMPATIBLE


@pytest.mark.parametrize(
    ("template", "words"), [("t1", "does not list v1"), ("t9", "t9 is not registered")]
)
def test_what_no_rule_speaks_of_is_unknown(template: str, words: str) -> None:
    answer = check(catalogue(spec("v1", "claude", template), templates=TEMPLATES), "v1")
    assert answer.verdict is Fit.UNKNOWN
    assert words in answer.rule


def test_a_version_that_nobody_registered_is_unknown() -> None:
    answer = check(Catalogue(), "v7")
    assert (answer.verdict, answer.rule) == (Fit.UNKNOWN, "nothing is registered of v7")


def test_a_version_that_asks_for_nothing_fits() -> None:
    assert check(catalogue(spec("v1")), "v1").verdict is Fit.COMPATIBLE


def test_an_explicit_entry_beats_what_is_derived() -> None:
    yes = CompatibilityRule(model="v1", prompt_template="t2", compatible=True, reason="Tested.")
    found = catalogue(spec("v1", template="t2"), templates=TEMPLATES, rules=(yes,))
    answer = check(found, "v1")
    assert answer.verdict is Fit.COMPATIBLE
    assert answer.rule == ("the entry for model v1, prompt template t2 says compatible: Tested")


def test_of_explicit_entries_the_one_that_says_most_decides_and_of_equals_the_no() -> None:
    rules = (
        CompatibilityRule(model="llama-2-7b", compatible=False),
        CompatibilityRule(model="llama-2-7b", embedding="e1", compatible=True),
        CompatibilityRule(model="llama-2-7b", embedding="e2", compatible=True),
        CompatibilityRule(prompt_template="t1", embedding="e2", compatible=False, reason="Drift"),
        CompatibilityRule(model="llama-*", embedding="e3", compatible=False),
        CompatibilityRule(model="llama-2-7b", embedding="e3", compatible=True),
    )
    found = catalogue(spec("v1", template="t1"), templates=TEMPLATES, rules=rules)
    verdicts = [check(found, "v1", embedding=name).verdict for name in ("e0", "e1", "e2", "e3")]
    assert verdicts == [Fit.INCOMPATIBLE, Fit.COMPATIBLE, Fit.INCOMPATIBLE, Fit.COMPATIBLE]


@pytest.mark.parametrize("called", ["support:v1", "support/v1", "support@v1", "support-v1", "sup*"])
def test_an_entry_may_call_a_version_by_its_model(called: str) -> None:
    rule = CompatibilityRule(model=called, compatible=False)
    found = catalogue(spec("v1"), rules=(rule,))
    assert check(found, "v1", model="support").verdict is Fit.INCOMPATIBLE
    assert check(found, "v1", model="other").verdict is Fit.COMPATIBLE


@pytest.mark.parametrize(
    ("live", "fit"),
    [("e5-large", Fit.COMPATIBLE), ("ada-002", Fit.INCOMPATIBLE), ("", Fit.UNKNOWN)],
)
def test_the_live_embedding_must_be_one_that_the_version_requires(live: str, fit: Fit) -> None:
    found = catalogue(spec("v1", required_embeddings=("e5-*", "bge")), embedding=live)
    assert check(found, "v1").verdict is fit


@pytest.mark.parametrize(
    ("needs", "spoken", "fit"),
    [
        ({"min_api_version": "v2.10"}, "v2.9", Fit.INCOMPATIBLE),
        ({"min_api_version": "v2.9"}, "2.10.0", Fit.COMPATIBLE),
        ({"min_api_version": "v2"}, "", Fit.UNKNOWN),
        ({"min_api_version": "spring"}, "v2", Fit.UNKNOWN),
        ({"breaking_changes": ("answers are JSON",)}, "v2", Fit.UNKNOWN),
        (
            {"breaking_changes": ("answers are JSON",), "min_api_version": "v2"},
            "v2",
            Fit.COMPATIBLE,
        ),
    ],
)
def test_breaking_changes_and_the_least_api_version_count(
    needs: dict[str, object], spoken: str, fit: Fit
) -> None:
    yes = CompatibilityRule(model="v1", compatible=True)
    for rules in ((), (yes,)):
        found = catalogue(spec("v1", **needs), rules=rules)
        assert check(found, "v1", api_version=spoken).verdict is fit


def near(answer: Answer) -> list[tuple[str, str]]:
    return [(row.name, row.template) for row in answer.alternatives]


def test_alternatives_share_the_version_or_the_template_nearest_first() -> None:
    found = catalogue(
        spec("v1", template="t2"),
        spec("v2.9.0", "llama-3", "t2", breaking_changes=("x",), min_api_version="v1"),
        spec("v2.10.0", "llama-3", "t2"),
        spec("v3", "llama-3", "t1"),
        templates=TEMPLATES,
    )
    answer = check(found, "v1", api_version="v1")
    assert near(answer) == [("v3", "t2"), ("v2.10.0", "t2"), ("v2.9.0", "t2"), ("v1", "t1")]
    assert [row.changes for row in answer.alternatives] == [2, 2, 3, 0]
    assert near(check(found, "v1", api_version="v1", unusable={"v3", "v2.9.0"})) == [
        ("v2.10.0", "t2"),
        ("v1", "t1"),
    ]


def test_undated_templates_are_as_new_as_the_number_in_their_name() -> None:
    names = ("support-v2", "support-v10", "support-v9")
    templates = {name: PromptTemplate(compatible_models=("*",)) for name in names}
    answer = check(catalogue(spec("v1", template="none"), templates=templates), "v1")
    assert near(answer) == [("v1", "support-v10"), ("v1", "support-v9"), ("v1", "support-v2")]


def test_there_are_five_alternatives_at_most_and_each_is_compatible() -> None:
    templates = {f"p{day}": PromptTemplate(compatible_models=("*",)) for day in range(9)}
    found = catalogue(spec("v1", template="none"), templates=templates)
    answer = check(found, "v1")
    assert len(answer.alternatives) == 5
    for row in answer.alternatives:
        assert check(found, row.name, template=row.template).verdict is Fit.COMPATIBLE


def test_a_bare_model_is_answered_with_bare_models() -> None:
    found = catalogue(spec("v1", template="t1"), templates=TEMPLATES)
    answer = check(found, "claude", template="t1")
    assert answer.verdict is Fit.UNKNOWN
    assert near(answer) == [("llama-2-7b", "t1"), ("gpt-4", "t1")]


def test_the_matrix_has_a_row_for_each_version_template_and_embedding() -> None:
    found = catalogue(
        spec("v1", template="t1", required_embeddings=("e1",)),
        spec("v2", "llama-3"),
        templates=TEMPLATES,
        embedding="e2",
    )
    rows = {(row.name, row.template, row.embedding): row.verdict for row in matrix(found)}
    assert len(rows) == 2 * 2 * 2
    assert rows["v1", "t1", "e1"] is Fit.COMPATIBLE
    assert rows["v1", "t1", "e2"] is Fit.INCOMPATIBLE
    assert rows["v2", "t2", "e2"] is Fit.COMPATIBLE
    assert rows["v2", "t1", "e2"] is Fit.UNKNOWN
