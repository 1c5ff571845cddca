"""`compat`: does a version fit a prompt template and an embedding, and what would fit instead?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from headgate.cli.failures import ExitCode
from headgate.cli.options import AsJson, examples, print_json, with_settings
from headgate.cli.reading import Record, reach, read_to_end
from headgate.config import Settings
from headgate.problems import ConfigError, Problem, read_yaml
from headgate.registry.catalogue import Catalogue
from headgate.registry.compatibility import Answer, check
from headgate.registry.fitting import Fit
from headgate.registry.matrix import embeddings_of, matrix, templates_of
from headgate.vocabulary import Status, Topic
from headgate.wire.codec import BadValueError
from headgate.wire.messages import VERSION
from headgate.wire.registry import CompatibilityRule, PromptTemplate, VersionEntry, VersionSpec

compat_app = typer.Typer(no_args_is_help=True, help="What fits together: models, templates.")
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
    str, typer.Option("--embedding", metavar="E", help="The embedding that is live.")
]
ApiVersion = Annotated[
    str, typer.Option("--api-version", metavar="V", help="What callers speak; see the policy.")
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
    catalogue, gone = _known(settings, name, file)
    answer = check(
        catalogue,
        version,
        model=name,
        template=template,
        embedding=embedding,
        api_version=api_version,
        unusable=gone,
    )
    if as_json:
        print_json(msgspec.to_builtins(answer))
    else:
        typer.echo(answer.sentence)
        if answer.alternatives:
            typer.echo("Nearest that fit:")
        for row in answer.alternatives:
            typer.echo(f"  {row}")
    if answer.verdict is not Fit.COMPATIBLE:
        raise typer.Exit(ExitCode.NEGATIVE)


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
    catalogue, gone = _known(settings, name, file)
    specs = {version: spec for version, spec in catalogue.specs.items() if version not in gone}
    catalogue = msgspec.structs.replace(catalogue, specs=specs)
    rows = matrix(catalogue, name, api_version, embedding)
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


def _known(settings: Settings, name: str, file: Path | None) -> tuple[Catalogue, set[str]]:
    """What is registered of a model, and which of its versions are archived or removed."""
    if file is not None:
        return catalogue_in(file, name), set()
    reach(settings)
    typer.echo(
        "Templates and explicit entries are not on the topic; --file answers by them too.", err=True
    )
    return catalogue_on_topic(settings, name)


def catalogue_on_topic(settings: Settings, name: str) -> tuple[Catalogue, set[str]]:
    """The newest entry of each version; templates and explicit entries lie in no such entry."""
    entries: dict[str, VersionEntry] = {}
    for record in read_to_end(settings, Topic.REGISTRY):
        if record.value is None:
            entries.pop(_version_of(record, name), None)
            continue
        try:
            entry = VERSION.decode(record.value)
        except BadValueError:
            continue
        if entry.model == name:
            entries[entry.version] = entry
    gone = {
        version
        for version, entry in entries.items()
        if entry.status in {Status.ARCHIVED, Status.REMOVED}
    }
    specs = {version: entry.spec for version, entry in entries.items() if entry.spec}
    return Catalogue(specs=specs), gone


def _version_of(record: Record, name: str) -> str:
    key = (record.key or b"").decode("utf-8", "replace")
    return key.removeprefix(f"{name}/") if key.startswith(f"{name}/") else ""


def catalogue_in(path: Path, name: str) -> Catalogue:
    """What a registry file says of a model. Raises `ConfigError`; takes keys it does not know."""
    content = read_yaml(path)
    models = [row for row in _rows(content, "models") if row.get("name") == name]
    specs = [_read(path, "models", row, VersionSpec) for row in models]
    templates = content.get("prompt_templates") or {}
    return Catalogue(
        specs={spec.version: spec for spec in specs},
        templates={
            key: _read(path, f"prompt_templates.{key}", _template(row or {}), PromptTemplate)
            for key, row in templates.items()
        },
        rules=tuple(
            _read(path, "compatibility", row, CompatibilityRule)
            for row in _rows(content, "compatibility")
        ),
        embedding=str(content.get("embedding") or ""),
    )


def _rows(content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return [row for row in content.get(key) or [] if isinstance(row, dict)]


def _template(row: dict[str, Any]) -> dict[str, Any]:
    """Incompatible models are a map to reasons, or a list of names or of `model`, `reason`."""
    ruled_out = row.get("incompatible_models") or {}
    if isinstance(ruled_out, list):
        pairs = [item if isinstance(item, dict) else {"model": item} for item in ruled_out]
        ruled_out = {str(item.get("model")): str(item.get("reason", "")) for item in pairs}
    return {**row, "incompatible_models": ruled_out}


def _read(path: Path, where: str, row: dict[str, Any], kind: type[Any]) -> Any:
    known = {key: row[key] for key in kind.__struct_fields__ if row.get(key) is not None}
    try:
        return msgspec.convert(known, kind)
    except msgspec.ValidationError as error:
        called = f"{where} {row.get('version', '')}".strip()
        remedy = "Mend the file and ask again."
        raise ConfigError([Problem(str(path), called, "", str(error), remedy)]) from error
