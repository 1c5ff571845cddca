"""`headgate audit verify` says whether the history shows a gap or an edit."""

from __future__ import annotations

import json

from headgate.cli.failures import ExitCode
from headgate.config import Settings
from headgate.local.demo import touch_topics
from headgate.vocabulary import Topic
from headgate.wire.rollout_requests import Promote, SetWeight
from support.commands import Run
from support.ledger import MODEL, LedgerBench
from support.responder import publish


def _history() -> list[tuple[str, bytes]]:
    bench = LedgerBench()
    bench.adopt()
    bench.start()
    bench.request(SetWeight, weight=700)
    bench.request(Promote, model="unknown")
    kept = [row for row in bench.records if row.topic is Topic.AUDIT]
    return [(row.key.decode(), row.value) for row in kept]


def test_an_untouched_history_verifies(ask: Run, settings: Settings) -> None:
    history = _history()
    touch_topics(settings)
    publish(settings, Topic.AUDIT, *history, *history[:2])
    result = ask("audit", "verify")
    assert result.exit_code == ExitCode.FINE, result.output
    assert result.stdout.splitlines()[-1] == "No gap and no edit shows."
    told = json.loads(ask("audit", "verify", MODEL, "--json").stdout)
    assert told["ok"]
    assert told["chains"][MODEL]["sequence"] == len(history) - 1


def test_a_gap_ends_with_exit_code_1_and_names_the_record(ask: Run, settings: Settings) -> None:
    history = _history()
    touch_topics(settings)
    publish(settings, Topic.AUDIT, *history[:1], *history[2:])
    result = ask("audit", "verify", MODEL)
    assert result.exit_code == ExitCode.NEGATIVE
    assert f"{MODEL}: Record 2 is missing." in result.stdout


def test_a_model_without_a_record_is_no_success(ask: Run, settings: Settings) -> None:
    touch_topics(settings)
    publish(settings, Topic.AUDIT, *_history())
    result = ask("audit", "verify", "unheard-of")
    assert result.exit_code == ExitCode.NEGATIVE
    assert "No audit record of unheard-of is chained." in result.stdout
