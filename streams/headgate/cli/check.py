"""`headgate check`: report what a check found, or run checks against a model's endpoint."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.asking import Fields, asks
from headgate.cli.check_file import load_checks
from headgate.cli.check_round import Reporter, Target, chosen, run_once
from headgate.cli.failures import PASSING, ExitCode, in_words
from headgate.cli.options import (
    AsJson,
    ModelName,
    Operator,
    Reason,
    TimeoutS,
    default_operator,
    examples,
    with_settings,
)
from headgate.cli.reading import reach
from headgate.config import Settings
from headgate.judge.durations import parse_duration_ms, say_duration
from headgate.wire.request import Request
from headgate.wire.rollout_requests import ReportCheck

check_app = typer.Typer(no_args_is_help=True, help="Checks that a blue-green rollout asks for.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(check_app, name="check")


@check_app.command(
    epilog=examples(
        "headgate check report support-agent v2 smoke --passed",
        "headgate check report support-agent v2 smoke --failed --detail 'no answer in 30 s'",
        "headgate check report support-agent v1 ready --passed",
    )
)
@asks()
def report(
    model: ModelName,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="What was checked.")],
    check: Annotated[str, typer.Argument(metavar="CHECK", help="As the policy names it.")],
    *,
    passed: Annotated[bool, typer.Option("--passed/--failed", help="What was found.")],
    detail: Annotated[str, typer.Option(metavar="TEXT", help="What is to be known of it.")] = "",
    fields: Fields,
) -> Request:
    """Say that a check of VERSION passed, or failed; the newest report counts."""
    return ReportCheck(**fields(model), version=version, check=check, passed=passed, detail=detail)


def _duration(text: str) -> int:
    try:
        return parse_duration_ms(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@check_app.command(
    epilog=examples(
        "headgate check run checks.yaml",
        "headgate check run checks.yaml --model support-agent --version v2 --report",
        "headgate check run checks.yaml --only ready --version v1 --every 1m --report",
    )
)
@with_settings()
def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML: config/checks.yaml.")],
    *,
    settings: Settings,
    model: Annotated[str, typer.Option(help="Instead of the file's.")] = "",
    version: Annotated[str, typer.Option(help="Instead of the file's.")] = "",
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="CHECK", help="Not the others; may be repeated."),
    ] = None,
    every: Annotated[
        int, typer.Option(metavar="DURATION", parser=_duration, help="Again and again, until ^C.")
    ] = 0,
    report_too: Annotated[
        bool, typer.Option("--report", help="Report what the rollout asks of that version.")
    ] = False,
    reason: Reason = "",
    operator: Operator = None,
    timeout: TimeoutS = 15.0,
    as_json: AsJson = False,
) -> None:
    """Send the requests in FILE to a model's endpoint and hold the answers against it.

    Status, latency, JSON Schema and text patterns; headers may come from environment variables.
    What is run and not asked for is named and not reported. Exit code 1 if a check fails, or
    Headgate refuses its report. With --every it goes on where a broker or a worker is away.
    """
    suite, calls = load_checks(file, os.environ)
    target = Target(model or suite.model, version or suite.version)
    if report_too and not (target.model and target.version):
        raise typer.BadParameter("--report needs --model and --version, or both in FILE")
    reporter = None
    if report_too:
        reach(settings)
        who = operator or default_operator(settings)
        reporter = Reporter(settings, target, who, reason, timeout)
    calls = chosen(calls, only or ())
    while every:
        try:
            run_once(calls, reporter).show(target, as_json=as_json)
        except PASSING as error:
            typer.echo(f"headgate: {in_words(error)}; again in {say_duration(every)}", err=True)
        time.sleep(every / 1000)
    found = run_once(calls, reporter)
    found.show(target, as_json=as_json)
    if not found.fine:
        raise typer.Exit(ExitCode.NEGATIVE)
