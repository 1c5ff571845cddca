"""The `headgate` command: every group of commands in one app."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

from headgate import __version__
from headgate.cli.failures import EXIT_CODES, GuardedGroup

GROUPS = (
    "demo",
    "simulate",
    "topics",
    "worker",
    "operate",
    "rollout",
    "ab",
    "history",
    "check",
    "lifecycle",
    "look",
    "explain",
    "audit",
    "keys",
    "approve",
    "registry",
    "compat",
    "replay",
    "fleet",
    "router",
)

ABOUT = f"""Watch the outcome of every LLM request; open or shut the gate on a new version.

\b
Without a Kafka, in one command:
  headgate demo
With a Kafka on localhost:9092:
  headgate topics apply --replication-factor 1
  headgate worker &
  headgate adopt support-agent v1
  headgate rollout start support-agent --canary --candidate v2
  headgate watch support-agent

\b
{EXIT_CODES}
"""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"headgate {__version__}")
        raise typer.Exit


def _common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Say the version and stop."
        ),
    ] = False,
) -> None:
    """Options before the command."""


def build_app() -> typer.Typer:
    """The app with the commands of every group; each group's module has `register(app)`."""
    app = typer.Typer(
        cls=GuardedGroup,
        name="headgate",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback(help=ABOUT)(_common)
    for group in GROUPS:
        name = f"headgate.cli.{group}"
        if find_spec(name) is not None:
            import_module(name).register(app)
    return app


def main() -> None:
    """Run the command line and exit with one of the documented codes."""
    build_app()(prog_name="headgate")


if __name__ == "__main__":
    main()
