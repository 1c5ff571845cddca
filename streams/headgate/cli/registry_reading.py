"""The registry as anyone can read it: the newest entries on the compacted topic."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import typer

from headgate.cli.failures import ExitCode
from headgate.cli.reading import read_to_end
from headgate.config import Settings
from headgate.registry import semver
from headgate.registry.catalogue import Catalogue
from headgate.vocabulary import Topic
from headgate.wire.codec import BadValueError
from headgate.wire.messages import REGISTRY
from headgate.wire.registry import (
    CompatibilityEntry,
    PromptTemplate,
    RegistryEntry,
    TemplateEntry,
    VersionEntry,
    VersionSpec,
)

Entries = dict[str, VersionEntry]


@dataclass(frozen=True, slots=True)
class Known:
    """What the registry holds of one model; versions in order of precedence."""

    versions: Entries
    templates: dict[str, PromptTemplate]
    rules: CompatibilityEntry

    @property
    def catalogue(self) -> Catalogue:
        """What versions are checked against, as the fold has it."""
        return Catalogue(
            specs=specs_of(self.versions),
            templates=self.templates,
            rules=self.rules.rules,
            embedding=self.rules.embedding,
            families=self.rules.families,
        )


def read_registry(settings: Settings) -> dict[str, Entries]:
    """Every version's newest entry, by model and version, versions in order of precedence."""
    return {name: known.versions for name, known in read_known(settings).items() if known.versions}


def read_known(settings: Settings) -> dict[str, Known]:
    """All that the topic holds, by model."""
    newest: dict[bytes | None, RegistryEntry] = {}
    for record in read_to_end(settings, Topic.REGISTRY):
        if record.value is None:
            newest.pop(record.key, None)
        with suppress(BadValueError):
            newest[record.key] = REGISTRY.decode(record.value)
    names = sorted({entry.model for entry in newest.values()})
    return {name: _known(name, [e for e in newest.values() if e.model == name]) for name in names}


def known_of(settings: Settings, name: str) -> Known:
    """What the topic holds of a model; empty where it knows nothing of it."""
    return read_known(settings).get(name) or _known(name, [])


def _known(name: str, entries: Iterable[RegistryEntry]) -> Known:
    versions, templates = {}, {}
    rules = CompatibilityEntry(model=name)
    for entry in entries:
        if isinstance(entry, VersionEntry):
            versions[entry.version] = entry
        elif isinstance(entry, TemplateEntry):
            templates[entry.name] = entry.template
        else:
            rules = entry
    ordered = {version: versions[version] for version in semver.in_order(versions)}
    return Known(ordered, templates, rules)


def versions_of(settings: Settings, name: str) -> Entries:
    """The versions of a model; ends with exit code 1 where none is known."""
    found = read_registry(settings).get(name)
    if not found:
        raise nothing(f"Nothing is registered of model {name}.")
    return found


def version_of(versions: Entries, name: str, version: str) -> VersionEntry:
    """One version, with or without its leading v; ends with exit code 1 where it is not known."""
    found = next((row for text, row in versions.items() if semver.same(text, version)), None)
    if not versions:
        raise nothing(f"Nothing is registered of model {name}.")
    if found is None:
        known = ", ".join(versions)
        raise nothing(f"{name} has no version {version}. Known: {known}.")
    return found


def spec_of(entry: VersionEntry) -> VersionSpec:
    """What was declared of a version; ends with exit code 1 where nothing was."""
    if entry.spec is None:
        if entry.tombstone is not None:
            raise nothing(f"{entry.version} of {entry.model} was removed; a tombstone is left.")
        raise nothing(f"{entry.version} of {entry.model} runs, but nothing was declared of it.")
    return entry.spec


def parent_of(entry: VersionEntry) -> str:
    """What a version came of, as far as it was declared; known of removed ones too."""
    known = entry.spec or entry.tombstone
    return known.parent_version if known else ""


def specs_of(versions: Entries) -> dict[str, VersionSpec]:
    """The declared versions."""
    return {version: row.spec for version, row in versions.items() if row.spec is not None}


def nothing(sentence: str) -> typer.Exit:
    """The answer is no: a sentence on stderr, exit code 1."""
    typer.echo(sentence, err=True)
    return typer.Exit(ExitCode.NEGATIVE)
