"""`headgate policy check` and `policy plan`: what a policy will do, before it does it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import to_builtins
from rich import box
from rich.console import Console
from rich.table import Table

from headgate.cli.course_rules import course_lines
from headgate.cli.failures import ExitCode
from headgate.cli.options import AsJson, examples, print_json
from headgate.cli.pace import Pace, TriggerPace, pace_lines, paced, weights_table
from headgate.cli.policies import load_policy
from headgate.cli.rules import (
    at_words,
    needed_words,
    policy_lines,
    proof_lines,
    supposed_lines,
    trigger_line,
)
from headgate.judge.policy import Policy, Trigger, digest_of, parse_policy
from headgate.judge.sequential.forecast import BELOW, TIMES, Forecast, Trial, forecast
from headgate.judge.sequential.plan import plan_of
from headgate.judge.sequential.samples import Family
from headgate.vocabulary import BASIS_POINTS

policy_app = typer.Typer(no_args_is_help=True, help="The rules that a model is judged by.")
PLAIN_WIDTH = 100

File = Annotated[Path, typer.Argument(metavar="FILE", help="A policy in YAML.")]
_WEIGHT = {
    "min": 1,
    "max": BASIS_POINTS,
    "metavar": "BASIS_POINTS",
    "help": "The candidate's share: 500 is 5 %.",
}


@policy_app.command(
    epilog=examples(
        "headgate policy check mine.yaml",
        "headgate policy check mine.yaml --weight 500 --json",
    )
)
def check(
    file: File,
    *,
    weight: Annotated[int, typer.Option(**_WEIGHT)] = 1_000,
    as_json: AsJson = False,
) -> None:
    """Say in words what the policy in FILE will do, and how many requests that takes.

    Asks no broker. Exit code 2, with every mistake, for a file that is no sound policy.
    """
    content = load_policy(file)
    policy = parse_policy(content)
    found = forecast(policy, Trial(weight))
    if as_json:
        print_json(_check_json(policy, found, weight, digest_of(content)))
        return
    for line in policy_lines(policy):
        typer.echo(line)
    typer.echo("")
    _print(*_needed_tables(policy, found))
    for line in supposed_lines(policy, found, weight):
        typer.echo(line)


@policy_app.command(
    epilog=examples(
        "headgate policy plan mine.yaml --rate 50 --weight 500",
        "headgate policy plan mine.yaml --rate 2 --weight 1000 --labels-share 0.1 --json",
    )
)
def plan(
    file: File,
    *,
    rate: Annotated[
        float, typer.Option(min=1e-6, metavar="PER_SECOND", help="Requests/s of the whole model.")
    ],
    weight: Annotated[int, typer.Option(**_WEIGHT)],
    labels_share: Annotated[
        float,
        typer.Option(min=1e-6, max=1, metavar="SHARE", help="Of requests that get a label."),
    ] = 0.1,
    as_json: AsJson = False,
) -> None:
    """Say how long the policy in FILE takes to catch a bad version at a rate and a weight.

    Exit code 1 if a trigger that rolls back cannot catch anything within a week.
    """
    policy = parse_policy(load_policy(file))
    pace = Pace(rate, weight, labels_share)
    rows = paced(policy, pace)
    blind = [row for row in rows if row.blind]
    if as_json:
        print_json(_plan_json(pace, rows))
    else:
        for line in pace_lines(pace, rows):
            typer.echo(line)
        _print(_pace_table(policy, rows), weights_table(rows))
    if any(row.rolls_back for row in blind):
        raise typer.Exit(ExitCode.NEGATIVE)


def _print(*tables: Table) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    for table in tables:
        if table.row_count:
            console.print(table)


def degree_table(title: str, rows: list[tuple[Trigger, list[str]]], *, ratings: bool) -> Table:
    """A row per trigger, a column per degree of badness."""
    degrees = BELOW if ratings else TIMES
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), title=title, title_justify="left")
    table.add_column("trigger")
    for degree in degrees:
        name = f"{degree} below its limit" if ratings else f"{degree:g} x its limit"
        table.add_column(name, justify="right")
    for trigger, cells in rows:
        if is_rating(trigger) == ratings:
            table.add_row(trigger.name, *(cells or ["needs a stable arm"] * len(degrees)))
    return table


def is_rating(trigger: Trigger) -> bool:
    """Whether its limit is one of ratings, which lie below it rather than at a multiple."""
    return plan_of(trigger).sampled.family is Family.RATING


def _needed_tables(policy: Policy, found: tuple[Forecast, ...]) -> tuple[Table, Table]:
    triggers = {trigger.name: trigger for trigger in policy.triggers}
    rows = []
    for row in found:
        trigger = triggers[row.trigger]
        cells = [f"{at_words(trigger, c)}: {needed_words(c, row.horizon)}" for c in row.cases]
        rows.append((trigger, cells))
    title = "Candidate requests or labels until it acts"
    return (
        degree_table(title, rows, ratings=False),
        degree_table("Ratings until it acts", rows, ratings=True),
    )


def _pace_table(policy: Policy, rows: tuple[TriggerPace, ...]) -> Table:
    triggers = {trigger.name: trigger for trigger in policy.triggers}
    title = "Time until it acts, by times its limit (ratings: below it)"
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), title=title, title_justify="left")
    for name in ("trigger", "2 x (0.3 below)", "3 x (0.5 below)", "5 x (1.0 below)"):
        table.add_column(name, justify="left" if name == "trigger" else "right")
    for row in rows:
        cells = row.words() or ["needs a stable arm"] * len(TIMES)
        table.add_row(triggers[row.trigger].name, *cells)
    return table


def _check_json(
    policy: Policy, found: tuple[Forecast, ...], weight: int, digest: str
) -> dict[str, Any]:
    forecasts = {row.trigger: row for row in found}
    return {
        "policy": policy.name,
        "digest": digest,
        "weight": weight,
        "rollouts": course_lines(policy),
        "proof": {"words": proof_lines(policy), **policy.proof.model_dump()},
        "triggers": [
            {
                "trigger": trigger.name,
                "words": trigger_line(policy, trigger),
                "proof": trigger.proof,
                "forecast": to_builtins(forecasts.get(trigger.name)),
            }
            for trigger in policy.triggers
        ],
    }


def _plan_json(pace: Pace, rows: tuple[TriggerPace, ...]) -> dict[str, Any]:
    return {**to_builtins(pace), "triggers": [row.to_json() for row in rows]}
