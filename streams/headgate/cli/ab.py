"""`headgate ab`: start an A/B test, read it as often as you like, stop it."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console

from headgate.cli.ab_report import markdown, report_view
from headgate.cli.asking import Fields, asks
from headgate.cli.failures import ExitCode
from headgate.cli.moments import ago, countdown, second
from headgate.cli.options import AsJson, ModelName, examples, on_broker, print_json
from headgate.cli.reading import latest_statuses
from headgate.cli.starting import Arms, Criteria, Overrides, Stable, ab_request
from headgate.config import Settings
from headgate.judge.listing import listed
from headgate.vocabulary import AbVerdict
from headgate.wire.reports import TestReport
from headgate.wire.request import Request
from headgate.wire.rollout_requests import StopTest
from headgate.wire.status import ModelStatus

ab_app = typer.Typer(
    no_args_is_help=True, help="Compare versions on live traffic: fixed shares, sticky by user."
)

_START = (
    "headgate ab start support-agent --arm v2=50%",
    "headgate ab start support-agent --arm v2=25% --arm v3=25% "
    "--criterion rating_mean:higher:2% --criterion latency_p95_ms:lower:10%",
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(ab_app, name="ab")


@ab_app.command(epilog=examples(*_START))
@asks(changes_split=True)
def start(
    model: ModelName,
    arm: Arms,
    criterion: Criteria = None,
    stable: Stable = None,
    overrides: Overrides = "",
    *,
    fields: Fields,
) -> Request:
    """Give every arm its fixed share; the version in production has the rest.

    What is compared, and which difference matters, is declared here and can't be changed later.
    The same as `headgate rollout start MODEL --ab`.
    """
    return ab_request(fields, model, arm, criterion or (), stable=stable, overrides=overrides)


@ab_app.command(
    epilog=examples(
        "headgate ab report support-agent",
        "headgate ab report support-agent --markdown > report.md",
    )
)
@on_broker
def report(
    model: ModelName,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="To paste into a ticket.")
    ] = False,
    *,
    settings: Settings,
    as_json: AsJson = False,
) -> None:
    """The test that runs, or the review of a canary's step: arms, intervals, verdicts. Where none
    runs, the last one.

    Exit code 1 while nothing is decided, where it is void, and where there never was one.
    """
    status = latest_statuses(settings).get(model)
    found, begun = _running(status), _begun(status)
    if found is None and not begun and status is not None and status.last_report is not None:
        found = status.last_report
        over = f"{model}: none runs. The last one, as it was on {second(found.at_ms)}:"
        typer.echo(over, err=as_json or as_markdown)
    if as_json:
        print_json(msgspec.to_builtins(found))
    elif found is None:
        typer.echo(f"{model}: {begun or _nothing(model, status)}")
    elif as_markdown:
        typer.echo(markdown(model, found))
    else:
        Console().print(report_view(found))
    decided = found is not None and not found.void and found.verdict is not AbVerdict.NOT_ENOUGH
    if not decided:
        raise typer.Exit(ExitCode.NEGATIVE)


def _running(status: ModelStatus | None) -> TestReport | None:
    rollout = status.rollout if status is not None else None
    return rollout.report if rollout is not None else None


def _nothing(model: str, status: ModelStatus | None) -> str:
    as_of = f" as of {second(status.at_ms)}" if status is not None else ""
    return f"no A/B test or review runs{as_of}. headgate ab start {model} --arm ..."


def _begun(status: ModelStatus | None) -> str:
    """That a comparison began which nobody has read yet, and when that comes; else nothing."""
    rollout = status.rollout if status is not None else None
    if status is None or rollout is None or rollout.report is not None:
        return ""
    since_ms, at_ms = rollout.compared_since_ms, rollout.reading_at_ms
    if since_ms is None or at_ms is None:
        return ""
    arms = listed(arm.version for arm in status.weights)
    first = countdown(at_ms, status.at_ms)
    return f"the comparison of {arms} began {ago(since_ms, status.at_ms)}; first reading {first}."


@ab_app.command(
    epilog=examples("headgate ab stop support-agent", "headgate ab stop support-agent --winner v2")
)
@asks(changes_split=True)
def stop(
    model: ModelName,
    winner: Annotated[
        str, typer.Option(metavar="VERSION", help="The arm to promote; without it, stable stays.")
    ] = "",
    *,
    fields: Fields,
) -> Request:
    """End the test: the winner is promoted, or the version in production serves everything again.

    A winner that is not proven waits for a second person, unless the policy allows it.
    """
    return StopTest(**fields.of_split(model), winner=winner)
