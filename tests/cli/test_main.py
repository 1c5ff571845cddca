"""The command as a whole: every command explains itself, and a bad configuration starts nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer.main

from headgate.cli.failures import ExitCode
from headgate.cli.main import GROUPS, build_app
from headgate.local.embedded import EmbeddedBroker
from support.commands import Run, headgate

PROMISED = (
    *("demo", "worker", "fleet", "router", "adopt", "defer", "status", "watch", "tail", "replay"),
    *("mode", "stop", "topics:apply", "topics:check", "topics:list", "policy:apply"),
    *("audit:verify", "keys:new", "keys:list", "keys:apply", "approve", "requests"),
    *("rollout:start", "rollout:set-weight", "rollout:promote", "rollout:rollback"),
)
TALKS_TO_NO_BROKER = {"demo", "keys:new"}


def _commands(group: Any) -> dict[str, Any]:
    """The commands of a group, with the names of what lies under them."""
    return {name: sorted(getattr(one, "commands", ())) for name, one in group.commands.items()}


def test_the_table_of_commands_names_each_and_no_other() -> None:
    assert set(_commands(headgate())) == {name for names in GROUPS.values() for name in names}


@pytest.mark.parametrize("command", sorted(_commands(headgate())))
def test_a_command_that_is_loaded_alone_has_all_that_lies_under_it(command: str) -> None:
    alone = typer.main.get_command(build_app(command))
    assert _commands(alone)[command] == _commands(headgate())[command]


@pytest.mark.parametrize("words", PROMISED)
def test_every_promised_command_has_help_with_an_example(run: Run, words: str) -> None:
    result = run(*words.split(":"), "--help")
    assert result.exit_code == ExitCode.FINE, result.output
    assert "Examples:" in result.stdout
    assert f"headgate {words.replace(':', ' ')}" in result.stdout


@pytest.mark.parametrize("words", sorted(set(PROMISED) - TALKS_TO_NO_BROKER))
def test_every_command_that_talks_to_a_broker_can_be_told_which(words: str) -> None:
    command = headgate()
    for word in words.split(":"):
        command = command.commands[word]
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert {"--bootstrap-servers", "--topic-prefix", "--group-prefix", "--config"} <= flags


@pytest.mark.parametrize(
    ("words", "there"),
    [
        ("rollback m", "'headgate rollout rollback'"),
        ("abort m", "'headgate rollout rollback'"),
        ("promote m", "'headgate rollout promote'"),
        ("history m", "'headgate rollout history' or 'headgate registry history'"),
        ("rollout status m", "'headgate status'"),
        ("rollout stop m", "'headgate rollout pause'"),
        ("ab pause m", "'headgate rollout pause'"),
        ("rollout histroy m", "'history'"),
    ],
)
def test_a_command_looked_for_in_the_wrong_group_is_pointed_to(
    run: Run, words: str, there: str
) -> None:
    result = run(*words.split())
    assert result.exit_code == ExitCode.USAGE
    assert f"Did you mean {there}?" in " ".join(result.stderr.split())


def test_the_main_help_documents_every_exit_code(run: Run) -> None:
    text = run("--help").stdout
    for code in (0, 1, 2, 3, 4, 5):
        assert f"\n    {code}  " in text


def test_a_worker_with_a_bad_configuration_tells_every_mistake_and_does_not_start(
    run: Run, tmp_path: Path, embedded: EmbeddedBroker
) -> None:
    file = tmp_path / "headgate.yaml"
    file.write_text("tick_interval_s: -1\nsnapshot_intervall_s: 1\nembedded: true\n")
    result = run(
        *("worker", "--config", str(file), "--agents", "ingest,judge", "--http-port", "70000"),
        *("--bootstrap-servers", embedded.bootstrap_servers),
    )
    assert result.exit_code == ExitCode.USAGE
    for said in (
        "tick_interval_s = -1",
        "snapshot_interval_s?",
        "--agents = 'ingest,judge'",
        "--http-port = 70000",
    ):
        assert said in result.stderr
    assert "4 mistakes" in result.stderr


def test_the_environment_is_a_source_of_mistakes_like_any_other(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADGATE_HTTP_PROT", "1")
    result = run("status")
    assert result.exit_code == ExitCode.USAGE
    assert "Did you mean HEADGATE_HTTP_PORT?" in result.stderr


@pytest.mark.parametrize(
    "words", [("topics", "check"), ("status",), ("stop",), ("replay",), ("tail", "audit")]
)
def test_a_broker_that_refuses_is_told_with_what_to_check(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words, "--bootstrap-servers", "127.0.0.1:1")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "127.0.0.1:1" in result.stderr
    assert "--bootstrap-servers" in result.stderr
    assert result.stdout == ""
