"""A registry file is told all its mistakes at once, each with file, line, path, rule and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.cli.registry_file import load_registry
from headgate.contract import contract_file
from headgate.problems import ConfigError
from headgate.wire.cleanup import AgeAndCountLimit
from support.commands import Run

NOWHERE = ("--bootstrap-servers", "127.0.0.1:1")
TEN_MISTAKES = """\
models:
  - {name: support, version: 2.3, base_model: gpt-4o}
  - {name: support, version: latest, base_model: gpt-4o}
  - {name: support, version: v2.3.1-, base_model: gpt-4o}
  - {name: support, version: v1.0.0, base_model: gpt-4o, tempo: 3}
  - {name: support, version: v1.0.0, base_model: gpt-4o}
  - {name: chat, version: v1.0.0, base_model: gpt-4o, parent_version: v1.1.0}
  - {name: chat, version: v1.1.0, base_model: gpt-4o, parent_version: v1.0.0}
  - {name: chat, version: v2.0.0, base_model: gpt-4o, prompt_template: p9}
  - {name: chat, version: v3.0.0, base_model: gpt-4o, created: 2025-02-30}
  - name: chat
    version: v4.0.0
    base_model: gpt-4o
    compatibility: {required_embeddings: [e2]}
compatibility:
  - {model: gpt-4o, embedding: e2, compatible: false}
"""
TOLD = [
    (2, "models.0.version = 2.3", "MAJOR.MINOR.PATCH"),
    (3, "models.1.version = 'latest'", "MAJOR.MINOR.PATCH"),
    (4, "models.2.version = 'v2.3.1-'", "MAJOR.MINOR.PATCH"),
    (5, "models.3.tempo = 3", "no such field"),
    (6, "models.4.version = 'v1.0.0'", "support has that version already, in line 5"),
    (7, "models.5.parent_version = 'v1.1.0'", "is a cycle: v1.0.0 -> v1.1.0 -> v1.0.0"),
    (9, "models.7.prompt_template = 'p9'", "no such prompt template"),
    (10, "models.8.created = '2025-02-30'", "is no day or time that exists"),
    (14, "models.9.compatibility.required_embeddings = 'e2'", "does not fit"),
    (17, "cleanup = 7", "Did you mean cleanup_policy?"),
]


def _told(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "r.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_registry(file)
    return [str(problem).removeprefix(str(tmp_path)) for problem in caught.value.problems]


@pytest.mark.parametrize("text", ["", "models: []\n", "prompt_templates: {t1: {}}\n"])
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_file_that_declares_no_version_asks_nothing_and_says_so(
    tmp_path: Path, run: Run, text: str, dry: tuple[str, ...]
) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(text)
    result = run("registry", "apply", str(file), *dry, *NOWHERE)
    assert result.exit_code == 2
    assert "models: declares no version of any model" in result.stderr
    assert "Name a version under `models:`" in result.stderr


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ('{name: "*", version: v1.0.0, base_model: b}', "name = '*': stands for all models"),
        ("{name: m, version: null, base_model: b}", "version: must be MAJOR.MINOR.PATCH"),
        ("{name: m, base_model: b}", "version: is missing"),
        ("{name: m, version: v01.0.0, base_model: b}", "version = 'v01.0.0': must be MAJOR"),
    ],
)
def test_a_name_or_a_version_that_is_none_is_refused(tmp_path: Path, row: str, rule: str) -> None:
    (told,) = _told(tmp_path, f"models:\n  - {row}\n")
    assert f"models.0.{rule}" in told


def test_a_number_of_tokens_is_no_secret(tmp_path: Path) -> None:
    row = "  - {name: m, version: v1.0.0, base_model: b, parameters: {max_tokens: -1}}\n"
    (told,) = _told(tmp_path, f"models:\n{row}")
    assert "parameters.max_tokens = -1: must be `int` >= 1" in told


def test_ten_mistakes_are_ten_errors_and_nothing_is_asked(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(TEN_MISTAKES + "cleanup: 7\n")
    result = run("registry", "apply", str(file), *NOWHERE)
    assert result.exit_code == 2
    head, *lines = result.stderr.splitlines()
    assert "10 mistakes" in head
    assert len(lines) == len(TOLD)
    for line, (number, path, rule) in zip(lines, TOLD, strict=True):
        assert f"{file}:{number}: {path}: " in line
        assert rule in line
        assert line.endswith(".") or line.endswith("?")


def test_every_mistake_within_one_version_is_told(tmp_path: Path) -> None:
    told = _told(
        tmp_path,
        "models:\n"
        "  - version: v1.0.0\n"
        "    parameters: {temperature: 9, top_p: hot, max_token: 1}\n"
        "    status: prod\n"
        "    created: soon\n"
        "    artifacts: [{digest: a}, 3]\n",
    )
    paths = {line.split(": ", 2)[1].split(" = ")[0].removeprefix("models.0.") for line in told}
    assert paths == {
        "name",
        "base_model",
        "parameters.temperature",
        "parameters.top_p",
        "parameters.max_token",
        "status",
        "created",
        "artifacts.0.uri",
        "artifacts.1",
    }


def test_a_key_given_twice_hides_no_other_mistake(tmp_path: Path) -> None:
    told = _told(tmp_path, "models: []\nmodels: []\nembeddings: {ghost: e1}\nfamilies: 3\n")
    assert [line.split(":")[1] for line in told] == ["1", "3", "4"]
    assert "given twice, in lines 1 and 2" in told[0]


def test_a_bump_too_small_names_the_smallest_legal_version(tmp_path: Path) -> None:
    (told,) = _told(
        tmp_path,
        "models:\n"
        "  - {name: m, version: v1.0.0, base_model: gpt-4o}\n"
        "  - {name: m, version: v1.0.1, base_model: claude-3-opus, parent_version: v1.0.0}\n",
    )
    assert "another family: gpt -> claude. The smallest legal version is v2.0.0." in told


def test_contradicting_rules_and_missing_parents_are_told(tmp_path: Path) -> None:
    told = _told(
        tmp_path,
        "models:\n"
        "  - {name: m, version: v1.0.1, base_model: gpt-4o, parent_version: v1.0.0}\n"
        "compatibility:\n"
        "  - {embedding: e1, prompt_template: p1, compatible: true}\n"
        "  - {embedding: e1, prompt_template: p1, compatible: false}\n",
    )
    assert "m has no such version in this file. Add v1.0.0" in told[0]
    assert "contradicts rule 0, which says the opposite of p1 with e1" in told[1]


def test_a_parent_named_in_another_way_is_told_its_name(tmp_path: Path) -> None:
    (told,) = _told(
        tmp_path,
        "models:\n"
        "  - {name: m, version: v1.0.0, base_model: gpt-4o}\n"
        "  - {name: m, version: v1.0.1, base_model: gpt-4o, notes: n, parent_version: 1.0.0}\n",
    )
    assert "1.0.0 and v1.0.0 are the same version. Name it v1.0.0." in told


@pytest.mark.parametrize("text", ["- 1\n", "a: [\n", "models: &a [*a]\n", "7\n", "models: {}\n"])
def test_what_is_no_registry_is_told_and_never_a_crash(tmp_path: Path, text: str) -> None:
    assert _told(tmp_path, text)


def test_the_file_that_ships_is_sound_and_keeps_its_cleanup_policy() -> None:
    found = load_registry(contract_file("config", "registry.yaml"))
    assert [spec.version for spec in found.specs["support"]] == ["v1.0.0", "v1.1.0", "v2.0.0"]
    assert set(found.templates) == {"support-v1", "support-v2", "support-v3"}
    assert found.embeddings == {"support": "text-embedding-3-large"}
    assert found.cleanup_policy.staging == AgeAndCountLimit(max_age_days=90, max_versions=5)


def test_a_cleanup_policy_that_headgate_does_not_have_is_told_by_its_place(tmp_path: Path) -> None:
    told = _told(
        tmp_path,
        "cleanup_policy:\n"
        "  developement: {max_age_days: 30}\n"
        "  staging: {max_age_days: soon, keep: 3}\n"
        "  archived: {max_versions: 3}\n"
        "  production: {max_versions: 5}\n",
    )
    assert [line.split(": ")[1].split(" = ")[0] for line in told] == [
        "cleanup_policy.developement",
        "cleanup_policy.staging.max_age_days",
        "cleanup_policy.staging.keep",
        "cleanup_policy.archived.max_versions",
        "cleanup_policy.production.max_versions",
    ]
