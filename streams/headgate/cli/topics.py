"""`headgate topics`: what the contract asks of the broker, and what the broker has."""

from __future__ import annotations

from typing import Annotated

import typer

from headgate.cli.failures import ExitCode
from headgate.cli.options import AsJson, examples, on_broker, print_json, with_settings
from headgate.config import Settings
from headgate.pipeline.topics import (
    Difference,
    TopicPlan,
    apply_topics,
    check_topics,
    load_topics,
)

topics_app = typer.Typer(no_args_is_help=True, help="The topics on the broker.")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(topics_app, name="topics")


@topics_app.command(epilog=examples("headgate topics apply --bootstrap-servers kafka:9092"))
@on_broker
def apply(
    replication_factor: Annotated[
        int | None,
        typer.Option(min=1, help="Copies of each new topic; by default as in the contract."),
    ] = None,
    *,
    settings: Settings,
    as_json: AsJson = False,
) -> None:
    """Create the topics and mend their settings; says what differs, never shrinks. Repeatable."""
    plan = apply_topics(settings, replication_factor=replication_factor)
    if as_json:
        print_json(_plan_json(plan))
    else:
        for line in plan_lines(plan):
            typer.echo(line)
    if plan.refused:
        raise typer.Exit(ExitCode.NEGATIVE)


def plan_lines(plan: TopicPlan) -> list[str]:
    """What was done, for people."""
    if plan.is_done:
        return ["All topics are as the contract asks; nothing to do."]
    return [
        *(f"created {spec.name} with {spec.partitions} partitions" for spec in plan.create),
        *(f"grew {row.topic} from {row.found} to {row.wanted} partitions" for row in plan.grow),
        *(
            f"changed {row.topic}: {row.setting} from {row.found or 'unset'} to {row.wanted}"
            for row in plan.change
        ),
        *(
            f"REFUSED {row.topic}: {row.setting} is {row.found}, the contract asks for "
            f"{row.wanted}; {row.refusal}"
            for row in plan.refused
        ),
    ]


def _plan_json(plan: TopicPlan) -> dict[str, object]:
    def rows(differences: list[Difference]) -> list[dict[str, str]]:
        return [
            {
                "topic": row.topic,
                "setting": row.setting,
                "found": row.found,
                "wanted": row.wanted,
                "refusal": row.refusal,
            }
            for row in differences
        ]

    return {
        "created": [spec.name for spec in plan.create],
        "grown": rows(plan.grow),
        "changed": rows(plan.change),
        "refused": rows(plan.refused),
    }


@topics_app.command(epilog=examples("headgate topics check"))
@on_broker
def check(
    *,
    settings: Settings,
    as_json: AsJson = False,
) -> None:
    """Say what keeps a worker from starting; exit code 1 if anything does."""
    problems = check_topics(settings)
    if as_json:
        print_json({"problems": problems})
    else:
        for line in problems or ["All topics are there and right."]:
            typer.echo(line)
    if problems:
        raise typer.Exit(ExitCode.NEGATIVE)


@topics_app.command("list", epilog=examples("headgate topics list --json"))
@with_settings()
def list_topics(
    *,
    settings: Settings,
    as_json: AsJson = False,
) -> None:
    """The contract's topics: owner, key, partitions, settings. Asks no broker."""
    specs = load_topics(settings)
    if as_json:
        print_json(
            [
                {
                    "name": spec.name,
                    "owner": spec.owner,
                    "key": spec.key,
                    "partitions": spec.partitions,
                    "config": dict(spec.config),
                }
                for spec in specs
            ]
        )
        return
    for spec in specs:
        config = ", ".join(f"{name}={value}" for name, value in spec.config.items())
        place = f"{spec.partitions} partitions, key {spec.key}, by {spec.owner}"
        typer.echo(f"{spec.name}: {place}; {config}")
