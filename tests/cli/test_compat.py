"""`headgate compat`: of a registry file, or of the entries on the registry topic."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headgate.cli.failures import ExitCode
from headgate.config import Settings
from headgate.vocabulary import Status, Topic
from headgate.wire.codec import encode
from headgate.wire.registry import (
    CompatibilityEntry,
    CompatibilityRule,
    PromptTemplate,
    TemplateEntry,
    VersionEntry,
    VersionNeeds,
    VersionSpec,
)
from support.commands import Run
from support.responder import publish

REGISTRY = """
models:
  - name: support
    version: v1.0.0
    base_model: llama-2-7b
    prompt_template: t1
    created: 2024-01-15
  - name: support
    version: v2.0.0
    base_model: llama-3-8b
    prompt_template: t2
    compatibility:
      required_embeddings: [e5-large]
  - {name: other, version: v9.0.0, base_model: gpt-4}
prompt_templates:
  t1:
    compatible_models: ["llama-2-*"]
    incompatible_models: {"llama-3-*": It has another chat format.}
  t2:
    compatible_models: ["llama-*"]
    created: 2024-02-01
compatibility:
  - {model: v1.0.0, prompt_template: t2, embedding: ada-002, compatible: false, reason: Drift.}
"""


@pytest.fixture
def registry(tmp_path: Path) -> str:
    path = tmp_path / "registry.yaml"
    path.write_text(REGISTRY)
    return str(path)


def test_what_fits_is_said_with_its_rule_and_is_a_success(run: Run, registry: str) -> None:
    result = run("compat", "check", "support", "v1.0.0", "--file", registry)
    assert result.exit_code == ExitCode.FINE, result.output
    assert result.stdout == (
        "v1.0.0 with prompt template t1 is compatible: "
        "prompt template t1 lists llama-2-* as compatible.\n"
    )


def test_what_does_not_fit_is_no_success_and_names_what_does(run: Run, registry: str) -> None:
    words = ("check", "support", "v2.0.0", "--template", "t1", "--embedding", "e5-large")
    result = run("compat", *words, "--file", registry)
    assert result.exit_code == ExitCode.NEGATIVE
    first, second, *near = result.stdout.splitlines()
    assert first.endswith("t1 rules out llama-3-*: It has another chat format.")
    assert second == "Nearest that fit:"
    assert near == ["  v2.0.0 with t2", "  v1.0.0 with t1"]


def test_unknown_is_no_success_either(run: Run, registry: str) -> None:
    result = run("compat", "check", "support", "v2.0.0", "--file", registry)
    assert result.exit_code == ExitCode.NEGATIVE
    assert "not known to be compatible: v2.0.0 requires embedding e5-large" in result.stdout


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ("breaking_changes: [x]", "declare compatibility.min_api_version in a version to come"),
        ("min_api_version: v2", "name compatibility.api_version in the policy"),
        ("required_embeddings: [e1]", "name the embedding that is live under embeddings:"),
    ],
)
def test_what_is_not_known_is_told_with_what_makes_it_known(
    run: Run, tmp_path: Path, needs: str, said: str
) -> None:
    file = tmp_path / "r.yaml"
    row = f"{{name: m, version: v1.0.0, base_model: gpt-4o, compatibility: {{{needs}}}}}"
    file.write_text(f"models:\n  - {row}\n")
    result = run("compat", "check", "m", "v1.0.0", "--file", str(file))
    assert result.exit_code == ExitCode.NEGATIVE
    assert f"To make it known: {said}" in result.stdout
    assert "or allow what is unknown in the policy (compatibility.allow_unknown" in result.stdout


@pytest.mark.parametrize(
    ("version", "template", "said"),
    [
        ("v1.0.0", "t9", "register t9 under prompt_templates:"),
        ("qwen-2", "t1", "list qwen-2 in compatible_models of t1, or add an entry; register"),
    ],
)
def test_a_template_that_is_silent_is_what_is_to_speak(
    run: Run, registry: str, version: str, template: str, said: str
) -> None:
    words = ("compat", "check", "support", version, "--template", template, "--file", registry)
    assert f"To make it known: {said}" in run(*words).stdout
    assert said in json.loads(run(*words, "--json").stdout)["remedy"]


def test_an_answer_as_json_has_verdict_rule_and_alternatives(run: Run, registry: str) -> None:
    words = ("v1.0.0", "--template", "t2", "--embedding", "ada-002", "--json")
    result = run("compat", "check", "support", *words, "--file", registry)
    row = json.loads(result.stdout)
    assert row["verdict"] == "incompatible"
    assert row["rule"].endswith("embedding ada-002 says incompatible: Drift")
    assert [near["template"] for near in row["alternatives"]] == ["t1"]


def test_the_matrix_is_a_table_for_each_embedding_with_reasons(run: Run, registry: str) -> None:
    result = run("compat", "matrix", "support", "--file", registry)
    assert result.exit_code == ExitCode.FINE, result.output
    assert "embedding ada-002" in result.stdout
    assert "embedding e5-large" in result.stdout
    (row, _) = (line for line in result.stdout.splitlines() if "│ v2.0.0" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["v2.0.0", "llama-3-8b", "NO", "NO"]
    assert "the entry for model v1.0.0, prompt template t2, embedding ada-002" in result.stdout
    assert "gpt-4" not in result.stdout


def test_the_matrix_as_json_is_a_row_for_each_combination(run: Run, registry: str) -> None:
    rows = json.loads(run("compat", "matrix", "support", "--file", registry, "--json").stdout)
    assert len(rows) == 2 * 2 * 2
    assert {row["verdict"] for row in rows} == {"compatible", "incompatible"}


def test_a_file_that_is_no_registry_is_refused_by_name(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("models: [{name: support, version: v1}]")
    result = run("compat", "check", "support", "v1", "--file", str(path))
    assert result.exit_code == ExitCode.USAGE
    assert "models.0." in result.stderr
    assert "base_model" in result.stderr


def test_without_a_file_the_entries_on_the_registry_topic_answer(
    ask: Run, settings: Settings
) -> None:
    def entry(version: str, status: Status, *embeddings: str) -> tuple[str, bytes]:
        needs = VersionNeeds(required_embeddings=embeddings)
        spec = VersionSpec(version=version, base_model="llama", compatibility=needs)
        row = VersionEntry(
            model="support", version=version, status=status, since_ms=1, revision=1, spec=spec
        )
        return f"support/{version}", encode(row)

    publish(
        settings,
        Topic.REGISTRY,
        entry("v1", Status.ARCHIVED, "e1"),
        entry("v2", Status.DEPRECATED, "e1"),
        entry("v3", Status.PRODUCTION, "e2"),
    )
    result = ask("compat", "check", "support", "v3", "--embedding", "e1")
    assert result.exit_code == ExitCode.NEGATIVE, result.output
    assert result.stdout.splitlines()[-1] == "  v2"
    assert ask("compat", "check", "support", "v3", "--embedding", "e2").exit_code == ExitCode.FINE
    rows = json.loads(ask("compat", "matrix", "support", "--json").stdout)
    assert {row["name"] for row in rows} == {"v2", "v3"}


def test_without_a_file_templates_entries_and_callers_api_on_the_topic_answer_too(
    ask: Run, settings: Settings
) -> None:
    needs = VersionNeeds(min_api_version="2025-01")
    spec = VersionSpec(
        version="v1", base_model="llama-3", prompt_template="t1", compatibility=needs
    )
    entry = VersionEntry(
        model="support", version="v1", status=Status.STAGING, since_ms=1, revision=1, spec=spec
    )
    template = PromptTemplate(compatible_models=("llama-*",))
    drift = CompatibilityRule(compatible=False, embedding="e2", reason="Drift.")
    rules = CompatibilityEntry(
        model="support", rules=(drift,), embedding="e1", api_version="2025-06"
    )
    publish(
        settings,
        Topic.REGISTRY,
        ("support/v1", encode(entry)),
        (
            "support//template/t1",
            encode(TemplateEntry(model="support", name="t1", template=template)),
        ),
        ("support//compatibility", encode(rules)),
    )
    fits = ask("compat", "check", "support", "v1")
    assert fits.exit_code == ExitCode.FINE, fits.output
    assert "prompt template t1 lists llama-*" in fits.stdout
    assert "callers speak API 2025-06" in fits.stdout
    no = ask("compat", "check", "support", "v1", "--embedding", "e2")
    assert "the entry for embedding e2 says incompatible: Drift" in no.stdout
