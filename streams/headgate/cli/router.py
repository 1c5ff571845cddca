"""`headgate router`: a router on its own, to try a split or to watch one arrive."""

from __future__ import annotations

import queue
import time
from typing import Annotated

import typer

from headgate.cli.failures import ExitCode
from headgate.cli.in_force import InForce, split_in_force
from headgate.cli.options import AsJson, examples, on_broker, print_json
from headgate.cli.phrases import clock_time, split_words
from headgate.cli.signals import sigterm_is_ctrl_c
from headgate.config import Settings
from headgate.sdk import Router
from headgate.sdk.split import InvalidSplitError, compile_command
from headgate.vocabulary import Topic
from headgate.wire.control import Command

POLL_S = 0.2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "headgate router --model support-agent",
            "headgate router --model support-agent --choose user-42",
        )
    )(router)


@on_broker
def router(
    *,
    settings: Settings,
    model: Annotated[str | None, typer.Option(help="Only this model; all by default.")] = None,
    choose: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Say which version serves this key, and stop."),
    ] = None,
    router_id: Annotated[str | None, typer.Option(help="Its name in acks and status.")] = None,
    as_json: AsJson = False,
) -> None:
    """Follow the control topic, acknowledge every split and print each change. Ctrl-C or SIGTERM
    ends it, with a goodbye.

    With the setting control_public_keys it obeys commands signed with one of them, and no others.
    """
    if choose is not None:
        if model is None:
            raise typer.BadParameter("--choose needs --model", param_hint="--choose")
        _choose(settings, model, choose, as_json=as_json)
        return
    changes: queue.SimpleQueue[Command] = queue.SimpleQueue()
    kafka = settings.librdkafka()
    running = Router(
        settings.bootstrap_servers,
        models=None if model is None else [model],
        router_id=router_id,
        topic_prefix=settings.topic_prefix,
        kafka=kafka,
        on_split=changes.put,
        public_keys=settings.control_public_keys or None,
    )
    with sigterm_is_ctrl_c(), running:
        if not as_json:
            typer.echo(f"router {running.router_id} follows {settings.topic(Topic.CONTROL)}")
        while True:
            _print_changes(changes, as_json=as_json)
            time.sleep(POLL_S)


def _print_changes(changes: queue.SimpleQueue[Command], *, as_json: bool) -> None:
    while not changes.empty():
        command = changes.get()
        if as_json:
            print_json(
                {
                    "model": command.model,
                    "revision": command.revision,
                    "action": str(command.action),
                    "weights": {arm.version: arm.weight for arm in command.weights},
                    "decision_id": command.decision_id,
                }
            )
            continue
        why = f" - {command.reasons[0].sentence}" if command.reasons else ""
        typer.echo(
            f"{clock_time(command.issued_at_ms)} {command.model} revision {command.revision} "
            f"{command.action}: {split_words(command.weights)}{why}"
        )


def _choose(settings: Settings, model: str, key: str, *, as_json: bool) -> None:
    """Answer from the newest split without becoming a router that others would wait for."""
    split = split_in_force(settings, model)
    if split is None or split.command is None:
        typer.echo(_no_split(settings, model, split), err=True)
        raise typer.Exit(ExitCode.NEGATIVE)
    try:
        choice = compile_command(split.command).choose(key)
    except InvalidSplitError as error:
        typer.echo(f"headgate: {error}", err=True)
        raise typer.Exit(ExitCode.NEGATIVE) from error
    if as_json:
        print_json(
            {"version": choice.version, "revision": choice.revision, "bucket": choice.bucket}
        )
    else:
        typer.echo(f"{choice.version} (revision {choice.revision}, bucket {choice.bucket})")


def _no_split(settings: Settings, model: str, split: InForce | None) -> str:
    if split is None:
        return f"No split is known for {model}: adopt its first version."
    place = settings.topic(Topic.CONTROL)
    return f"Revision {split.revision} of {model} is not on {place}: try again."
