"""Commands that only look: `status`, `watch`, `tail`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from headgate.cli.events import decode_event, event_json, event_line, model_of
from headgate.cli.failures import ExitCode
from headgate.cli.live import LiveScreen, PlainScreen, Screen
from headgate.cli.options import (
    AsJson,
    MaybeModel,
    examples,
    on_broker,
    print_json,
)
from headgate.cli.reading import Record, TopicFollower, decode_status, latest_statuses
from headgate.cli.view import model_view, plain_lines
from headgate.config import Settings
from headgate.vocabulary import Topic
from headgate.wire.codec import BadValueError
from headgate.wire.status import ModelStatus

EVENT_TOPICS = (Topic.CONTROL, Topic.ALERTS, Topic.AUDIT)


class Tailed(StrEnum):
    """Topics that `tail` follows."""

    CONTROL = "control"
    ALERTS = "alerts"
    AUDIT = "audit"
    DEAD_LETTERS = "dead-letters"
    STATUS = "status"


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog=examples("headgate status", "headgate status support-agent --json"))(status)
    app.command(epilog=examples("headgate watch support-agent", "headgate watch --once"))(watch)
    app.command(
        epilog=examples(
            "headgate tail alerts",
            "headgate tail audit --from-beginning --exit --json",
        )
    )(tail)


def now_ms() -> int:
    """The clock of this machine."""
    return time.time_ns() // 1_000_000


@on_broker
def status(
    model: MaybeModel = None,
    *,
    settings: Settings,
    as_json: AsJson = False,
) -> None:
    """What runs, is it good so far, what happens next, what can be done now.

    With --json one status where a MODEL is named, else a list. Exit code 1 where nothing is known.
    """
    found = _chosen(latest_statuses(settings), model)
    if as_json:
        rows = msgspec.to_builtins(found)
        print_json(rows if model is None else next(iter(rows), None))
        known = bool(found)
    else:
        known = show_once(found, model)
    if not known:
        raise typer.Exit(ExitCode.NEGATIVE)


def show_once(found: Sequence[ModelStatus], model: str | None) -> bool:
    """Statuses on a terminal or as plain lines; False, with a word on stderr, if there is none."""
    console = Console()
    for row in found:
        if console.is_terminal:
            console.print(model_view(row, now_ms()))
        else:
            typer.echo("\n".join(plain_lines(row, now_ms())))
    if not found:
        about = f"model {model}" if model else "any model"
        typer.echo(
            f"Nothing is known of {about} yet: adopt a version, and see that a worker runs.",
            err=True,
        )
    return bool(found)


def _chosen(statuses: dict[str, ModelStatus], model: str | None) -> list[ModelStatus]:
    return [row for name, row in statuses.items() if model in {None, name}]


@on_broker
def watch(
    model: MaybeModel = None,
    *,
    settings: Settings,
    once: Annotated[bool, typer.Option("--once", help="Show it once and stop.")] = False,
) -> None:
    """The live view: tables, verdicts, deadlines and events as they happen. Ctrl-C ends it.

    It begins with the newest events and draws as much as the terminal has room for. Where standard
    output is no terminal, plain lines.
    """
    known = latest_statuses(settings)
    if once:
        if not show_once(_chosen(known, model), model):
            raise typer.Exit(ExitCode.NEGATIVE)
        return
    live = sys.stdout.isatty()
    screen: Screen = LiveScreen("headgate watch") if live else PlainScreen()
    topics = [Topic.STATUS, *EVENT_TOPICS]
    with screen, TopicFollower(settings, topics, "recent" if live else "end") as follower:
        for record in sorted(follower.backlog(), key=lambda record: record.timestamp_ms):
            feed(screen, record, model)
        for row in _chosen(known, model):
            screen.show(row)
        while True:
            for record in follower.poll():
                feed(screen, record, model)
            screen.refresh()


def feed(screen: Screen, record: Record, model: str | None) -> None:
    """Show one record, if it is about the model that is watched."""
    if record.topic is Topic.STATUS:
        found = decode_status(record)
        if found is not None and model in {None, found.model}:
            screen.show(found)
    elif is_about(record, model) and not is_heartbeat(record):
        screen.event(event_line(record))


def is_about(record: Record, model: str | None) -> bool:
    """Whether a record is about a model, or about none in particular."""
    if model is None:
        return True
    try:
        about = model_of(decode_event(record))
    except BadValueError:
        return True
    return about in {None, "*", model}


def is_heartbeat(record: Record) -> bool:
    """Whether a record only says that Headgate is up."""
    return record.topic is Topic.ALERTS and b'"type":"watching"' in (record.value or b"")


@on_broker
def tail(
    topic: Annotated[Tailed, typer.Argument(metavar="|".join(Tailed))],
    *,
    settings: Settings,
    model: Annotated[str | None, typer.Option(help="Only what is about this model.")] = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Everything that the topic holds first.")
    ] = False,
    exit_at_end: Annotated[
        bool, typer.Option("--exit", help="Stop at the topic's present end.")
    ] = False,
    heartbeats: Annotated[
        bool, typer.Option("--heartbeats", help="Show the `watching` records of alerts too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Follow a topic, one line per record."""
    for record in _tailed(settings, Topic(topic), from_beginning, exit_at_end):
        if is_about(record, model) and (heartbeats or not is_heartbeat(record)):
            typer.echo(event_json(record) if as_json else event_line(record))
            sys.stdout.flush()


def _tailed(
    settings: Settings, topic: Topic, from_beginning: bool, exit_at_end: bool
) -> Iterable[Record]:
    """The backlog in order of time, then what comes."""
    with TopicFollower(settings, [topic], "beginning" if from_beginning else "end") as follower:
        if from_beginning:
            yield from sorted(follower.backlog(), key=lambda record: record.timestamp_ms)
        while not exit_at_end:
            yield from follower.poll()
