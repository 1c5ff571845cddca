"""`headgate lifecycle`: what will happen to a model's versions and when; put it off, keep one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from headgate.cli.asking import Fields, asks
from headgate.cli.failures import ExitCode
from headgate.cli.look import now_ms
from headgate.cli.options import AsJson, ModelName, examples, on_broker, print_json
from headgate.cli.reading import latest_statuses
from headgate.cli.timeline import plan_lines
from headgate.config import Settings
from headgate.judge.durations import parse_duration_ms, say_duration
from headgate.wire.registry import MIN_COLD_MS, LifecycleSettings
from headgate.wire.registry_requests import (
    MAX_POSTPONE_DAYS,
    Postpone,
    Redeploy,
    Retain,
    SetLifecycle,
)
from headgate.wire.request import Request
from headgate.wire.status import ModelStatus

lifecycle_app = typer.Typer(no_args_is_help=True, help="What becomes of versions, and when.")

Version = Annotated[str, typer.Argument(metavar="VERSION", help="The version it is about.")]
Why = Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the audit record.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(lifecycle_app, name="lifecycle")


@lifecycle_app.command(epilog=examples("headgate lifecycle plan support-agent"))
@on_broker
def plan(model: ModelName, *, settings: Settings, as_json: AsJson = False) -> None:
    """What will happen to the versions of MODEL: a table, a timeline of the weeks to come, and the
    settings in force.

    Exit code 1 where nothing is known of the model.
    """
    status = latest_statuses(settings).get(model)
    if as_json:
        print_json(_plan_json(status) if status else None)
    elif status is not None:
        typer.echo("\n".join(plan_lines(status, now_ms())))
    if status is None:
        typer.echo(f"Nothing is known of model {model} yet.", err=True)
        raise typer.Exit(ExitCode.NEGATIVE)


def _plan_json(status: ModelStatus) -> dict[str, Any]:
    known = status.lifecycle_settings
    settings = None if known is None else msgspec.structs.asdict(known)
    return {"steps": msgspec.to_builtins(status.lifecycle), "settings": settings}


_POSTPONE = "headgate lifecycle postpone support-agent v1 --days 30 --reason 'pinned by billing'"


@lifecycle_app.command(epilog=examples(_POSTPONE))
@asks()
def postpone(
    model: ModelName,
    version: Version,
    days: Annotated[int, typer.Option(min=1, max=MAX_POSTPONE_DAYS, help="By how many days.")],
    reason: Why,
    *,
    fields: Fields,
) -> Request:
    """Put the next step of VERSION off, with a reason."""
    return Postpone(**{**fields(model), "reason": reason}, version=version, days=days)


@lifecycle_app.command(
    epilog=examples("headgate lifecycle retain support-agent v1 --reason 'audit of spring'")
)
@asks()
def retain(
    model: ModelName,
    version: Version,
    reason: Why,
    lift: Annotated[bool, typer.Option("--lift", help="It need not be kept any more.")] = False,
    *,
    fields: Fields,
) -> Request:
    """Keep VERSION and its artifacts for compliance, with a reason."""
    return Retain(**{**fields(model), "reason": reason}, version=version, lift=lift)


@lifecycle_app.command(epilog=examples("headgate lifecycle redeploy support-agent v1"))
@asks()
def redeploy(model: ModelName, version: Version, *, fields: Fields) -> Request:
    """Say that an archived VERSION was deployed again: it may become a candidate."""
    return Redeploy(**fields(model), version=version)


def _duration(text: str) -> int:
    try:
        return parse_duration_ms(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _span(what: str) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(metavar="DURATION", help=what, parser=_duration)
    return info


def _many(what: str) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(min=1, max=1000, help=what)
    return info


_SET = "headgate lifecycle set support-agent --deprecate 2w --archive 5w --remove 12w"


@lifecycle_app.command("set", epilog=examples(_SET))
@asks()
def set_durations(
    model: ModelName,
    *,
    deprecate: Annotated[int | None, _span("From promotion; 1w by default.")] = None,
    archive: Annotated[int | None, _span("From promotion; 4w.")] = None,
    remove: Annotated[int | None, _span("From promotion; 10w.")] = None,
    artifacts: Annotated[int | None, _span("Deletion after archiving; 90d at least.")] = None,
    development: Annotated[int | None, _span("In development; 30d.")] = None,
    development_versions: Annotated[int | None, _many("In development; 10.")] = None,
    staging: Annotated[int | None, _span("In staging; 90d.")] = None,
    staging_versions: Annotated[int | None, _many("In staging; 5.")] = None,
    deprecated: Annotated[int | None, _span("Deprecated without a promotion; 42d.")] = None,
    archived: Annotated[int | None, _span("Archived without a promotion; 365d.")] = None,
    notice: Annotated[int | None, _span("Announced ahead; 1w.")] = None,
    reminder: Annotated[int | None, _span("Reminded of ahead; 1d.")] = None,
    fields: Fields,
) -> Request:
    """Set when versions of MODEL go on, all at once: what is left out goes back to its default, a
    file's cleanup policy too. `headgate lifecycle plan` shows what is in force.
    """
    given = {
        "deprecate_ms": deprecate,
        "archive_ms": archive,
        "remove_ms": remove,
        "artifacts_ms": artifacts,
        "development_ms": development,
        "development_versions": development_versions,
        "staging_ms": staging,
        "staging_versions": staging_versions,
        "deprecated_ms": deprecated,
        "archived_ms": archived,
        "notice_ms": notice,
        "reminder_ms": reminder,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        settings = msgspec.convert(chosen, LifecycleSettings)
    except msgspec.ValidationError as error:
        raise typer.BadParameter(_out_of_bounds(chosen)) from error
    return SetLifecycle(**fields(model), settings=settings)


def _out_of_bounds(chosen: dict[str, int]) -> str:
    """Which option has no room, by what rule."""
    if chosen.get("artifacts_ms", MIN_COLD_MS) < MIN_COLD_MS:
        return (
            f"--artifacts {say_duration(chosen['artifacts_ms'])} is too soon: artifacts are never "
            "deleted before 90 days after archiving. Say 90d or more, or leave it out"
        )
    spans = {name: ms for name, ms in chosen.items() if name.endswith("_ms")}
    longest = max(spans, key=lambda name: spans[name])
    option = longest.removesuffix("_ms").replace("_", "-")
    return f"--{option} {say_duration(spans[longest])} is too long: say 520w, ten years, or less"
