"""Lifecycles from the shell: what was set is told whole, and what can't be is told by its rule."""

from __future__ import annotations

import json

import pytest

from headgate.cli.failures import ExitCode
from headgate.config import Settings
from headgate.vocabulary import Topic
from headgate.wire.codec import encode
from headgate.wire.registry import LifecycleSettings
from headgate.wire.registry_requests import SetLifecycle
from support.commands import Run
from support.responder import Responder, answer, publish
from support.statuses import MODEL, canary


def test_what_is_set_is_answered_with_every_setting_now_in_force(
    ask: Run, settings: Settings
) -> None:
    with Responder(settings, lambda request: [answer(request, sentence="Set.")]) as worker:
        result = ask("lifecycle", "set", MODEL, "--archive", "5w", "--artifacts", "100d")
    assert result.exit_code == ExitCode.FINE, result.output
    (request,) = worker.requests
    assert isinstance(request, SetLifecycle)
    first, replaced, alone, told = result.stdout.splitlines()
    assert first == "Set."
    assert "deprecated 1 w, archived 5 w, removed 10 w" in replaced
    assert "ordered deleted 100 d after archiving" in replaced
    assert "in staging 90 d (5)" in alone
    assert told == "Announced 1 w ahead, and again 1 d ahead."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--artifacts", "30d"), "never deleted before 90 days after archiving. Say 90d or more"),
        (("--archive", "600w"), "--archive 600 w is too long: say 520w, ten years, or less"),
    ],
)
def test_a_duration_out_of_bounds_is_told_by_its_rule(
    ask: Run, settings: Settings, words: tuple[str, ...], said: str
) -> None:
    result = ask("lifecycle", "set", MODEL, *words)
    assert result.exit_code == ExitCode.USAGE
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_a_plan_for_machines_has_the_settings_with_their_defaults(
    ask: Run, settings: Settings
) -> None:
    status = canary(lifecycle_settings=LifecycleSettings(archived_ms=5))
    publish(settings, Topic.STATUS, (MODEL, encode(status)))
    told = json.loads(ask("lifecycle", "plan", MODEL, "--json").stdout)
    assert told["steps"] == []
    assert (told["settings"]["archived_ms"], told["settings"]["staging_versions"]) == (5, 5)
