"""`headgate registry apply`: a file becomes requests, parents before children."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from headgate.cli.asking import answer_lines
from headgate.cli.failures import ExitCode
from headgate.cli.options import (
    AsJson,
    DespiteTraffic,
    Operator,
    Reason,
    TimeoutS,
    default_operator,
    examples,
    print_json,
    with_settings,
)
from headgate.cli.reading import reach
from headgate.cli.registry_file import RegistryFile, load_registry
from headgate.cli.requests import Answer, ask, request_fields
from headgate.config import Settings
from headgate.problems import ConfigError, Problem
from headgate.registry.bumps import judge
from headgate.registry.lineage import parents_first
from headgate.registry.operators import RANK, needed_role
from headgate.wire.cleanup import CleanupPolicy
from headgate.wire.registry_requests import (
    RegisterTemplate,
    RegisterVersion,
    SetCleanup,
    SetCompatibility,
)
from headgate.wire.request import Request

EXAMPLES = examples("headgate registry apply registry.yaml --dry-run")


@with_settings()
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML; see config/registry.yaml.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked; ask no broker.")
    ] = False,
    despite_traffic: DespiteTraffic = False,
    reason: Reason = "",
    operator: Operator = None,
    timeout: TimeoutS = 15.0,
    settings: Settings,
    as_json: AsJson = False,
) -> None:
    """Register what FILE declares. What is registered already stays; nothing is promoted.

    Exit code 2, with every mistake and nothing sent, for a file that is not sound; 1 if any
    request is refused, 5 if none is but some wait for a second person. Once a key is refused,
    nothing more is sent that needs as much.
    """
    declared = load_registry(file)
    who = operator or default_operator(settings)
    asked = requests_of(declared, who, reason, despite_traffic=despite_traffic)
    if not asked:
        rule = "declares no version of any model: nothing would be asked for"
        remedy = "Name a version under `models:`; config/registry.yaml shows a sound file."
        raise ConfigError([Problem(str(file), "models", "", rule, remedy)])
    if dry_run:
        _say_plan(declared, asked, as_json=as_json)
        return
    reach(settings)
    answers = _ask_all(settings, asked, timeout, quiet=as_json)
    if as_json:
        print_json([answer.to_json() for answer in answers])
    if not all(answer.accepted or answer.waits for answer in answers):
        raise typer.Exit(ExitCode.NEGATIVE)
    if any(answer.waits for answer in answers):
        raise typer.Exit(ExitCode.WAITS)


def _ask_all(
    settings: Settings, asked: list[Request], timeout_s: float, *, quiet: bool
) -> list[Answer]:
    """The answers to all; what a key was refused for that asks for less is not sent."""
    answers, unsent = [], 0
    refused = len(RANK)
    for request in asked:
        if RANK[needed_role(request)] >= refused:
            unsent += 1
            continue
        answer = ask(settings, request, timeout_s=timeout_s)
        answers.append(answer)
        if answer.key_refused:
            refused = RANK[needed_role(request)]
        for line in () if quiet else answer_lines(request, answer):
            typer.echo(line)
    if unsent:
        some = "1 more request was" if unsent == 1 else f"{unsent} more requests were"
        typer.echo(f"{some} not sent: the same key would be refused.", err=quiet)
    return answers


def requests_of(
    declared: RegistryFile, operator: str, reason: str, *, despite_traffic: bool = False
) -> list[Request]:
    """Per model its templates, compatibility, versions after their parents, cleanup policy."""
    asked: list[Request] = []
    fit: dict[str, Any] = {"despite_traffic": despite_traffic}
    for model, specs in declared.specs.items():

        def fields(model: str = model) -> dict[str, Any]:
            return request_fields(model, operator, reason)

        for name, template in declared.templates.items():
            asked.append(RegisterTemplate(**fields(), **fit, name=name, template=template))
        embedding = declared.embeddings.get(model, "")
        if declared.rules or embedding or declared.families:
            rules, families = declared.rules, declared.families
            given: dict[str, Any] = {"rules": rules, "embedding": embedding, "families": families}
            asked.append(SetCompatibility(**fields(), **fit, **given))
        by_version = {spec.version: spec for spec in specs}
        for version in parents_first({spec.version: spec.parent_version for spec in specs}):
            asked.append(RegisterVersion(**fields(), **fit, spec=by_version[version]))
        if declared.cleanup_policy != CleanupPolicy():
            asked.append(SetCleanup(**fields(), cleanup=declared.cleanup_policy))
    return asked


def _say_plan(declared: RegistryFile, asked: list[Request], *, as_json: bool) -> None:
    rows = [_plan_row(request) for request in asked]
    warnings = bump_warnings(declared)
    if as_json:
        print_json({"requests": rows, "warnings": warnings})
        return
    for row in rows:
        typer.echo(f"Would ask: {row['request']} {row['model']} {row['about']}")
    for line in warnings:
        typer.echo(f"Warning: {line}")
    typer.echo(f"{len(rows)} requests; what is registered already with this content stays.")


def _plan_row(request: Request) -> dict[str, str]:
    about = ""
    if isinstance(request, RegisterVersion):
        about = request.spec.version
    elif isinstance(request, RegisterTemplate):
        about = request.name
    elif isinstance(request, SetCompatibility):
        about = f"{len(request.rules)} rules, embedding {request.embedding or 'none named'}"
    elif isinstance(request, SetCleanup):
        about = ", ".join(msgspec.to_builtins(request.cleanup))
    tag = str(request.__struct_config__.tag)
    return {"request": tag, "model": request.model, "about": about}


def bump_warnings(declared: RegistryFile) -> list[str]:
    """Versions that grew by more than what changed."""
    lines = []
    for model, specs in declared.specs.items():
        by_version = {spec.version: spec for spec in specs}
        for spec in specs:
            parent = by_version.get(spec.parent_version)
            if parent is None:
                continue
            verdict = judge(parent, spec, patterns=declared.families, taken=by_version)
            if verdict.is_large:
                lines.append(
                    f"{model} {spec.version} is a larger step from {parent.version} than what "
                    f"changed ({verdict.why}); {verdict.smallest} would do."
                )
    return lines
