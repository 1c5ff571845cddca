"""Requests that wait for a second person: look at them, and approve one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Annotated

import typer
from msgspec import to_builtins

from headgate.cli.asking import RECOVERY_S, perform
from headgate.cli.options import (
    AsJson,
    MaybeModel,
    ModelName,
    Operator,
    Reason,
    TimeoutS,
    default_operator,
    examples,
    on_broker,
    print_json,
)
from headgate.cli.phrases import clock_time
from headgate.cli.reading import read_to_end
from headgate.cli.requests import request_fields
from headgate.config import Settings
from headgate.vocabulary import Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import BadValueError, encode
from headgate.wire.key_requests import Approve
from headgate.wire.messages import AUDIT, REQUEST
from headgate.wire.requests import digest_of_request

RequestId = Annotated[
    str, typer.Argument(metavar="REQUEST_ID", help="As `headgate requests` names it.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("requests", epilog=examples("headgate requests support-agent"))(list_waiting)
    app.command(epilog=examples("headgate approve support-agent r-3f8b6d0e5a1c49a7"))(approve)


@on_broker
def list_waiting(*, settings: Settings, model: MaybeModel = None, as_json: AsJson = False) -> None:
    """Which requests wait for a second person's approval, and until when."""
    waiting = [row for row in waiting_now(settings) if model in (None, row.model)]
    if as_json:
        print_json(to_builtins(waiting))
        return
    for row in waiting:
        until = clock_time(int(row.details["until_ms"]))
        typer.echo(f"{row.request_id}  {row.model}  {row.request_type} by {row.operator}")
        typer.echo(f"  until {until}: {encode(row.details['request']).decode()}")
        typer.echo(f"  {row.remedy}")
    if not waiting:
        typer.echo("No request waits for approval.")


@on_broker
def approve(
    *,
    settings: Settings,
    model: ModelName,
    request_id: RequestId,
    reason: Reason = "",
    operator: Operator = None,
    timeout: TimeoutS = 15.0,
    as_json: AsJson = False,
) -> None:
    """Say yes to one exact request of somebody else; it is carried out at once."""
    found = [r for r in waiting_now(settings) if (r.model, r.request_id) == (model, request_id)]
    if not found:
        raise typer.BadParameter(
            f"no request {request_id} of {model} waits for approval; see: headgate requests"
        )
    # The digest is taken of what this person was shown, not of what the record says it is.
    digest = digest_of_request(REQUEST.decode(encode(found[0].details["request"])))
    fields = request_fields(model, operator or default_operator(settings), reason)
    request = Approve(**fields, approves=request_id, digest=digest)
    perform(settings, request, as_json=as_json, timeout_s=timeout, recovery_s=RECOVERY_S)


def waiting_now(settings: Settings) -> list[AuditRecord]:
    """The audit records of requests that still wait."""
    now_ms = time.time_ns() // 1_000_000
    waiting = _unanswered(row.value for row in read_to_end(settings, Topic.AUDIT))
    return [row for row in waiting if int(row.details["until_ms"]) >= now_ms]


def _unanswered(values: Iterable[bytes | None]) -> list[AuditRecord]:
    waiting: dict[str, AuditRecord] = {}
    answered: set[str] = set()
    for value in values:
        try:
            record = AUDIT.decode(value)
        except BadValueError:
            continue
        if record.event == "waiting":
            waiting[record.request_id] = record
        elif record.event in {"accepted", "refused"} and "refused_digest" not in record.details:
            answered.add(record.request_id)
    return [record for name, record in waiting.items() if name not in answered]
