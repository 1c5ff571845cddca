"""What the parts of a registry file must be to each other: no twins, cycles or strangers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headgate.registry import semver
from headgate.registry.bumps import judge
from headgate.registry.lineage import cycles, missing_parents
from headgate.registry.soundness import embedding_flaws
from headgate.wire.registry import CompatibilityRule, VersionSpec
from headgate.yaml_lines import Document, Path_

Entries = Sequence[tuple[str, VersionSpec]]
Placed = dict[str, tuple[int, VersionSpec]]


def check_together(
    document: Document,
    entries: Entries,
    rules: Sequence[CompatibilityRule],
    content: dict[str, Any],
) -> None:
    """Note every mistake that only shows between the parts."""
    models = _by_model(document, entries)
    for name, versions in models.items():
        _check_lineage(document, name, versions)
        _check_bumps(document, versions, content["families"])
    templates = content["prompt_templates"]
    for place, (_, spec) in enumerate(entries):
        if spec.prompt_template and spec.prompt_template not in templates:
            document.blame(
                ("models", place, "prompt_template"),
                spec.prompt_template,
                "no such prompt template",
                "Define it under `prompt_templates:`.",
            )
        for flaw in embedding_flaws(spec, rules):
            where: Path_ = ("models", place, *flaw.path.split("."))
            document.blame(where, flaw.value, flaw.rule, flaw.remedy)
    for name in content["embeddings"]:
        if name not in models:
            rule, remedy = "no such model in this file", "Name one that `models:` has."
            document.blame(("embeddings", name), None, rule, remedy)


def _by_model(document: Document, entries: Entries) -> dict[str, Placed]:
    """The versions of each model with their places; a version given twice is noted."""
    models: dict[str, Placed] = {}
    for place, (name, spec) in enumerate(entries):
        if ("models", place, "version") not in document.lines:
            continue
        versions = models.setdefault(name, {})
        twin = next((text for text in versions if semver.same(text, spec.version)), None)
        if twin is None:
            versions[spec.version] = (place, spec)
            continue
        first = document.line(("models", versions[twin][0], "version"))
        rule = f"{name} has that version already, in line {first}"
        document.blame(("models", place, "version"), spec.version, rule, "Keep one of them.")
    return models


def _check_lineage(document: Document, name: str, versions: Placed) -> None:
    parents = {version: spec.parent_version for version, (_, spec) in versions.items()}
    for version, parent in missing_parents(parents).items():
        if semver.same(version, parent):
            continue  # told as a cycle of one
        twins = [known for known in versions if semver.same(known, parent)]
        rule = f"{name} has no such version in this file"
        remedy = f"Add {parent} to the file, or leave `parent_version` out."
        if twins:
            rule, remedy = f"{parent} and {twins[0]} are the same version", f"Name it {twins[0]}."
        path = ("models", versions[version][0], "parent_version")
        document.blame(path, parent, rule, remedy)
    for cycle in cycles(parents):
        if len(cycle) > 1:
            way = " -> ".join((*cycle, cycle[0]))
            path = ("models", versions[cycle[0]][0], "parent_version")
            remedy = "Name as parent what a version came of."
            document.blame(path, parents[cycle[0]], f"is a cycle: {way}", remedy)


def _check_bumps(document: Document, versions: Placed, families: dict[str, Any]) -> None:
    patterns = {key: family for key, family in families.items() if isinstance(family, str)}
    parents = {version: spec.parent_version for version, (_, spec) in versions.items()}
    in_cycles = {version for cycle in cycles(parents) for version in cycle}
    for version, (place, spec) in versions.items():
        _, parent = versions.get(spec.parent_version, (0, None))
        readable = semver.try_parse(version) and semver.try_parse(spec.parent_version)
        if parent is None or not readable or version in in_cycles or "?" in _bases(parent, spec):
            continue
        verdict = judge(parent, spec, patterns=patterns, taken=versions)
        if not verdict.legal:
            rule = f"is too small a step from {parent.version}: {verdict.why}"
            remedy = f"The smallest legal version is {verdict.smallest}."
            document.blame(("models", place, "version"), version, rule, remedy)


def _bases(*specs: VersionSpec) -> set[str]:
    return {spec.base_model for spec in specs}
