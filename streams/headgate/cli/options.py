"""Options that many commands share, and decorators that give them to a command."""

from __future__ import annotations

import getpass
import inspect
import json
import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from headgate.cli.reading import reach
from headgate.config import OPERATOR_VARIABLE, Settings, load_settings
from headgate.keyfiles import load_key
from headgate.wire.signatures import REQUEST

_BROKER = "Broker"

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="YAML settings; or HEADGATE_CONFIG.",
        rich_help_panel=_BROKER,
    ),
]
Servers = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers",
        metavar="HOST:PORT,...",
        help="Kafka; or HEADGATE_BOOTSTRAP_SERVERS; localhost:9092 by default.",
        rich_help_panel=_BROKER,
    ),
]
TopicPrefix = Annotated[
    str | None,
    typer.Option(
        "--topic-prefix",
        metavar="TEXT",
        help="In front of every topic's name; `headgate.` by default.",
        rich_help_panel=_BROKER,
    ),
]
GroupPrefix = Annotated[
    str | None,
    typer.Option(
        "--group-prefix",
        metavar="TEXT",
        help="In front of every consumer group's name; `headgate-` by default.",
        rich_help_panel=_BROKER,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines: JSON on standard output.")]
DespiteTraffic = Annotated[
    bool,
    typer.Option(
        "--despite-traffic", help="Even where a version that takes traffic fits no more by it."
    ),
]
ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="Logical model name.")]
MaybeModel = Annotated[
    str | None, typer.Argument(metavar="[MODEL]", help="Logical model name; all by default.")
]


def default_operator(settings: Settings | None = None) -> str:
    """Who asks: the key file's owner, else HEADGATE_OPERATOR, else the user and the host."""
    if settings is not None and settings.operator_key_file is not None:
        return load_key(settings.operator_key_file, REQUEST).operator
    named = os.environ.get(OPERATOR_VARIABLE)
    if named:
        return named
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"[:128]


Operator = Annotated[
    str | None,
    typer.Option(
        "--operator",
        metavar="NAME",
        help="Who asks, as the audit record names them; user@host by default.",
    ),
]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit record.")
]
TimeoutS = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long to wait for the outcome."),
]
_BROKER_OPTIONS = {
    "config": ConfigFile,
    "bootstrap_servers": Servers,
    "topic_prefix": TopicPrefix,
    "group_prefix": GroupPrefix,
}


def with_settings(
    more: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the broker options, and `more` by setting's name; it gets `settings`.

    The command is called with keywords only; a bad configuration raises `ConfigError`.
    """
    options = {**(more or {}), **_BROKER_OPTIONS}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def configured(**given: Any) -> None:
            flags = {name: given.pop(name) for name in options}
            config_file = flags.pop("config")
            command(settings=load_settings(config_file, flags), **given)

        added = [_option(name, kind, None) for name, kind in options.items()]
        return with_parameters(configured, command, added, without={"settings"})

    return decorate


def on_broker(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the broker options and `settings`; it runs once a broker answers."""

    @wraps(command)
    def reached(*, settings: Settings, **given: Any) -> None:
        reach(settings)
        command(settings=settings, **given)

    return with_settings()(with_parameters(reached, command, (), without=set()))


def with_parameters(
    wrapper: Callable[..., None],
    command: Callable[..., Any],
    added: Iterable[inspect.Parameter],
    *,
    without: set[str],
) -> Callable[..., None]:
    """Let `wrapper` show the parameters of `command`, less some, plus some, all by keyword."""
    own = inspect.signature(command, eval_str=True).parameters.values()
    shown = [row.replace(kind=row.KEYWORD_ONLY) for row in own if row.name not in without]
    names = {row.name for row in shown}
    shown += [row for row in added if row.name not in names]
    wrapper.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # typer reads it
    wrapper.__annotations__ = {row.name: row.annotation for row in shown}
    return wrapper


def _option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def request_options() -> list[inspect.Parameter]:
    """The options of every command that asks for a change."""
    return [
        _option("reason", Reason, ""),
        _option("operator", Operator, None),
        _option("timeout", TimeoutS, 15.0),
        _option("as_json", AsJson, False),
    ]


def examples(*lines: str) -> str:
    """A help page's last paragraph; \\b keeps its lines as they are."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


def print_json(value: Any) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(value, sort_keys=True) + "\n")
    sys.stdout.flush()
