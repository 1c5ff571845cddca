"""Requests that wait for a second person: look at them, and approve one."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from typing import Annotated, NoReturn

import typer
from msgspec import to_builtins

from headgate.cli.asking import RECOVERY_S, perform
from headgate.cli.failures import ExitCode
from headgate.cli.moments import minute
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
from headgate.cli.phrases import clock_time_on
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
    now_ms = time.time_ns() // 1_000_000
    for row in waiting:
        until = clock_time_on(int(row.details["until_ms"]), now_ms)
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
    """Say yes to one exact request of somebody else; it is carried out at once.

    Exit code 1 where it does not wait, with what became of it.
    """
    heard = _heard(settings)
    found = [row for row in heard.waiting if (row.model, row.request_id) == (model, request_id)]
    if not found:
        _tell_what_became(heard, model, request_id, as_json=as_json)
    # The digest is taken of what this person was shown, not of what the record says it is.
    digest = digest_of_request(REQUEST.decode(encode(found[0].details["request"])))
    fields = request_fields(model, operator or default_operator(settings), reason)
    request = Approve(**fields, approves=request_id, digest=digest)
    perform(settings, request, as_json=as_json, timeout_s=timeout, recovery_s=RECOVERY_S)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What `audit` tells: what waits, what waited too long, and by request the last answer."""

    waiting: list[AuditRecord]
    late: list[AuditRecord]
    answers: dict[str, AuditRecord]


def waiting_now(settings: Settings) -> list[AuditRecord]:
    """The audit records of requests that still wait."""
    return _heard(settings).waiting


def _heard(settings: Settings) -> _Heard:
    now_ms = time.time_ns() // 1_000_000
    asked: dict[str, AuditRecord] = {}
    answers: dict[str, AuditRecord] = {}
    for row in read_to_end(settings, Topic.AUDIT):
        try:
            record = AUDIT.decode(row.value)
        except BadValueError:
            continue
        if record.event == "waiting":
            asked[record.request_id] = record
        elif record.event in {"accepted", "refused"} and "refused_digest" not in record.details:
            answers[record.request_id] = record
            if "approves" in record.details:
                answers[str(record.details["approves"])] = record
    open_rows = [row for name, row in asked.items() if name not in answers]
    late = [row for row in open_rows if int(row.details["until_ms"]) < now_ms]
    return _Heard([row for row in open_rows if row not in late], late, answers)


def _tell_what_became(heard: _Heard, model: str, request_id: str, *, as_json: bool) -> NoReturn:
    sentence, instead = _what_became(heard, model, request_id)
    if as_json:
        told = {"accepted": False, "waits": False, "sentences": [sentence], "remedy": instead}
        print_json({"request_id": request_id, "model": model, **told})
    else:
        typer.echo(f"Refused: {sentence}")
        typer.echo(f"Instead: {instead}")
    raise typer.Exit(ExitCode.NEGATIVE)


def _what_became(heard: _Heard, model: str, request_id: str) -> tuple[str, str]:
    """Why a request can't be approved: a sentence, and what to do."""
    late = next((row for row in heard.late if row.request_id == request_id), None)
    answer = heard.answers.get(request_id)
    if late is not None and late.model == model:
        until = minute(int(late.details["until_ms"]))
        who = f"the {late.request_type} that {late.operator} asked for"
        return f"Nobody approved {who} in time; it waited until {until}.", "Send it again."
    if answer is not None and answer.model == model:
        sentence = f"{request_id} waits no more since {minute(answer.at_ms)}: {answer.sentence}"
        return sentence, answer.remedy or "Nothing is left to do."
    rows = [shlex.join(("headgate", "approve", row.model, row.request_id)) for row in heard.waiting]
    sentence = f"No request {request_id} of {model} ever waited for approval."
    return sentence, "; or ".join(rows) or "Nothing waits now: headgate requests shows what does."
