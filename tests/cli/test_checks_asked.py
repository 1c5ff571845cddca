"""`headgate check run --report`: what the rollout asks for is reported, and of the rest is said why
not.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headgate.cli import checks_asked
from headgate.cli.failures import ExitCode
from headgate.config import Settings
from headgate.contract import contract_file
from headgate.release.status import model_status
from headgate.vocabulary import Topic
from headgate.wire.codec import encode
from headgate.wire.status import ModelStatus
from support.commands import Run
from support.courses import start_blue_green
from support.endpoint import Endpoint, Say
from support.ledger import LedgerBench
from support.responder import Responder, publish

ANSWER = '{"choices": [{"text": "Paris"}]}'


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """The shipped check file, pointed at an endpoint that answers as it should."""
    monkeypatch.setenv("MODEL_TOKEN", "t")
    monkeypatch.chdir(tmp_path)
    endpoint = Endpoint(lambda _: Say(ANSWER))
    text = contract_file("config", "checks.yaml").read_text()
    Path("checks.yaml").write_text(text.replace("http://localhost:8080", endpoint.url))
    return endpoint


def green_by_the_default_policy() -> LedgerBench:
    bench = LedgerBench()
    bench.adopt()
    start_blue_green(bench)
    return bench


def tell(settings: Settings, status: ModelStatus) -> None:
    publish(settings, Topic.STATUS, (status.model, encode(status)))


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (
            "v2",
            [
                "smoke of support v2 passed.",
                "Not reported: schema; the policy names no such check, only smoke, ready.",
                "Not reported: ready; it is asked of v1, not of v2.",
            ],
        ),
        (
            "v1",
            [
                "ready of support v1 passed.",
                "Not reported: smoke; it is asked of v2, not of v1.",
                "Not reported: schema; the policy names no such check, only smoke, ready.",
            ],
        ),
    ],
)
def test_the_shipped_checks_are_reported_as_the_shipped_policy_asks(
    ask: Run, settings: Settings, shipped: Endpoint, version: str, said: list[str]
) -> None:
    bench = green_by_the_default_policy()
    tell(settings, model_status(bench.state, bench.model))
    with shipped, Responder(settings, lambda request: [bench.admit(request)]):
        result = ask("check", "run", "checks.yaml", "--version", version, "--report")
    assert result.exit_code == ExitCode.FINE, result.output
    assert result.stdout.splitlines()[-4:] == ["3 of 3 checks passed.", *said]
    assert [record.event for record in bench.audit if record.event == "refused"] == []


def test_a_check_that_nobody_asks_for_still_fails_the_run(
    ask: Run, settings: Settings, shipped: Endpoint
) -> None:
    file = Path("checks.yaml")
    text = file.read_text().replace("required: [choices]", "required: [choice]")
    file.write_text(text.replace("retries: 2", "retries: 0"))
    bench = green_by_the_default_policy()
    tell(settings, model_status(bench.state, bench.model))
    with shipped, Responder(settings, lambda request: [bench.admit(request)]):
        result = ask("check", "run", "checks.yaml", "--report", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == ExitCode.NEGATIVE
    assert set(found["not_reported"]) == {"schema", "ready"}
    assert [row["accepted"] for row in found["reports"]] == [True]


@pytest.mark.parametrize("told", [True, False])
def test_where_nothing_is_asked_for_the_refusal_says_what_would_be(
    ask: Run, settings: Settings, shipped: Endpoint, monkeypatch: pytest.MonkeyPatch, *, told: bool
) -> None:
    monkeypatch.setattr(checks_asked, "NEXT_STATUS_S", 0.0)
    bench = green_by_the_default_policy()
    if told:
        tell(settings, model_status(bench.state, bench.model))
    words = ("--only", "smoke", "--version", "v3", "--report")
    with shipped, Responder(settings, lambda request: [bench.admit(request)]):
        result = ask("check", "run", "checks.yaml", *words)
    assert result.exit_code == ExitCode.NEGATIVE
    assert "Refused: smoke is a check of v2, not of v3." in result.stdout
