"""Commands that ask for a change: they make a request; the rest is the same for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import typer

from headgate.cli.failures import PASSING, ExitCode
from headgate.cli.in_force import split_in_force
from headgate.cli.options import (
    default_operator,
    on_broker,
    print_json,
    request_options,
    with_parameters,
)
from headgate.cli.reading import latest_statuses
from headgate.cli.requests import Answer, ask, request_fields
from headgate.cli.timeline import settings_lines
from headgate.config import Settings
from headgate.vocabulary import ANY_MODEL
from headgate.wire.registry_requests import SetLifecycle
from headgate.wire.request import Request
from headgate.wire.rollout_requests import SetMode

RECOVERY_S = 8.0


@dataclass(frozen=True, slots=True)
class Fields:
    """Gives the fields that every request has; asks the installation for what it needs besides."""

    settings: Settings
    operator: str
    reason: str

    def __call__(self, model: str) -> dict[str, Any]:
        """The common fields of a request for a model."""
        return request_fields(model, self.operator, self.reason)

    def of_split(self, model: str) -> dict[str, Any]:
        """The same with the revision in force now: who changes the split after it is refused."""
        split = split_in_force(self.settings, model)
        return {**self(model), "if_revision": split.revision if split else None}

    def on_trial(self, model: str) -> str:
        """The one candidate in the split in force; empty where there is none, are several, or
        the split is not sure or cannot be read.

        Then the request is of all that is on trial when it arrives, whatever somebody put on
        `control`.
        """
        try:
            split = split_in_force(self.settings, model)
        except PASSING:
            return ""
        one = split is not None and split.sure and len(split.weights) == 2
        return split.weights[0].version if split is not None and one else ""

    def production(self, model: str) -> str:
        """The version in production, which comes last in a split; a status may be some seconds old.

        Empty where none is known: then whoever decides says what is wrong.
        """
        split = split_in_force(self.settings, model)
        if split is not None and split.weights:
            return split.weights[-1].version
        status = latest_statuses(self.settings).get(model)
        return status.production if status is not None else ""


def asks(*, changes_split: bool = False) -> Callable[[Callable[..., Request]], Callable[..., None]]:
    """Make a command of a function that returns a request.

    The function gets `fields`, which gives the common fields of a request for a model. The
    command sends the request, waits for its outcome (and, where the split changes, for the
    routers), prints it, and ends with exit code 1 if it was refused,
    with 5 if it waits for a second person.
    """

    def decorate(make: Callable[..., Request]) -> Callable[..., None]:
        @wraps(make)
        def command(
            *, settings: Settings, operator: str | None, timeout: float, as_json: bool, **given: Any
        ) -> None:
            why = str(given["reason"])
            if "reason" not in make.__annotations__:
                del given["reason"]

            fields = Fields(settings, operator or default_operator(settings), why)
            perform(
                settings,
                make(**given, fields=fields),
                as_json=as_json,
                timeout_s=timeout,
                recovery_s=RECOVERY_S if changes_split else 0.0,
            )

        return on_broker(with_parameters(command, make, request_options(), without={"fields"}))

    return decorate


def perform(
    settings: Settings, request: Request, *, as_json: bool, timeout_s: float, recovery_s: float
) -> None:
    """Send a request, print its outcome, and exit by it."""
    answer = ask(settings, request, timeout_s=timeout_s, recovery_s=recovery_s)
    if as_json:
        print_json(answer.to_json())
    else:
        for line in answer_lines(request, answer):
            typer.echo(line)
    if answer.waits:
        raise typer.Exit(ExitCode.WAITS)
    if not answer.accepted:
        raise typer.Exit(ExitCode.NEGATIVE)


def answer_lines(request: Request, answer: Answer) -> list[str]:
    """The answer for people."""
    if answer.waits:
        return [answer.records[0].sentence, f"To approve it: {answer.records[0].remedy}"]
    if not answer.accepted:
        refused = next(record for record in answer.records if record.event == "refused")
        lines = [f"Refused: {refused.sentence}"]
        return [*lines, f"Instead: {refused.remedy}"] if refused.remedy else lines
    if isinstance(request, SetMode) and request.model == ANY_MODEL:
        return [_all_models(request, answer)]
    lines = [record.sentence for record in answer.records]
    if isinstance(request, SetLifecycle):
        lines += settings_lines(request.settings)
    return [*lines, answer.obedience.sentence] if answer.obedience is not None else lines


def _all_models(request: SetMode, answer: Answer) -> str:
    models = sum(int(record.details.get("models", 0)) for record in answer.records)
    return (
        f"All models, {models} now and every new one, are in {request.mode} mode "
        f"(all {len(answer.records)} ledger partitions answered)."
    )
