"""`compat`: does a version fit a prompt template and an embedding, and what would fit instead?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from headgate.cli.failures import ExitCode
from headgate.cli.options import AsJson, examples, print_json, with_settings
from headgate.cli.reading import reach
from headgate.cli.registry_file import load_registry
from headgate.cli.registry_reading import known_of
from headgate.config import Settings
from headgate.registry.catalogue import Catalogue
from headgate.registry.compatibility import Answer, check
from headgate.registry.fitting import Fit
from headgate.registry.matrix import embeddings_of, matrix, templates_of
from headgate.registry.semver import place_of
from headgate.vocabulary import Status
from headgate.wire.registry import VersionNeeds

compat_app = typer.Typer(no_args_is_help=True, help="What fits together: models, templates.")
_GONE = frozenset({Status.ARCHIVED, Status.REMOVED})
_MARKS = {Fit.COMPATIBLE: "yes", Fit.INCOMPATIBLE: "NO", Fit.UNKNOWN: "?"}
_COLOURS = {Fit.COMPATIBLE: "green", Fit.INCOMPATIBLE: "bold red", Fit.UNKNOWN: "yellow"}

Name = Annotated[str, typer.Argument(metavar="NAME", help="Logical model name.")]
RegistryFile = Annotated[
    Path | None,
    typer.Option(
        "--file", metavar="FILE", help="A registry in YAML; else the topic `registry` is read."
    ),
]
Embedding = Annotated[
    str, typer.Option("--embedding", metavar="E", help="The live one by default.")
]
ApiVersion = Annotated[
    str,
    typer.Option("--api-version", metavar="V", help="What callers speak; the policy's by default."),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    compat_app.command(
        "check", epilog=examples("headgate compat check support v2.1.0 --embedding e5-large")
    )(check_version)
    compat_app.command(
        "matrix", epilog=examples("headgate compat matrix support --file config/registry.yaml")
    )(show_matrix)
    app.add_typer(compat_app, name="compat")


@with_settings()
def check_version(
    name: Name,
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="A version, or a bare model's name.")
    ],
    *,
    settings: Settings,
    template: Annotated[
        str,
        typer.Option("--template", metavar="T", help="Prompt template; the version's by default."),
    ] = "",
    embedding: Embedding = "",
    api_version: ApiVersion = "",
    file: RegistryFile = None,
    as_json: AsJson = False,
) -> None:
    """Does it fit, by which rule, and what fits instead? Exit code 1 unless it is known to."""
    catalogue, gone, spoken = _known(settings, name, file)
    spoken = api_version or spoken
    answer = check(
        catalogue,
        version,
        model=name,
        template=template,
        embedding=embedding,
        api_version=spoken,
        unusable=gone,
    )
    remedy = remedy_of(catalogue, answer, spoken) if answer.verdict is Fit.UNKNOWN else ""
    if as_json:
        print_json({**msgspec.to_builtins(answer), "remedy": remedy})
    else:
        typer.echo(answer.sentence)
        if remedy:
            typer.echo(f"To make it known: {remedy}.")
        if answer.alternatives:
            typer.echo("Nearest that fit:")
        for row in answer.alternatives:
            typer.echo(f"  {row}")
    if answer.verdict is not Fit.COMPATIBLE:
        raise typer.Exit(ExitCode.NEGATIVE)


def remedy_of(catalogue: Catalogue, answer: Answer, api_version: str) -> str:
    """What is to be declared, or set in the policy, where something is not known to fit."""
    spec, found = catalogue.specs.get(answer.name), []
    needs = spec.compatibility if spec else VersionNeeds()
    if needs.breaking_changes and not needs.min_api_version:
        found.append("declare compatibility.min_api_version in a version to come")
    if needs.min_api_version and not (api_version and place_of(api_version)):
        found.append(
            "name compatibility.api_version in the policy (headgate policy apply), such as v2"
        )
    if needs.required_embeddings and not answer.embedding:
        found.append("name the embedding that is live under embeddings: in the registry file")
    if answer.template and answer.template not in catalogue.templates:
        found.append(f"register {answer.template} under prompt_templates:")
    elif answer.template and not found:
        listed = spec.base_model if spec else answer.name
        found.append(f"list {listed} in compatible_models of {answer.template}, or add an entry")
    if spec is None:
        found.append(f"register {answer.name}")
    allow = "allow what is unknown in the policy (compatibility.allow_unknown: true)"
    return f"{'; '.join(found)}; or {allow}" if found else allow


@with_settings()
def show_matrix(
    name: Name,
    *,
    settings: Settings,
    embedding: Embedding = "",
    api_version: ApiVersion = "",
    file: RegistryFile = None,
    as_json: AsJson = False,
) -> None:
    """A table for each embedding: versions down, prompt templates across, and why it is no yes."""
    catalogue, gone, spoken = _known(settings, name, file)
    specs = {version: spec for version, spec in catalogue.specs.items() if version not in gone}
    catalogue = msgspec.structs.replace(catalogue, specs=specs)
    rows = matrix(catalogue, name, api_version or spoken, embedding)
    if as_json:
        print_json([msgspec.to_builtins(row) for row in rows])
        return
    if not rows:
        typer.echo(f"Nothing is registered of {name}.", err=True)
        raise typer.Exit(ExitCode.NEGATIVE)
    console = Console()
    for used in (embedding,) if embedding else embeddings_of(catalogue):
        _print(console, catalogue, [row for row in rows if row.embedding == used], used)


def _print(console: Console, catalogue: Catalogue, rows: list[Answer], embedding: str) -> None:
    about = f"embedding {embedding}" if embedding else "no embedding named"
    templates = templates_of(catalogue)
    table = Table(title=about, title_justify="left")
    table.add_column("version")
    table.add_column("base model")
    for template in templates:
        table.add_column(template or "(no template)", justify="center")
    cells: dict[str, dict[str, str]] = {}
    for row in rows:
        colour = _COLOURS[row.verdict]
        marked = f"[{colour}]{_MARKS[row.verdict]}[/{colour}]"
        cells.setdefault(row.name, {})[row.template] = marked
    for version, marks in cells.items():
        base = catalogue.specs[version].base_model if version in catalogue.specs else version
        table.add_row(version, base, *(marks.get(template, "") for template in templates))
    console.print(table)
    reasons = [row.sentence for row in rows if row.verdict is not Fit.COMPATIBLE]
    for sentence in reasons:
        console.print(f"  {sentence}", markup=False, highlight=False, soft_wrap=True)


def _known(settings: Settings, name: str, file: Path | None) -> tuple[Catalogue, set[str], str]:
    """What is known of a model, its versions that are archived or removed, its callers' API."""
    if file is not None:
        return catalogue_in(file, name), set(), ""
    reach(settings)
    known = known_of(settings, name)
    gone = {version for version, entry in known.versions.items() if entry.status in _GONE}
    return known.catalogue, gone, known.rules.api_version


def catalogue_in(path: Path, name: str) -> Catalogue:
    """What a registry file says of a model. Raises `ConfigError` with every mistake in it."""
    declared = load_registry(path)
    return Catalogue(
        specs={spec.version: spec for spec in declared.specs.get(name, [])},
        templates=declared.templates,
        rules=declared.rules,
        families=declared.families,
        embedding=declared.embeddings.get(name, ""),
    )
