"""The `headgate` command: every group of commands in one app."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
import typer.main

from headgate import __version__
from headgate.cli.elsewhere import pointed_to
from headgate.cli.failures import EXIT_CODES, GuardedGroup

# By module, the commands that it adds, or adds to. A command loads its own modules alone.
GROUPS: dict[str, tuple[str, ...]] = {
    "demo": ("demo",),
    "simulate": ("simulate",),
    "topics": ("topics",),
    "worker": ("worker",),
    "operate": ("adopt", "defer", "mode", "stop", "policy"),
    "rollout": ("rollout",),
    "ab": ("ab",),
    "history": ("rollout",),
    "check": ("check",),
    "lifecycle": ("lifecycle",),
    "look": ("status", "watch", "tail"),
    "explain": ("explain",),
    "audit": ("audit",),
    "keys": ("keys",),
    "approve": ("requests", "approve"),
    "registry": ("registry", "version"),
    "compat": ("compat",),
    "replay": ("replay",),
    "fleet": ("fleet",),
    "router": ("router",),
}

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


class _Whole(GuardedGroup):
    """Says where a command is that was looked for in the wrong place: at 3 a.m. nobody searches."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            message = getattr(error, "message", None)  # Typer's usage errors have no public name
            if isinstance(message, str):
                there = pointed_to(message, typer.main.get_command(build_app()))
                error.message = there  # type: ignore[attr-defined]
            raise


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


def build_app(command: str = "") -> typer.Typer:
    """The app with the one command, or with all of them where it is none of ours.

    Each group's module has `register(app)`.
    """
    app = typer.Typer(
        cls=_Whole,
        name="headgate",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback(help=ABOUT)(_common)
    of_command = [group for group, commands in GROUPS.items() if command in commands]
    for group in of_command or GROUPS:
        import_module(f"headgate.cli.{group}").register(app)
    return app


def main() -> None:
    """Run the command line and exit with one of the documented codes."""
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    build_app(command)(prog_name="headgate")


if __name__ == "__main__":
    main()
