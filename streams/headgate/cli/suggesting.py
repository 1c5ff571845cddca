"""`headgate version suggest`: what the next version must be called, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from headgate.cli.options import AsJson, ModelName, examples, on_broker, print_json
from headgate.cli.registry_file import load_candidate
from headgate.cli.registry_reading import (
    Entries,
    known_of,
    nothing,
    spec_of,
    specs_of,
    version_of,
)
from headgate.config import Settings
from headgate.registry import semver
from headgate.registry.bumps import Verdict, judge, smallest
from headgate.vocabulary import Status
from headgate.wire.registry import VersionSpec

version_app = typer.Typer(no_args_is_help=True, help="Version numbers.")
UNNAMED = "v0.0.0"


@version_app.command(epilog=examples("headgate version suggest support --file candidate.yaml"))
@on_broker
def suggest(
    model: ModelName,
    file: Annotated[
        Path,
        typer.Option(metavar="FILE", help="YAML: the fields of one entry of `models:`."),
    ],
    *,
    settings: Settings,
    as_json: AsJson = False,
) -> None:
    """Say what the next version must be called, against the parent that FILE names.

    Without one, against the version in production, else the latest. Exit code 1 where FILE names a
    version that is too small a step.
    """
    candidate = load_candidate(file, UNNAMED)
    known = known_of(settings, model)
    found = known.versions
    parent = _parent(found, model, candidate)
    named = candidate.version != UNNAMED
    verdict = judge(parent, candidate, patterns=known.rules.families, taken=found)
    taken = _taken(parent, verdict)
    if as_json:
        print_json({**_to_json(parent, candidate, verdict, named=named), "taken": taken})
    else:
        typer.echo(verdict.smallest)
        typer.echo(f"{_step(verdict)} from {parent.version}: {verdict.why}.{_taken_words(taken)}")
        if named and verdict.is_large:
            typer.echo(f"Warning: {candidate.version} is a larger step than that.")
    if named and not verdict.legal:
        raise nothing(f"{candidate.version} is too small a step from {parent.version}.")


def _step(verdict: Verdict) -> str:
    return f"At least a {verdict.needed.name} step" if verdict.needed else "Any step"


def _taken(parent: VersionSpec, verdict: Verdict) -> list[str]:
    """The smaller versions that would do, if they were not there already."""
    before, passed = semver.parse(parent.version), list[str]()
    while (version := smallest(before, verdict.needed, passed)) != verdict.smallest:
        passed.append(version)
    return passed


def _taken_words(taken: list[str]) -> str:
    if not taken:
        return ""
    first, *_, last = taken * 2
    return f" {first} is taken." if first == last else f" {first} to {last} are taken."


def _parent(found: Entries, model: str, candidate: VersionSpec) -> VersionSpec:
    if candidate.parent_version:
        return spec_of(version_of(found, model, candidate.parent_version))
    specs = specs_of(found)
    serving = [v for v, row in found.items() if row.status is Status.PRODUCTION and v in specs]
    best = semver.latest(serving) or semver.latest(specs)
    if best is None:
        raise nothing(f"No version of {model} is declared: begin with v1.0.0.")
    return specs[best]


def _to_json(
    parent: VersionSpec, candidate: VersionSpec, verdict: Verdict, *, named: bool
) -> dict[str, Any]:
    return {
        "suggested": verdict.smallest,
        "parent": parent.version,
        "needed": verdict.needed.name.lower(),
        "because": [row.sentence for row in verdict.because],
        "named": candidate.version if named else None,
        "legal": verdict.legal if named else None,
        "larger_than_needed": verdict.is_large if named else None,
    }
