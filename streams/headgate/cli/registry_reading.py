"""The registry as anyone can read it: the newest entry of each version on the compacted topic."""

from __future__ import annotations

from contextlib import suppress

import typer

from headgate.cli.failures import ExitCode
from headgate.cli.reading import read_to_end
from headgate.config import Settings
from headgate.registry import semver
from headgate.vocabulary import Topic
from headgate.wire.codec import BadValueError
from headgate.wire.messages import VERSION
from headgate.wire.registry import VersionEntry, VersionSpec

Entries = dict[str, VersionEntry]


def read_registry(settings: Settings) -> dict[str, Entries]:
    """Every version's newest entry, by model and version, versions in order of precedence."""
    newest: dict[bytes | None, VersionEntry] = {}
    for record in read_to_end(settings, Topic.REGISTRY):
        if record.value is None:
            newest.pop(record.key, None)
        with suppress(BadValueError):
            newest[record.key] = VERSION.decode(record.value)
    models: dict[str, Entries] = {}
    for entry in newest.values():
        models.setdefault(entry.model, {})[entry.version] = entry
    return {
        name: {version: models[name][version] for version in semver.in_order(models[name])}
        for name in sorted(models)
    }


def versions_of(settings: Settings, name: str) -> Entries:
    """The versions of a model; ends with exit code 1 where none is known."""
    found = read_registry(settings).get(name)
    if not found:
        raise nothing(f"Nothing is registered of model {name}.")
    return found


def version_of(versions: Entries, name: str, version: str) -> VersionEntry:
    """One version, with or without its leading v; ends with exit code 1 where it is not known."""
    found = next((row for text, row in versions.items() if semver.same(text, version)), None)
    if found is None:
        known = ", ".join(versions)
        raise nothing(f"{name} has no version {version}. Known: {known}.")
    return found


def spec_of(entry: VersionEntry) -> VersionSpec:
    """What was declared of a version; ends with exit code 1 where nothing was."""
    if entry.spec is None:
        raise nothing(f"{entry.version} of {entry.model} runs, but nothing was declared of it.")
    return entry.spec


def specs_of(versions: Entries) -> dict[str, VersionSpec]:
    """The declared versions."""
    return {version: row.spec for version, row in versions.items() if row.spec is not None}


def nothing(sentence: str) -> typer.Exit:
    """The answer is no: a sentence on stderr, exit code 1."""
    typer.echo(sentence, err=True)
    return typer.Exit(ExitCode.NEGATIVE)
