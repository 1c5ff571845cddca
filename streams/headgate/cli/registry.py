"""`headgate registry`: declare versions, and read what is known of them; `headgate version`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from msgspec import to_builtins

from headgate.cli import registry_apply
from headgate.cli.options import AsJson, MaybeModel, ModelName, examples, on_broker, print_json
from headgate.cli.registry_diff import EXAMPLES as DIFF_EXAMPLES
from headgate.cli.registry_diff import diff
from headgate.cli.registry_history import history
from headgate.cli.registry_reading import (
    known_of,
    nothing,
    parent_of,
    read_registry,
    version_of,
    versions_of,
)
from headgate.cli.registry_tables import LIST_COLUMNS, list_row, print_table, show_rows
from headgate.cli.suggesting import version_app
from headgate.config import Settings
from headgate.registry import semver
from headgate.registry.bumps import changes
from headgate.registry.lineage import lineage as lineage_of
from headgate.vocabulary import Status
from headgate.wire.registry import VersionEntry

registry_app = typer.Typer(no_args_is_help=True, help="What is declared and known of versions.")

VersionName = Annotated[str, typer.Argument(metavar="VERSION", help="With or without its v.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    registry_app.command(epilog=registry_apply.EXAMPLES)(registry_apply.apply)
    registry_app.command(epilog=examples("headgate registry history support"))(history)
    registry_app.command(epilog=DIFF_EXAMPLES)(diff)
    app.add_typer(registry_app, name="registry")
    app.add_typer(version_app, name="version")


@registry_app.command("list", epilog=examples("headgate registry list support --json"))
@on_broker
def list_versions(model: MaybeModel = None, *, settings: Settings, as_json: AsJson = False) -> None:
    """Every version, in the order of precedence."""
    models = read_registry(settings)
    rows = [
        row for name, found in models.items() if model in {None, name} for row in found.values()
    ]
    if as_json:
        print_json(to_builtins(rows))
    elif rows:
        print_table(LIST_COLUMNS, [list_row(row) for row in rows])
    if not rows:
        raise nothing(f"Nothing is registered of {model or 'any model'}.")


@registry_app.command(epilog=examples("headgate registry show support v1.1.0"))
@on_broker
def show(
    model: ModelName, version: VersionName, *, settings: Settings, as_json: AsJson = False
) -> None:
    """All that is known of one version, declared beside measured."""
    entry = version_of(versions_of(settings, model), model, version)
    if as_json:
        print_json(to_builtins(entry))
    else:
        print_table(("field", "value"), show_rows(entry), f"{model} {entry.version}")


@registry_app.command(epilog=examples("headgate registry production support"))
@on_broker
def production(model: ModelName, *, settings: Settings, as_json: AsJson = False) -> None:
    """The version in production; exit code 1 where there is none."""
    found = versions_of(settings, model).values()
    serving = [row for row in found if row.status is Status.PRODUCTION]
    stable = [row for row in serving if "stable" in row.aliases] or serving
    _say_one(stable[-1:], f"{model} has no version in production.", as_json=as_json)


@registry_app.command(epilog=examples("headgate registry latest support"))
@on_broker
def latest(model: ModelName, *, settings: Settings, as_json: AsJson = False) -> None:
    """The highest version by semver precedence that is not removed."""
    found = versions_of(settings, model)
    there = {name: row for name, row in found.items() if row.status is not Status.REMOVED}
    highest = semver.latest(there)
    rows = [there[highest]] if highest else []
    _say_one(rows, f"{model} has no version that follows semver.", as_json=as_json)


def _say_one(rows: Sequence[VersionEntry], otherwise: str, *, as_json: bool) -> None:
    if not rows:
        raise nothing(otherwise)
    if as_json:
        print_json(to_builtins(rows[0]))
    else:
        typer.echo(rows[0].version)


@registry_app.command(epilog=examples("headgate registry lineage support v1.1.0"))
@on_broker
def lineage(
    model: ModelName, version: VersionName, *, settings: Settings, as_json: AsJson = False
) -> None:
    """Where a version came from, and what changed at each step."""
    known = known_of(settings, model)
    found, specs = known.versions, known.catalogue.specs
    first = version_of(found, model, version).version
    parents = {name: parent_of(row) for name, row in found.items()}
    line = lineage_of(parents, first)
    steps = []
    for name in line.chain:
        spec, parent = specs.get(name), specs.get(parents[name])
        rows = changes(parent, spec, known.rules.families) if spec and parent else ()
        why = [row.sentence for row in rows]
        steps.append({"version": name, "status": str(found[name].status), "changed": why})
    if as_json:
        print_json({"chain": steps, "missing": line.missing, "cycle": line.cycle})
        return
    print_table(("version", "status", "changed"), [tuple(step.values()) for step in steps])
    if line.missing:
        typer.echo(f"Its line ends at {line.missing}, which nobody registered.")
    if line.cycle:
        typer.echo(f"Its line is a cycle: {' -> '.join(line.cycle)}.")
