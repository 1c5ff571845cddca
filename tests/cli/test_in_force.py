"""What somebody puts on `control` neither stops an operator nor passes for Headgate's split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from confluent_kafka import Producer

from headgate.cli import in_force
from headgate.cli.failures import ExitCode
from headgate.config import Settings
from headgate.vocabulary import Action, Topic
from headgate.wire.codec import encode
from headgate.wire.control import Command, Weight
from headgate.wire.rollout_requests import Rollback, SetWeight, StartRollout
from headgate.wire.signatures import CONTROL, Signer, new_secret_key
from support.commands import Run, call
from support.responder import Responder, answer, publish
from support.statuses import AT_MS, MODEL, canary

SIGNER = Signer(new_secret_key(), CONTROL)
TRUE, FORGED = 7, 1_000_007
FUTURE_MS = AT_MS + 10**9


def command(revision: int, version: str, issued_at_ms: int = AT_MS - 1) -> Command:
    return Command(
        model=MODEL,
        revision=revision,
        action=Action.SET_WEIGHTS,
        weights=(Weight(version=version, weight=10_000), Weight(version="v1", weight=0)),
        salt="s",
        decision_id=f"d-{version}",
        issued_at_ms=issued_at_ms,
    )


def put(settings: Settings, row: Command, signer: Signer | None = None) -> None:
    producer, value = Producer(settings.librdkafka()), encode(row)
    headers = signer.headers(value) if signer else None
    producer.produce(settings.topic(Topic.CONTROL), value, MODEL, headers=headers)
    assert producer.flush(10) == 0


def state(settings: Settings, **fields: Any) -> None:
    row = canary(**{"revision": TRUE, "decision_id": "d-v2", **fields})
    publish(settings, Topic.STATUS, (MODEL, encode(row)))


def asked(ask: Run, settings: Settings, *words: str) -> tuple[Any, Result]:
    """The request that a command sends, and what it says beside."""
    with Responder(settings, lambda request: [answer(request)]) as worker:
        result = ask(*words)
    assert result.exit_code == ExitCode.FINE, result.output
    return worker.requests[0], result


def guarded(settings: Settings) -> dict[str, str]:
    """The environment of somebody who knows the key that signs commands."""
    return {
        "HEADGATE_CONTROL_PUBLIC_KEYS": SIGNER.public_key,
        "HEADGATE_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "HEADGATE_TOPIC_PREFIX": settings.topic_prefix,
    }


def said(result: Result) -> str:
    return " ".join(result.stderr.split())


def test_a_command_that_a_newer_status_does_not_know_is_passed_over_and_told(
    ask: Run, settings: Settings
) -> None:
    put(settings, command(TRUE, "v2"))
    put(settings, command(FORGED, "evil"))
    state(settings)
    request, result = asked(ask, settings, "rollout", "set-weight", MODEL, "600")
    assert isinstance(request, SetWeight)
    assert request.if_revision == TRUE
    place = f"revision {FORGED} of {MODEL} on {settings.topic(Topic.CONTROL)} (d-evil)"
    why = f"the model's status is newer and knows revision {TRUE}"
    assert f"{place} is not Headgate's: {why}" in said(result)


def test_a_forged_command_makes_no_rollback_impossible(ask: Run, settings: Settings) -> None:
    put(settings, command(TRUE, "v2"))
    put(settings, command(FORGED, "evil"))
    state(settings)
    request, _ = asked(ask, settings, "rollout", "rollback", MODEL)
    assert isinstance(request, Rollback)
    assert request.version == "v2"


def test_a_forged_command_of_the_future_is_given_away_by_the_next_status(
    ask: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, command(FORGED, "evil", FUTURE_MS))
    state(settings)
    look, looks = in_force.latest_statuses, []

    def status_passes(given: Settings) -> Any:
        looks.append(given)
        if len(looks) == 2:
            state(settings, at_ms=AT_MS + 2_000)
        return look(given)

    monkeypatch.setattr(in_force, "latest_statuses", status_passes)
    words = ("rollout", "start", MODEL, "--canary", "--candidate", "v3")
    request, result = asked(ask, settings, *words)
    assert isinstance(request, StartRollout)
    assert request.stable == "v1"
    assert "is not Headgate's" in said(result)


def test_without_another_status_a_rollback_leaves_what_it_is_of_to_the_worker(
    ask: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_force, "NEXT_STATUS_S", 0.0)
    put(settings, command(FORGED, "evil", FUTURE_MS))
    state(settings)
    request, result = asked(ask, settings, "rollout", "rollback", MODEL)
    assert (request.version, result.stderr) == ("", "")


def test_another_decision_under_the_revision_in_force_is_passed_over(
    ask: Run, settings: Settings
) -> None:
    put(settings, command(TRUE, "evil"))
    state(settings)
    result = ask("router", "--model", MODEL, "--choose", "user")
    assert result.exit_code == ExitCode.NEGATIVE
    assert "evil" not in result.stdout
    assert "by the model's status that revision is d-v2" in said(result)


@pytest.mark.parametrize("status", [True, False])
def test_with_public_keys_signed_commands_count_alone(settings: Settings, status: bool) -> None:
    put(settings, command(TRUE, "v2"), SIGNER)
    put(settings, command(FORGED, "evil", FUTURE_MS))
    if status:
        state(settings)
    environ = guarded(settings)
    with Responder(settings, lambda request: [answer(request)]) as worker:
        chosen = call("router", "--model", MODEL, "--choose", "user", env=environ)
        call("rollout", "set-weight", MODEL, "600", env=environ)
        call("rollout", "rollback", MODEL, env=environ)
    assert chosen.stdout.startswith(f"v2 (revision {TRUE}, ")
    assert "is not Headgate's: it is not signed" in said(chosen)
    weight, rollback = worker.requests
    assert isinstance(weight, SetWeight)
    assert isinstance(rollback, Rollback)
    assert (weight.if_revision, rollback.version) == (TRUE, "v2")


def test_with_public_keys_no_signed_command_is_no_split(settings: Settings) -> None:
    put(settings, command(FORGED, "evil"))
    publish(settings, Topic.STATUS, ("other", encode(canary(model="other"))))
    result = call("router", "--model", MODEL, "--choose", "user", env=guarded(settings))
    assert result.exit_code == ExitCode.NEGATIVE
    assert "No split is known" in said(result)


def test_with_public_keys_a_fleet_obeys_no_forged_command(
    settings: Settings, tmp_path: Path
) -> None:
    put(settings, command(TRUE, "v2"), SIGNER)
    put(settings, command(FORGED, "evil"))
    trace = tmp_path / "v2.jsonl"
    trace.write_text('{"latency_ms": 1}\n')
    words = ("--model", MODEL, "--arm", f"v2={trace}", "--rate", "50", "--duration", "1s", "--json")
    summary = json.loads(call("fleet", *words, env=guarded(settings)).stdout.splitlines()[-1])
    assert (summary["unserved"], summary["without_split"]) == ({}, 0)
    assert summary["published"] == {"v2": summary["requests"]}
