"""`headgate fleet`: send recorded or simulated traffic through a router to the outcomes topic."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.options import AsJson, examples, on_broker, print_json
from headgate.cli.signals import sigterm_is_ctrl_c
from headgate.config import Settings
from headgate.judge.durations import parse_duration_ms, say_duration
from headgate.sdk import Publisher, PublisherStats, Router
from headgate.sim.arms import Arm
from headgate.sim.fleet import Fleet, FleetReport
from headgate.sim.scenarios import SCENARIOS, find_scenario
from headgate.sim.traces import read_trace

SAY_EVERY_S = 2.0
CLOSE_S = 30.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "headgate fleet --model support-agent --arm v1=v1.jsonl --arm v2=v2.jsonl --rate 200 "
            "--seed 7 --duration 5m",
            "headgate fleet --model support-agent --scenario errors --rate 200 --duration 2m",
        )
    )(fleet)


@on_broker
def fleet(
    *,
    settings: Settings,
    model: Annotated[str, typer.Option(metavar="MODEL", help="Logical model name.")],
    arm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VERSION=FILE", help="Recorded outcomes, JSON lines; one per version."
        ),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"Instead of files: {', '.join(SCENARIOS)}."),
    ] = None,
    stable: Annotated[str, typer.Option(help="The scenario's stable version.")] = "v1",
    candidate: Annotated[str, typer.Option(help="The scenario's candidate.")] = "v2",
    turns_after: Annotated[
        str, typer.Option(metavar="DURATION", help="When the scenario turns bad.")
    ] = "20s",
    rate: Annotated[
        float, typer.Option(min=0.001, max=100_000, metavar="PER_SECOND", help="Requests.")
    ] = 100.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same traffic.")] = 1,
    duration: Annotated[str, typer.Option(metavar="DURATION", help="30s, 5m, 1h.")] = "1m",
    real_latency: Annotated[
        bool, typer.Option("--real-latency", help="Publish when the request would have ended.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve requests as a fleet would: choose a version, draw an outcome, publish it.

    Without a split the first version given serves (revision 0). Ctrl-C or SIGTERM ends it early.
    """
    lasts_s = _seconds(duration, "--duration")
    arms = _arms(arm or [], scenario, stable, candidate, _seconds(turns_after, "--turns-after"))
    kafka = settings.librdkafka()
    router = Router(
        settings.bootstrap_servers,
        models=[model],
        fallback={model: next(iter(arms))},
        topic_prefix=settings.topic_prefix,
        kafka=kafka,
        public_keys=settings.control_public_keys or None,
    )
    publisher = Publisher(
        settings.bootstrap_servers, topic_prefix=settings.topic_prefix, kafka=kafka
    )
    running = Fleet(
        model=model,
        arms=arms,
        router=router,
        publisher=publisher,
        rate_per_s=rate,
        seed=seed,
        real_latency=real_latency,
    )
    started = time.monotonic()
    with sigterm_is_ctrl_c(), router:
        try:
            running.run(lasts_s, stop=_Progress(running.report, lasts_s, quiet=as_json))
        except KeyboardInterrupt:
            typer.echo("stopped early", err=True)
        finally:
            publisher.close(CLOSE_S)
    summary = summarise(running.report, publisher.stats, time.monotonic() - started)
    if as_json:
        print_json(summary)
    else:
        for line in _summary_lines(model, summary):
            typer.echo(line)


class _Progress:
    """Says every 2 s how far the fleet is; never stops it."""

    def __init__(self, report: FleetReport, lasts_s: float, *, quiet: bool) -> None:
        self._report = report
        self._lasts_s = lasts_s
        self._began = self._said = time.monotonic()
        self._show = not quiet and sys.stderr.isatty()

    def __call__(self) -> bool:
        now = time.monotonic()
        if self._show and now - self._said >= SAY_EVERY_S:
            self._said = now
            shares = ", ".join(f"{name} {n:,}" for name, n in self._report.published.items())
            gone, whole = (say_duration(s * 1000) for s in (now - self._began, self._lasts_s))
            typer.echo(f"{gone} of {whole}: published {shares or 'nothing'}", err=True)
        return False


def _seconds(text: str, flag: str) -> float:
    try:
        return parse_duration_ms(text) / 1000
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=flag) from error


def _arms(
    pairs: list[str], scenario: str | None, stable: str, candidate: str, turns_at_s: float
) -> dict[str, Arm]:
    if bool(pairs) == bool(scenario):
        raise typer.BadParameter("give either --arm VERSION=FILE or --scenario NAME")
    if scenario:
        return find_scenario(scenario).arms(stable, candidate, turns_at_s)
    arms: dict[str, Arm] = {}
    for pair in pairs:
        version, equals, file = pair.partition("=")
        if not (version and equals and file):
            raise typer.BadParameter(f"{pair!r} is not VERSION=FILE", param_hint="--arm")
        arms[version] = read_trace(Path(file))
    return arms


def summarise(report: FleetReport, stats: PublisherStats, took_s: float) -> dict[str, object]:
    """What a fleet did, for machines."""
    return {
        "requests": report.requests,
        "published": dict(report.published),
        "delivered": stats.delivered,
        "dropped": {reason: count for reason, count in stats.dropped.items() if count},
        "unserved": dict(report.unserved),
        "without_split": report.without_split,
        "seconds": round(took_s, 3),
    }


def _summary_lines(model: str, summary: dict[str, object]) -> list[str]:
    lines = [
        f"{summary['requests']} requests of {model}; {summary['delivered']} outcomes delivered: "
        f"{summary['published']}"
    ]
    if summary["dropped"]:
        lines.append(f"dropped by reason: {summary['dropped']}")
    if summary["unserved"]:
        lines.append(f"the router chose versions without an --arm: {summary['unserved']}")
    return lines
