"""`headgate demo`: a bad version is caught and rolled back, on this machine, in a minute."""

from __future__ import annotations

import sys
import time
from contextlib import redirect_stdout
from typing import Annotated, Any

import typer

from headgate.cli.events import decode_event
from headgate.cli.failures import ExitCode
from headgate.cli.live import LiveScreen, PlainScreen, Screen
from headgate.cli.look import EVENT_TOPICS, feed, now_ms
from headgate.cli.options import AsJson, ConfigFile, examples, print_json
from headgate.cli.policies import load_policy, shipped_policy
from headgate.cli.reading import TopicFollower
from headgate.cli.requests import ask, request_fields
from headgate.cli.signals import sigterm_is_ctrl_c
from headgate.cli.story import NONE, Story, explain
from headgate.config import Settings, load_settings
from headgate.local.demo import OPERATOR, DemoError, DemoStage, DemoTraffic
from headgate.sim.scenarios import SCENARIOS, find_scenario
from headgate.vocabulary import ANY_MODEL, Topic
from headgate.wire.codec import BadValueError
from headgate.wire.key_requests import ApplyKeys
from headgate.wire.request import Request
from headgate.wire.rollout_requests import Adopt, StartRollout

MODEL = "support-agent"
STABLE, CANDIDATE = "v1", "v2"
WEIGHT = 3_000
WARM_UP_S = 4.0
TURNS_BAD_AFTER_S = 8.0
PATIENCE_S = 75.0
QUIET_S = 30.0
SETTLE_S = 6.0
COUNT_TIMEOUT_S = 20.0
REQUEST_TIMEOUT_S = 30.0
_TOLD_BY_ALERTS = frozenset({"incident_opened", "incident_resolved", "decision"})


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "headgate demo",
            "headgate demo --scenario outage",
            "headgate demo --bootstrap-servers localhost:9092 --json",
        )
    )(demo)


def demo(
    *,
    scenario: Annotated[
        str, typer.Option(metavar="NAME", help=f"One of: {', '.join(SCENARIOS)}.")
    ] = "default",
    rate: Annotated[
        float, typer.Option(min=10, max=5_000, metavar="PER_SECOND", help="Requests.")
    ] = 300.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same traffic.")] = 7,
    bootstrap_servers: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT,...", help="A real Kafka instead of the embedded broker."),
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the main job: a candidate turns bad and is rolled back while you watch.

    Broker, worker, router and a fleet in one process tree; nothing is left behind. Exit code 1
    if the scenario did not end as it should.
    """
    chosen = find_scenario(scenario)
    settings = load_settings(config, {"bootstrap_servers": bootstrap_servers})
    stage = DemoStage(settings, embedded=bootstrap_servers is None, config_file=config)
    story = Story(chosen, MODEL)
    live = sys.stdout.isatty() and not as_json
    with sigterm_is_ctrl_c(), redirect_stdout(sys.stderr if as_json else sys.stdout):
        try:
            published = _play(stage, story, live=live, rate=rate, seed=seed)
        except DemoError as error:
            typer.echo(f"headgate: {error}", err=True)
            raise typer.Exit(ExitCode.TIMED_OUT) from error
        for line in explain(story, stable=STABLE, candidate=CANDIDATE, published=published):
            typer.echo(line)
    if as_json:
        print_json(story.summary(published=published))
    if not story.as_expected:
        raise typer.Exit(ExitCode.NEGATIVE)


def _play(stage: DemoStage, story: Story, *, live: bool, rate: float, seed: int) -> int:
    """Everything from the first process to the last; returns how many outcomes were delivered."""
    say = typer.echo
    embedded = stage.settings.embedded
    where = "the embedded broker" if embedded else stage.settings.bootstrap_servers
    say(f"Starting a worker on {where} ...")
    with stage:
        stage.wait_until_ready(say)
        say("Ready: ingest, admit and govern run. The demo's policy has shortened deadlines.")
        arms = story.scenario.arms(STABLE, CANDIDATE, TURNS_BAD_AFTER_S)
        title = f"headgate demo: {story.scenario.name}"
        screen: Screen = LiveScreen(title) if live else PlainScreen()
        with (
            DemoTraffic(
                stage.settings,
                model=MODEL,
                arms=arms,
                rate_per_s=rate,
                seed=seed,
                public_keys=stage.public_keys,
            ) as traffic,
            TopicFollower(stage.settings, [Topic.STATUS, *EVENT_TOPICS], "end") as follower,
            screen,
        ):
            act = _Act(stage, story, traffic, follower, screen)
            act.run()
            return act.count()


class _Act:
    """The demo's course on a stage that is ready."""

    def __init__(
        self,
        stage: DemoStage,
        story: Story,
        traffic: DemoTraffic,
        follower: TopicFollower,
        screen: Screen,
    ) -> None:
        self._stage = stage
        self._settings: Settings = stage.settings
        self._story = story
        self._traffic = traffic
        self._follower = follower
        self._screen = screen
        self._turned_on_ms = now_ms()

    def run(self) -> None:
        """Adopt, roll out, and wait for what the scenario leads to."""
        policy = load_policy(shipped_policy("demo"))
        keys = ApplyKeys(**{**_fields(), "model": ANY_MODEL}, keys=self._stage.keys)
        self._ask(keys, "throw-away keys are set: requests and commands are signed from now on")
        adopt = Adopt(**_fields(), version=STABLE, policy=policy)
        self._ask(adopt, f"{STABLE} serves all requests")
        self._watch_for(WARM_UP_S)
        rollout = StartRollout(**_fields(), stable=STABLE, candidate=CANDIDATE, weight=WEIGHT)
        self._ask(rollout, f"{CANDIDATE} takes {WEIGHT / 100:g} %; so far it behaves")
        self._turned_on_ms = now_ms()
        self._traffic.turn_clock_on()
        self._watch_for(TURNS_BAD_AFTER_S)
        story = self._story.scenario.story
        self._screen.headline(f"now: {story}")
        self._watch_for(QUIET_S if self._story.scenario.action == NONE else PATIENCE_S)
        if self._story.action != NONE:
            self._watch_for(SETTLE_S, to_the_end=True)

    def count(self) -> int:
        """Stop the traffic and wait until every outcome is in the tables."""
        self._screen.headline("the traffic ends; counting")
        self._traffic.stop_serving()
        delivered = self._traffic.publisher.stats.delivered
        deadline = time.monotonic() + COUNT_TIMEOUT_S
        while self._story.counted < delivered and time.monotonic() < deadline:
            self._poll()
        return delivered

    def _ask(self, request: Request, then: str) -> None:
        answer = ask(self._settings, request, timeout_s=REQUEST_TIMEOUT_S)
        if not answer.accepted:
            raise DemoError(f"refused: {answer.records[0].sentence}")
        self._screen.headline(then)

    def _watch_for(self, seconds: float, *, to_the_end: bool = False) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._poll()
            if self._story.is_over and not to_the_end:
                return

    def _poll(self) -> None:
        self._stage.check()
        for record in self._follower.poll():
            try:
                message = decode_event(record)
            except BadValueError:
                message = None
            if getattr(message, "event", "") not in _TOLD_BY_ALERTS:
                feed(self._screen, record, MODEL)
            bad_at_ms = self._turned_on_ms + TURNS_BAD_AFTER_S * 1000
            self._story.hear(message, (record.timestamp_ms - bad_at_ms) / 1000)
        self._screen.refresh()


def _fields() -> dict[str, Any]:
    return request_fields(MODEL, OPERATOR, "the demo")
