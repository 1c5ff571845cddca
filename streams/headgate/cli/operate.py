"""Commands that change what Headgate does with a model; each waits for its outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.asking import Fields, asks
from headgate.cli.options import DespiteTraffic, ModelName, examples
from headgate.cli.planning import policy_app
from headgate.cli.policies import load_policy, shipped_policy
from headgate.vocabulary import ANY_MODEL, Mode
from headgate.wire.request import Request
from headgate.wire.rollout_requests import MAX_DEFER_MINUTES, Adopt, ApplyPolicy, Defer, SetMode


def register(app: typer.Typer) -> None:
    """Add these commands."""
    example = examples("headgate adopt support-agent v1 --policy mine.yaml")
    app.command(epilog=example)(adopt)
    app.add_typer(policy_app, name="policy")
    example = "headgate defer support-agent a-2-1043-rating --minutes 20 --reason 'looking at it'"
    app.command(epilog=examples(example))(defer)
    app.command(epilog=examples("headgate mode support-agent observe"))(mode)
    app.command(epilog=examples("headgate stop --reason 'the judge model is broken'"))(stop)


@asks(changes_split=True)
def adopt(
    model: ModelName,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="What serves already.")],
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="By default the policy that ships along."),
    ] = None,
    *,
    fields: Fields,
) -> Request:
    """Make VERSION the first production version of MODEL, judged by a policy."""
    content = load_policy(policy or shipped_policy("default"))
    return Adopt(**fields(model), version=version, policy=content)


@policy_app.command("apply", epilog=examples("headgate policy apply support-agent mine.yaml"))
@asks()
def apply_policy(
    model: ModelName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML.")],
    *,
    despite_traffic: DespiteTraffic = False,
    fields: Fields,
) -> Request:
    """Judge MODEL by the policy in FILE from now on."""
    policy = load_policy(file)
    return ApplyPolicy(**fields(model), policy=policy, despite_traffic=despite_traffic)


@asks()
def defer(
    model: ModelName,
    alert_id: Annotated[str, typer.Argument(metavar="ALERT_ID", help="As the alert names it.")],
    minutes: Annotated[int, typer.Option(min=1, max=MAX_DEFER_MINUTES, help="By how much.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the audit record.")],
    *,
    fields: Fields,
) -> Request:
    """Put an alert's deadline off, once, with a reason."""
    return Defer(**{**fields(model), "reason": reason}, alert_id=alert_id, minutes=minutes)


@asks()
def mode(
    model: ModelName,
    new_mode: Annotated[Mode, typer.Argument(metavar="enforce|observe")],
    *,
    fields: Fields,
) -> Request:
    """Let Headgate act on MODEL (enforce), or only judge and alert (observe)."""
    return SetMode(**fields(model), mode=new_mode)


@asks()
def stop(*, fields: Fields) -> Request:
    """Put all models into observe mode at once: judge and alert, send no automatic command."""
    return SetMode(**fields(ANY_MODEL), mode=Mode.OBSERVE)
