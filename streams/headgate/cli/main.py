"""The `headgate` command: every group of commands in one app."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import typer

from headgate import __version__
from headgate.cli.failures import EXIT_CODES, GuardedGroup

_GROUPS = (
    "headgate.cli.demo",
    "headgate.cli.look",
    "headgate.cli.operate",
    "headgate.cli.topics",
    "headgate.cli.worker",
    "headgate.cli.replay",
    "headgate.cli.fleet",
    "headgate.cli.router",
)

ABOUT = f"""Watch every LLM request's outcome; roll a bad version back in seconds.

A first walk, with a Kafka on localhost:9092:

  headgate topics apply --replication-factor 1

  headgate worker &

  headgate adopt support-agent v1

  headgate rollout start support-agent --stable v1 --candidate v2 --weight 500

  headgate watch support-agent

Without a Kafka: headgate demo

{EXIT_CODES}
"""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"headgate {__version__}")
        raise typer.Exit


def build_app() -> typer.Typer:
    """The app with the commands of every group that is installed."""
    app = typer.Typer(
        cls=GuardedGroup,
        help=ABOUT,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def _common(
        _version: bool = typer.Option(
            False, "--version", callback=_show_version, is_eager=True, help="Show the version."
        ),
    ) -> None:
        pass

    for name in _GROUPS:
        if find_spec(name) is not None:
            import_module(name).register(app)
    return app


def main() -> None:
    """Run the command line; the process ends with one of the documented exit codes."""
    build_app()(prog_name="headgate")
