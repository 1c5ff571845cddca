"""Looking at what is there: `status`, `watch --once`, `tail`."""

from __future__ import annotations

import json
import re
import time

from headgate.cli.failures import ExitCode
from headgate.cli.reading import RECENT, TopicFollower
from headgate.config import Settings
from headgate.vocabulary import Topic
from headgate.wire.alerts import Watching
from headgate.wire.codec import encode
from headgate.wire.messages import STATUS
from headgate.wire.status import ModelStatus
from support.commands import Run
from support.responder import publish
from support.statuses import MODEL, alert, breached, canary

BEAT = Watching(ledger_partition=2, at_ms=1, models=3)


def put(settings: Settings, *statuses: ModelStatus) -> None:
    publish(settings, Topic.STATUS, *((status.model, encode(status)) for status in statuses))


def test_the_status_of_one_model_as_json_is_its_message(ask: Run, settings: Settings) -> None:
    put(settings, canary(model="other"), breached())
    result = ask("status", MODEL, "--json")
    assert result.exit_code == ExitCode.FINE, result.output
    assert STATUS.decode(result.stdout.encode()) == breached()


def test_the_status_of_all_models_as_json_is_a_list(ask: Run, settings: Settings) -> None:
    put(settings, canary(model="b"), canary(model="a"))
    rows = json.loads(ask("status", "--json").stdout)
    assert [row["model"] for row in rows] == ["a", "b"]


def test_without_a_terminal_status_prints_plain_lines(ask: Run, settings: Settings) -> None:
    put(settings, breached())
    lines = ask("status", MODEL).stdout.splitlines()
    assert lines[0].startswith(MODEL)
    assert not any("│" in line or "\x1b" in line for line in lines)
    assert any("no: Mean rating 3.10" in line for line in lines)


def test_watch_once_shows_the_model_and_ends(ask: Run, settings: Settings) -> None:
    put(settings, canary())
    result = ask("watch", MODEL, "--once")
    assert result.exit_code == ExitCode.FINE, result.output
    assert "canary of v2" in result.stdout


def test_a_deadline_shows_its_date_unless_that_is_today(ask: Run, settings: Settings) -> None:
    now_ms = time.time_ns() // 1_000_000
    rows = [alert(deadline_ms=now_ms + 7 * 86_400_000), alert(deadline_ms=now_ms)]
    publish(settings, Topic.ALERTS, *((MODEL, encode(row)) for row in rows))
    later, now = ask("tail", "alerts", "--from-beginning", "--exit").stdout.splitlines()
    assert re.search(r"\(deadline \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\)", later)
    assert re.search(r"\(deadline \d\d:\d\d:\d\d\)", now)


def test_what_nobody_knows_is_no_success(ask: Run, settings: Settings) -> None:
    put(settings, canary())
    for words in (("status", "nope"), ("watch", "nope", "--once"), ("status", "nope", "--json")):
        result = ask(*words)
        assert result.exit_code == ExitCode.NEGATIVE
        assert "nope" in result.stderr or "--json" in words


def test_heartbeats_are_shown_on_demand_only(ask: Run, settings: Settings) -> None:
    publish(settings, Topic.ALERTS, ("*", encode(BEAT)), (MODEL, encode(alert())))
    words = ("tail", "alerts", "--from-beginning", "--exit")
    usual, all_of_it = ask(*words), ask(*words, "--heartbeats")
    assert len(usual.stdout.splitlines()) == 1
    assert "Mean rating 3.10" in usual.stdout
    assert len(all_of_it.stdout.splitlines()) == 2
    assert "watching: ledger partition 2" in all_of_it.stdout


def test_tail_can_be_kept_to_one_model(ask: Run, settings: Settings) -> None:
    publish(
        settings,
        Topic.ALERTS,
        (MODEL, encode(alert())),
        ("other", encode(alert(model="other", alert_id="a-9"))),
    )
    result = ask("tail", "alerts", "--from-beginning", "--exit", "--json", "--model", "other")
    (row,) = (json.loads(line) for line in result.stdout.splitlines())
    assert row["value"]["alert_id"] == "a-9"
    assert row["topic"] == "alerts"


def test_what_comes_while_the_past_is_read_is_not_lost(settings: Settings) -> None:
    rows = [(MODEL, encode(alert(alert_id=f"a-{number}"))) for number in range(5)]
    publish(settings, Topic.ALERTS, *rows[:3])
    with TopicFollower(settings, [Topic.ALERTS], "beginning") as follower:
        publish(settings, Topic.ALERTS, *rows[3:])
        known = [record.value for record in follower.backlog()]
        while len(known) < len(rows):
            known += [record.value for record in follower.poll()]
    assert known == [value for _, value in rows]


def test_the_newest_events_can_be_read_without_all_that_was_before(settings: Settings) -> None:
    rows = [(MODEL, encode(alert(alert_id=f"a-{number}"))) for number in range(RECENT + 7)]
    publish(settings, Topic.ALERTS, *rows)
    with TopicFollower(settings, [Topic.ALERTS], "recent") as follower:
        values = [record.value for record in follower.backlog()]
    assert values == [value for _, value in rows[7:]]
