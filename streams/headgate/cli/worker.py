"""`headgate worker`: run the agents until SIGTERM."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from headgate.cli.options import examples, with_settings
from headgate.config import Settings


def _flag(kind: Any, metavar: str, about: str) -> Any:
    return Annotated[kind | None, typer.Option(metavar=metavar, help=about)]


_FLAGS = {
    "agents": _flag(str, "NAME,...", "Which of ingest, admit, govern; all by default."),
    "http_host": _flag(str, "HOST", "Where to listen; 127.0.0.1 by default."),
    "http_port": _flag(int, "PORT", "/healthz, /readyz, /metrics; 8086 by default, 0: any."),
    "worker_id": _flag(str, "NAME", "Host name and process id by default."),
    "instance_id": _flag(str, "NAME", "Static membership: a quick restart moves no partition."),
    "log_level": _flag(str, "LEVEL", "debug, info, warning or error; info by default."),
    "log_format": _flag(str, "FORMAT", "auto, json or console; auto by default."),
}


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(
        epilog=examples(
            "headgate worker --bootstrap-servers kafka:9092",
            "headgate worker --agents ingest --http-port 8087",
            "headgate worker --config /etc/headgate/headgate.yaml",
        )
    )(worker)


@with_settings(_FLAGS)
def worker(*, settings: Settings) -> None:
    """Count outcomes, admit requests, decide. SIGTERM drains and commits.

    Start several, on one host or many: they share the partitions.
    """
    from headgate.pipeline.worker import run_worker  # noqa: PLC0415 - Faust takes a second to load

    raise typer.Exit(run_worker(settings))
