"""`headgate simulate`: what a policy would do in a scenario, in virtual time without a broker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from headgate.cli.failures import ExitCode
from headgate.cli.options import AsJson, examples, print_json
from headgate.cli.policies import load_policy, shipped_policy
from headgate.cli.simulated import run_lines, summary_lines
from headgate.judge.durations import parse_duration_ms
from headgate.sim.runs import look_ms_of, run_many, run_one, summary_of
from headgate.sim.script import Script
from headgate.sim.script_file import find_script, shipped_scenarios
from headgate.vocabulary import PANE_MS

MAX_PROCESSES = 2
LOOKS_MS = (500, 1_000, 2_000, 2_500, 5_000, PANE_MS)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "headgate simulate default --scenario bad_from_start",
            "headgate simulate mine.yaml --scenario turns_bad_late --seed 7",
            "headgate simulate mine.yaml --scenario mine_too.yaml --runs 200 --json",
            "headgate simulate --list",
        )
    )(simulate)


def simulate(
    policy: Annotated[
        str | None,
        typer.Argument(metavar="POLICY", help="A policy in YAML, or the name of a shipped one."),
    ] = None,
    *,
    scenario: Annotated[
        str, typer.Option(metavar="FILE|NAME", help="What happens; --list shows those shipped.")
    ] = "healthy",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1,
    runs: Annotated[
        int, typer.Option(min=1, max=100_000, help="So many runs, from this seed on: how they end.")
    ] = 1,
    look_every: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Time between two looks; 10s by default if the scenario is over a day long, "
            "else 500ms as in production.",
        ),
    ] = None,
    at_least: Annotated[
        float,
        typer.Option(min=0, max=1, metavar="SHARE", help="Of the runs, to end as expected."),
    ] = 1.0,
    show_list: Annotated[bool, typer.Option("--list", help="Show the shipped scenarios.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a rollout under POLICY in virtual time: what would be decided when, and who would notice.

    Fleet and routers are simulated; the decisions are those of the fold that governs production.
    Exit code 1 if the scenario says what is to be expected and it comes otherwise.
    """
    if show_list:
        for name in shipped_scenarios():
            typer.echo(f"{name:16} {find_script(name).story}")
        return
    if policy is None:
        raise typer.BadParameter("name a policy file, or a shipped policy such as default")
    content, script = _policy(policy), find_script(scenario)
    look_ms = _look_ms(look_every, script)
    if runs == 1:
        good = _one(script, content, seed, look_ms, as_json=as_json)
    else:
        share = _many(script, content, range(seed, seed + runs), look_ms, as_json=as_json)
        good = share is None or share >= at_least
    if not good:
        raise typer.Exit(ExitCode.NEGATIVE)


def _policy(named: str) -> dict[str, Any]:
    path = Path(named)
    if not path.exists() and not path.suffix:
        try:
            path = shipped_policy(named)
        except FileNotFoundError:
            path = Path(named)
    return load_policy(path)


def _look_ms(given: str | None, script: Script) -> int:
    if given is None:
        return look_ms_of(script)
    try:
        look_ms = parse_duration_ms(given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--look-every") from None
    if look_ms not in LOOKS_MS:
        known = ", ".join(f"{ms / 1000:g}s" if ms >= 1000 else f"{ms}ms" for ms in LOOKS_MS)
        raise typer.BadParameter(f"{given} is none of {known}", param_hint="--look-every")
    return look_ms


def _one(script: Script, policy: dict[str, Any], seed: int, look_ms: int, *, as_json: bool) -> bool:
    with _bar("looking", 1.0) as advance_to:
        told = run_one(script, policy, seed, look_ms=look_ms, progress=advance_to)
    if as_json:
        print_json({"scenario": script.name, "expect": script.expect, **to_builtins(told)})
    else:
        typer.echo("\n".join(run_lines(script, told)))
    return script.expect in {None, told.ending}


def _many(
    script: Script, policy: dict[str, Any], seeds: range, look_ms: int, *, as_json: bool
) -> float | None:
    told = []
    processes = min(MAX_PROCESSES, os.cpu_count() or 1)
    with _bar("runs", len(seeds)) as advance_to:
        for run in run_many(script, policy, seeds, look_ms=look_ms, processes=processes):
            told.append(run)
            advance_to(len(told))
    told.sort(key=lambda run: run.seed)
    summary = summary_of(told, script.expect)
    if as_json:
        rows = [to_builtins(run) for run in told]
        print_json({"scenario": script.name, **to_builtins(summary), "each": rows})
    else:
        typer.echo("\n".join(summary_lines(script, summary)))
    return summary.as_expected


@contextmanager
def _bar(what: str, total: float) -> Iterator[Any]:
    """A progress bar on a terminal's standard error; nothing is left of it."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    counted = (*columns, MofNCompleteColumn()) if total > 1 else columns
    with Progress(
        *counted, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
