"""The split in force, as far as `control` and the model's status bear each other out.

`control` is newer than a status, which comes every 2 s, but whoever may write to it can put a split
there. So a command is passed over that is not signed as it should be, or, where no keys are known,
that a newer status does not know.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import typer

from headgate.cli.reading import Record, latest_statuses, read_to_end
from headgate.config import Settings
from headgate.sdk.verifying import command_check
from headgate.vocabulary import Topic
from headgate.wire.codec import BadValueError
from headgate.wire.control import Command, Weight
from headgate.wire.messages import COMMAND
from headgate.wire.status import ModelStatus

NEXT_STATUS_S = 4.0
LOOK_AGAIN_S = 0.2


@dataclass(frozen=True, slots=True)
class InForce:
    """A model's split, with its `command` where `control` has that.

    `sure`: it is signed, or the status knows it.
    """

    revision: int
    weights: tuple[Weight, ...]
    command: Command | None = None
    sure: bool = True


def split_in_force(settings: Settings, model: str) -> InForce | None:
    """The newest split of a model; says on standard error what on `control` is passed over."""
    found = _commands(settings, model)
    if not found:
        return None
    signed = bool(settings.control_public_keys)
    if signed:
        status = latest_statuses(settings).get(model)
        judged = _unsigned(settings, found)
    else:
        status, is_later = _status_after(settings, max((row for row, _ in found), key=_revision))
        judged = [(row, _denied(row, status, is_later=is_later)) for row, _ in found]
    known = _newest([row for row, fault in judged if not fault], status, signed=signed)
    forged = max((row for row, fault in judged if fault), key=_revision, default=None)
    if forged is not None and forged.revision >= (known.revision if known else 0):
        fault = next(fault for row, fault in judged if row is forged)
        typer.echo(_passed_over(settings, forged, fault), err=True)
    return known


def _revision(command: Command) -> int:
    return command.revision


def _commands(settings: Settings, model: str) -> list[tuple[Command, Record]]:
    """What `control` keeps of a model: little more than one record."""
    found = []
    for record in read_to_end(settings, Topic.CONTROL):
        try:
            command = COMMAND.decode(record.value)
        except BadValueError:
            continue
        if command.model == model:
            found.append((command, record))
    return found


def _unsigned(settings: Settings, found: list[tuple[Command, Record]]) -> list[tuple[Command, str]]:
    """Each command with why a router with the same keys refuses it; empty where it does not."""
    fault = command_check(settings.control_public_keys)
    return [(row, fault(record.value or b"", record.headers)) for row, record in found]


def _status_after(settings: Settings, newest: Command) -> tuple[ModelStatus | None, bool]:
    """The status, and whether it is known to be from after `newest` was read.

    One that does not know `newest` and is older by its own words is waited past for a little.
    """
    first = status = latest_statuses(settings).get(newest.model)
    end = time.monotonic() + NEXT_STATUS_S
    while status is not None and first is not None:
        settled = status.revision >= newest.revision or status.at_ms > newest.issued_at_ms
        if settled or status.at_ms > first.at_ms or time.monotonic() > end:
            return status, status.at_ms > first.at_ms
        time.sleep(LOOK_AGAIN_S)
        status = latest_statuses(settings).get(newest.model)
    return status, False


def _denied(command: Command, status: ModelStatus | None, *, is_later: bool) -> str:
    """Why the status says that a command is not Headgate's; empty where it does not."""
    if status is None or command.revision < status.revision:
        return ""
    if command.revision == status.revision:
        same = command.decision_id == status.decision_id
        return "" if same else f"by the model's status that revision is {status.decision_id}"
    if is_later or status.at_ms > command.issued_at_ms:
        return f"the model's status is newer and knows revision {status.revision}"
    return ""


def _newest(commands: list[Command], status: ModelStatus | None, *, signed: bool) -> InForce | None:
    newest = max(commands, key=_revision, default=None)
    if status is not None and (newest is None or newest.revision < status.revision):
        return InForce(status.revision, status.weights)
    if newest is None:
        return None
    sure = signed or (status is not None and status.revision == newest.revision)
    return InForce(newest.revision, newest.weights, newest, sure)


def _passed_over(settings: Settings, command: Command, fault: str) -> str:
    place = f"revision {command.revision} of {command.model} on {settings.topic(Topic.CONTROL)}"
    return (
        f"headgate: {place} ({command.decision_id}) is not Headgate's: {fault}. It is passed over "
        "here; routers without public_keys obey it. See: docs/security.md, Sign commands"
    )
