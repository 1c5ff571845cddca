"""Registry files: versions, prompt templates and compatibility; every mistake told at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from headgate.checking import MISSING, mistakes
from headgate.cli.registry_rules import check_together
from headgate.problems import did_you_mean
from headgate.registry import semver
from headgate.registry.soundness import rule_flaws, spec_flaws
from headgate.vocabulary import ANY_MODEL
from headgate.wire.cleanup import CleanupPolicy
from headgate.wire.fields import Name
from headgate.wire.registry import CompatibilityRule, PromptTemplate, VersionSpec
from headgate.yaml_lines import Document, Path_, read_document

SECTIONS: dict[str, type] = {
    "models": list,
    "prompt_templates": dict,
    "compatibility": list,
    "embeddings": dict,
    "families": dict,
    "cleanup_policy": dict,
}
_A: dict[type, str] = {list: "a list", dict: "a mapping of names to values"}


@dataclass(frozen=True, slots=True)
class RegistryFile:
    """What a file declares; `specs` by model in the file's order."""

    specs: dict[str, list[VersionSpec]]
    templates: dict[str, PromptTemplate]
    rules: tuple[CompatibilityRule, ...]
    embeddings: dict[str, str]
    families: dict[str, str]
    cleanup_policy: CleanupPolicy


def load_registry(file: Path) -> RegistryFile:
    """The content of a registry file. Raises `ConfigError` with every mistake in it."""
    document = read_document(file)
    content = _sections(document)
    rules = _rules(document, content["compatibility"])
    templates = _templates(document, content["prompt_templates"])
    entries = [_entry(document, place, row) for place, row in enumerate(content["models"])]
    for section in ("embeddings", "families"):
        _names(document, section, content[section])
    cleanup = _cleanup(document, content["cleanup_policy"])
    check_together(document, entries, rules, content)
    document.finish()
    specs: dict[str, list[VersionSpec]] = {}
    for name, spec in entries:
        specs.setdefault(name, []).append(spec)
    return RegistryFile(
        specs=specs,
        templates=templates,
        rules=tuple(rules),
        embeddings=content["embeddings"],
        families=content["families"],
        cleanup_policy=cleanup,
    )


def _sections(document: Document) -> dict[str, Any]:
    """Every section, empty where it is left out or is nothing that it could be."""
    content: dict[str, Any] = {name: kind() for name, kind in SECTIONS.items()}
    for name, value in document.content.items():
        kind = SECTIONS.get(name)
        if kind is None:
            document.blame((name,), value, "no such section", did_you_mean(str(name), SECTIONS))
        elif value is not None and not isinstance(value, kind):
            document.blame((name,), value, f"must be {_A[kind]}", "See config/registry.yaml.")
        elif value is not None:
            content[name] = value
    return content


def _blame(document: Document, value: object, kind: Any, path: Path_) -> set[str | int]:
    """Note what does not fit; the first steps below `path` where something is wrong."""
    found = list(mistakes(value, kind, path))
    for row in found:
        is_version = row.path[-1] in {"version", "parent_version"} and row.rule != MISSING
        said = (semver.RULE, semver.REMEDY) if is_version else (row.rule, row.remedy)
        document.blame(row.path, row.value, *said)
    return {row.path[len(path)] if len(row.path) > len(path) else "" for row in found}


def _entry(document: Document, place: int, row: object) -> tuple[str, VersionSpec]:
    """A version of a model with its name."""
    path: Path_ = ("models", place)
    given = dict(row) if isinstance(row, dict) else row
    name: object = ""
    if isinstance(given, dict):
        if "name" not in given:
            document.blame((*path, "name"), None, MISSING, "Add `name:`, the model's name.")
        else:
            name = given.pop("name")
            _blame(document, name, Name, (*path, "name"))
            if name == ANY_MODEL:
                document.blame((*path, "name"), name, "stands for all models", "Name one model.")
    return str(name), _spec(document, given, path)


def load_candidate(file: Path, unnamed: str) -> VersionSpec:
    """One version, as an entry of `models:`; its name and version may be left out.

    Raises `ConfigError` with every mistake in it.
    """
    document = read_document(file)
    given = {"version": unnamed, **document.content}
    given.pop("name", None)
    spec = _spec(document, given, ())
    document.finish()
    return spec


def _spec(document: Document, given: object, path: Path_) -> VersionSpec:
    """A spec; what is wrong is noted and left out, so that the rest is checked too."""
    bad = _blame(document, given, VersionSpec, path)
    sound = {} if not isinstance(given, dict) else {k: v for k, v in given.items() if k not in bad}
    spec = msgspec.convert({"version": "v0.0.0", "base_model": "?", **sound}, VersionSpec)
    for flaw in spec_flaws(spec):
        document.blame((*path, *flaw.path.split(".")), flaw.value, flaw.rule, flaw.remedy)
    return spec


def _templates(document: Document, rows: dict[str, Any]) -> dict[str, PromptTemplate]:
    found = {}
    for name, row in rows.items():
        path: Path_ = ("prompt_templates", name)
        bad = _blame(document, name, Name, path) | _blame(document, row or {}, PromptTemplate, path)
        if not bad:
            found[name] = msgspec.convert(row or {}, PromptTemplate)
    return found


def _rules(document: Document, rows: list[Any]) -> list[CompatibilityRule]:
    found, places = [], []
    for place, row in enumerate(rows):
        if not _blame(document, row, CompatibilityRule, ("compatibility", place)):
            found.append(msgspec.convert(row, CompatibilityRule))
            places.append(place)
    for at, flaw in rule_flaws(found):
        path: Path_ = ("compatibility", places[at], flaw.path)
        document.blame(path, flaw.value, flaw.rule, flaw.remedy)
    return found


def _cleanup(document: Document, rows: dict[str, Any]) -> CleanupPolicy:
    if _blame(document, rows, CleanupPolicy, ("cleanup_policy",)):
        return CleanupPolicy()
    return msgspec.convert(rows, CleanupPolicy)


def _names(document: Document, section: str, rows: dict[str, Any]) -> None:
    for name, value in rows.items():
        _blame(document, name, Name, (section, name))
        _blame(document, value, Name, (section, name))
