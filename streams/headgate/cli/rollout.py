"""`headgate rollout`: start one, let it go on, hold it, end it; each waits for its outcome."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from headgate.cli.asking import Fields, asks
from headgate.cli.options import ModelName, examples
from headgate.cli.starting import (
    Arms,
    Criteria,
    Overrides,
    Stable,
    ab_request,
    candidate_request,
    check_options,
    chosen_kind,
)
from headgate.cli.steps import SHAPE, parse_weight
from headgate.vocabulary import RolloutKind
from headgate.wire.request import Request
from headgate.wire.rollout_requests import (
    Advance,
    EndHold,
    Pause,
    Promote,
    Resume,
    Rollback,
    SetWeight,
    Skip,
)

rollout_app = typer.Typer(
    no_args_is_help=True, help="Bring a version to its traffic, step by step, or take it back."
)


def _weight(text: str) -> int:
    try:
        return parse_weight(text.strip())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


_WEIGHT: dict[str, Any] = {
    "parser": _weight,
    "metavar": "WEIGHT",
    "help": "Of the traffic: 5% or, in basis points, 500; 100% or 10000 is all.",
}
_BY_HAND = {**_WEIGHT, "help": "A manual rollout with this first share: 5% or 500."}
Candidate = Annotated[
    str, typer.Option("--candidate", metavar="VERSION", help="The version on trial.")
]
Why = Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the audit record.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(rollout_app, name="rollout")


@rollout_app.command(
    epilog=examples(
        "headgate rollout start support-agent --canary --candidate v2",
        "headgate rollout start support-agent --canary --candidate v2 --steps 1%:1d,10%:3d:review",
        "headgate rollout start support-agent --blue-green --candidate v2",
        "headgate rollout start support-agent --ab --arm v2=25% --arm v3=25%",
        "headgate rollout start support-agent --candidate v2 --weight 5%",
    )
)
@asks(changes_split=True)
def start(
    model: ModelName,
    *,
    canary: Annotated[
        bool, typer.Option("--canary", help="Step by step, each on proof, as the policy says.")
    ] = False,
    blue_green: Annotated[
        bool, typer.Option("--blue-green", help="Checked at no traffic, then everything at once.")
    ] = False,
    ab: Annotated[
        bool, typer.Option("--ab", help="An A/B test, as `headgate ab start`: fixed shares.")
    ] = False,
    weight: Annotated[int | None, typer.Option(**_BY_HAND)] = None,
    candidate: Candidate = "",
    arm: Arms = [],  # noqa: B006  # typer's own way to say: none
    criterion: Criteria = None,
    stable: Stable = None,
    steps: Annotated[
        str, typer.Option(metavar="STEPS", help=f"For a canary, not the policy's: {SHAPE}; ...")
    ] = "",
    overrides: Overrides = "",
    fields: Fields,
) -> Request:
    """Put a candidate on its way beside the version in production.

    One of --canary, --blue-green, --ab and --weight says how. A version that was rolled back from
    needs --overrides with the decision that did so. While the policy's calendar is closed, only
    what gives no traffic begins.
    """
    kind = chosen_kind(canary=canary, blue_green=blue_green, ab=ab, weight=weight, arms=arm)
    given = {"--steps": steps, "--arm": arm, "--criterion": criterion, "--candidate": candidate}
    check_options(kind, given)
    shared: dict[str, Any] = {"stable": stable, "overrides": overrides}
    if kind is RolloutKind.AB:
        return ab_request(fields, model, arm, criterion or (), **shared)
    return candidate_request(
        fields, model, candidate, kind, weight=weight or 0, steps=steps, **shared
    )


@rollout_app.command(epilog=examples("headgate rollout pause support-agent --reason 'a demo'"))
@asks()
def pause(model: ModelName, *, fields: Fields) -> Request:
    """Let nothing advance; a proven breach is still rolled back."""
    return Pause(**fields(model))


@rollout_app.command(epilog=examples("headgate rollout resume support-agent"))
@asks()
def resume(model: ModelName, *, fields: Fields) -> Request:
    """Go on where it was paused.

    A rollout that waits for a person gets its hold once more.
    """
    return Resume(**fields(model))


@rollout_app.command(epilog=examples("headgate rollout advance support-agent"))
@asks(changes_split=True)
def advance(model: ModelName, *, fields: Fields) -> Request:
    """Take the next step before its time, if it is proven good.

    Of a blue-green rollout it is the cutover, and after that the end of the watch. A step that is a
    promotion waits for a second person before its time (unless the policy allows it).
    """
    return Advance(**fields.of_split(model))


@rollout_app.command(epilog=examples("headgate rollout cutover support-agent"))
@asks(changes_split=True)
def cutover(model: ModelName, *, fields: Fields) -> Request:
    """Give green everything, in one command; its watch begins.

    Refused until every check passed and blue is ready to switch back to, and once green has it.
    """
    return Advance(**fields.of_split(model), cutover=True)


@rollout_app.command(epilog=examples("headgate rollout skip support-agent --reason 'known quiet'"))
@asks(changes_split=True)
def skip(model: ModelName, reason: Why, *, fields: Fields) -> Request:
    """Take the next step without its proof, for a reason.

    A step that is a promotion waits for a second person (unless the policy allows it).
    """
    return Skip(**{**fields.of_split(model), "reason": reason})


@rollout_app.command("set-weight", epilog=examples("headgate rollout set-weight support-agent 25%"))
@asks(changes_split=True)
def set_weight(
    model: ModelName,
    weight: Annotated[int, typer.Argument(**_WEIGHT)],
    *,
    fields: Fields,
) -> Request:
    """Give the candidate another share of the traffic."""
    return SetWeight(**fields.of_split(model), weight=weight)


@rollout_app.command(epilog=examples("headgate rollout promote support-agent"))
@asks(changes_split=True)
def promote(model: ModelName, *, fields: Fields) -> Request:
    """Make the candidate the production version.

    Before everything is proven it may wait for a second person (the policy says so).
    """
    return Promote(**fields.of_split(model))


@rollout_app.command(
    epilog=examples(
        "headgate rollout rollback support-agent --reason 'wrong prices'",
        "headgate rollout rollback support-agent --version v2",
        "headgate rollout rollback support-agent --version v2 --overrides d-4-1811-5a0c81f2",
    )
)
@asks(changes_split=True)
def rollback(
    model: ModelName,
    *,
    version: Annotated[
        str,
        typer.Option(
            metavar="VERSION",
            help="What is to be taken back: a candidate, one arm of a test, or production; by "
            "default all that is on trial.",
        ),
    ] = "",
    overrides: Annotated[
        str,
        typer.Option(
            metavar="DECISION_ID",
            help="The rollback of the previous version that this overrides to go back to it.",
        ),
    ] = "",
    fields: Fields,
) -> Request:
    """All traffic from what is on trial; with --version from one arm, or from production.

    While no rollout runs it needs --version: where somebody, or Headgate, has taken the candidate
    back already, nothing else is.
    """
    return Rollback(**fields(model), version=version or fields.on_trial(model), overrides=overrides)


@rollout_app.command(
    "end-hold",
    epilog=examples("headgate rollout end-hold support-agent --reason 'provider is back'"),
)
@asks()
def end_hold(model: ModelName, *, fields: Fields) -> Request:
    """End an outage hold; its evidence is gathered anew."""
    return EndHold(**fields(model))
