"""What `rollout start` and `ab start` ask for: the options they share, and one request per kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from headgate.cli.arms import ARM, CRITERION, ArmsError, parse_arms, parse_criteria
from headgate.cli.asking import Fields
from headgate.cli.steps import StepsError, parse_steps
from headgate.vocabulary import RolloutKind
from headgate.wire.rollout_requests import StartRollout

Stable = Annotated[
    str | None,
    typer.Option("--stable", metavar="VERSION", help="By default the version in production."),
]
Overrides = Annotated[
    str, typer.Option(metavar="DECISION_ID", help="The rollback that this start overrides.")
]
Arms = Annotated[
    list[str], typer.Option("--arm", metavar="ARM", help=f"Of an A/B test: {ARM}; repeat it.")
]
Criteria = Annotated[
    list[str] | None,
    typer.Option(
        "--criterion",
        metavar="CRITERION",
        help=f"Of an A/B test: {CRITERION}. The first decides; without any, the policy's.",
    ),
]


def chosen_kind(
    *, canary: bool, blue_green: bool, ab: bool, weight: int | None, arms: Sequence[str] = ()
) -> RolloutKind:
    """The one kind that the flags ask for. Raises `typer.BadParameter`."""
    given = {
        RolloutKind.CANARY: canary,
        RolloutKind.BLUE_GREEN: blue_green,
        RolloutKind.AB: ab,
        RolloutKind.MANUAL: weight is not None,
    }
    chosen = [kind for kind, wanted in given.items() if wanted]
    if len(chosen) != 1:
        hint = "; arms are an A/B test's: add --ab" if arms and not chosen else ""
        raise typer.BadParameter(
            "give exactly one of --canary, --blue-green, --ab and --weight WEIGHT (a share "
            f"that you raise by hand){hint}"
        )
    return chosen[0]


def check_options(kind: RolloutKind, given: dict[str, Any]) -> None:
    """Options of another kind, and a candidate that is not named. Raises `typer.BadParameter`."""
    for option, (kinds, instead) in _OF_KINDS.items():
        if given.get(option) and kind not in kinds:
            raise typer.BadParameter(f"{option} {instead}")
    needed = "--arm" if kind is RolloutKind.AB else "--candidate"
    if not given.get(needed):
        raise typer.BadParameter(f"name the version on trial: {needed} {_EXAMPLES[needed]}")


_AB = {RolloutKind.AB}
_OF_KINDS = {
    "--steps": ({RolloutKind.CANARY}, "is for --canary; a manual rollout takes --weight"),
    "--arm": (_AB, "is for --ab; the others take --candidate VERSION"),
    "--criterion": (_AB, "is for --ab; a canary's review takes the policy's (`ab`)"),
    "--candidate": (set(RolloutKind) - _AB, "is not for --ab; name each version by --arm"),
}
_EXAMPLES = {"--arm": ARM, "--candidate": "VERSION"}


def ab_request(
    fields: Fields,
    model: str,
    arms: Sequence[str],
    criteria: Sequence[str],
    *,
    stable: str | None,
    overrides: str,
) -> StartRollout:
    """The start of an A/B test. Raises `typer.BadParameter`."""
    control = stable or fields.production(model)
    try:
        split, declared = parse_arms(arms, control), parse_criteria(criteria)
    except ArmsError as error:
        raise typer.BadParameter(str(error)) from error
    return StartRollout(
        **fields(model),
        stable=control,
        candidate=split[0].version,
        kind=RolloutKind.AB,
        arms=split,
        criteria=declared,
        overrides=overrides,
    )


def candidate_request(
    fields: Fields,
    model: str,
    candidate: str,
    kind: RolloutKind,
    *,
    weight: int,
    steps: str,
    stable: str | None,
    overrides: str,
) -> StartRollout:
    """The start of a rollout of one candidate. Raises `typer.BadParameter`."""
    try:
        wanted = parse_steps(steps) if steps else ()
    except StepsError as error:
        raise typer.BadParameter(f"--steps: {error}") from error
    return StartRollout(
        **fields(model),
        stable=stable or fields.production(model),
        candidate=candidate,
        kind=kind,
        weight=weight,
        steps=wanted,
        overrides=overrides,
    )
