"""`headgate worker`: run the agents until SIGTERM."""

from __future__ import annotations

from typing import Annotated

import typer

from headgate.cli.options import examples, on_broker
from headgate.config import Settings


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(
        epilog=examples(
            "headgate worker --bootstrap-servers kafka:9092",
            "headgate worker --agents ingest --http-port 8087",
            "headgate worker --config /etc/headgate/headgate.yaml",
        )
    )(worker)


@on_broker(
    "agents",
    "http_host",
    "http_port",
    "worker_id",
    "instance_id",
    "log_level",
    "log_format",
)
def worker(
    agents: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Which of ingest, admit, govern; all by default."),
    ] = None,
    http_host: Annotated[
        str | None, typer.Option(metavar="HOST", help="127.0.0.1 by default.")
    ] = None,
    http_port: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="/healthz, /readyz, /metrics; 8086 by default, 0: any."),
    ] = None,
    worker_id: Annotated[
        str | None, typer.Option(metavar="NAME", help="Host name and process id by default.")
    ] = None,
    instance_id: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Static membership: a quick restart moves nothing."),
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(metavar="debug|info|warning|error", help="info by default.")
    ] = None,
    log_format: Annotated[
        str | None, typer.Option(metavar="auto|json|console", help="auto by default.")
    ] = None,
    *,
    settings: Settings,
) -> None:
    """Count outcomes, admit requests, decide. SIGTERM drains and commits.

    Start several, on one host or many: they share the partitions.
    """
    from headgate.pipeline.worker import run_worker  # noqa: PLC0415 - Faust takes a second to load

    raise typer.Exit(run_worker(settings))
