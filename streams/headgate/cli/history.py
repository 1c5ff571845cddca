"""`headgate rollout history`: every rollout of a model, who did what and why, how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated

import typer

from headgate.cli.failures import ExitCode
from headgate.cli.look import now_ms
from headgate.cli.moments import bare_second
from headgate.cli.options import AsJson, ModelName, examples, on_broker, print_json
from headgate.cli.phrases import share
from headgate.cli.reading import read_to_end
from headgate.cli.rollout import rollout_app
from headgate.cli.rollout_history import RUNNING, Event, RolloutHistory, histories
from headgate.config import Settings
from headgate.judge.durations import say_duration
from headgate.judge.listing import listed
from headgate.vocabulary import Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import BadValueError
from headgate.wire.messages import AUDIT

_MARKS = {"refused": "refused: ", "waiting": "waits: "}
_KINDS = {"blue_green": "blue-green", "ab": "A/B test", "manual": "by hand"}


def register(_: typer.Typer) -> None:
    """Add the command to `headgate rollout`."""
    example = examples(
        "headgate rollout history support-agent", "headgate rollout history support-agent --json"
    )
    rollout_app.command(epilog=example)(history)


@on_broker
def history(
    model: ModelName,
    *,
    settings: Settings,
    last: Annotated[int, typer.Option(min=1, help="How many of the newest rollouts.")] = 1_000,
    as_json: AsJson = False,
) -> None:
    """Every rollout of MODEL: its steps, who and why, how it ended.

    Exit code 1 where none is on record.
    """
    found = histories(_records(settings), model)[-last:]
    if as_json:
        print_json([asdict(row) for row in found])
    else:
        for line in history_lines(model, found, now_ms()):
            typer.echo(line)
    if not found:
        typer.echo(f"No rollout of {model} is on record on the audit topic.", err=True)
        raise typer.Exit(ExitCode.NEGATIVE)


def _records(settings: Settings) -> Iterator[AuditRecord]:
    for row in read_to_end(settings, Topic.AUDIT):
        with suppress(BadValueError):
            yield AUDIT.decode(row.value)


def history_lines(model: str, found: list[RolloutHistory], at_ms: int) -> list[str]:
    """The rollouts for people, the oldest first."""
    if not found:
        return []
    count = "1 rollout" if len(found) == 1 else f"{len(found)} rollouts"
    lines = [f"{model}: {count}, times in UTC"]
    for row in found:
        lines += ["", _heading(row, at_ms), *_timeline(row.events)]
    return lines


def _heading(row: RolloutHistory, at_ms: int) -> str:
    kind = _KINDS.get(row.kind, row.kind or "rollout")
    lasted = say_duration(max((row.ended_ms or at_ms) - row.started_ms, 0))
    if row.outcome == RUNNING:
        ended = f"running for {lasted}"
    else:
        ended = f"{row.outcome} by {row.ended_by} after {lasted}, decision {row.decision_id}"
    if row.reverted_ms is not None:
        stood = say_duration(max(row.reverted_ms - (row.ended_ms or 0), 0))
        ended += f"; rolled back by {row.reverted_by} {stood} later, {row.reverted_decision}"
    return f"{listed(row.arms)}, {kind} beside {row.stable}: {ended} ({row.rollout_id})"


def _timeline(events: list[Event]) -> Iterator[str]:
    who = max((len(event.who) for event in events), default=0)
    for event in events:
        weight = "" if event.after is None else share(event.after)
        why = f" Reason given: {event.why}" if event.why else ""
        words = f"{_MARKS.get(event.event, '')}{event.sentence}{why}"
        yield f"  {bare_second(event.at_ms)}  {event.who:<{who}}  {weight:>7}  {words}"
