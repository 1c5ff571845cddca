"""Keys are made, applied and listed from the command line; requests are signed with them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from headgate.cli.failures import ExitCode
from headgate.config import Settings, load_settings
from headgate.keyfiles import load_key
from headgate.local.demo import touch_topics
from headgate.problems import ConfigError
from headgate.vocabulary import Role, Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import encode
from headgate.wire.key_requests import ApplyKeys, KeyApprovals
from headgate.wire.requests import AnyRequest
from headgate.wire.signatures import CONTROL, KEY_ID_HEADER, REQUEST, SIGNATURE_HEADER, is_signed_by
from support.commands import Run
from support.people import ANN, BOB, Person, set_keys, signed_bench
from support.responder import PARTITIONS, Responder, answer, publish
from support.statuses import MODEL

DAN = Person("dan", Role.APPROVER)


def _accept(request: AnyRequest) -> Iterable[AuditRecord]:
    rows = range(PARTITIONS if request.model == "*" else 1)
    return [
        answer(request, audit_id=f"x-{row}", sentence="Done.", details={"ledger_partition": row})
        for row in rows
    ]


def _new(run: Run, folder: Path) -> tuple[Path, Path]:
    """A key file and a list of keys as `keys new` prints it."""
    file, listed = folder / "ann.key", folder / "keys.yaml"
    result = run("keys", "new", "ann", "--role", "approver", "--out", str(file))
    assert result.exit_code == ExitCode.FINE, result.output
    listed.write_text(result.stdout)
    return file, listed


def test_a_new_key_is_for_its_owner_alone_and_is_never_overwritten(
    run: Run, tmp_path: Path
) -> None:
    file, listed = _new(run, tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_key(file, REQUEST).signer.key_id in listed.read_text()
    assert yaml.safe_load(file.read_text())["secret_key"] not in listed.read_text()
    before = file.read_text()
    again = run("keys", "new", "ann", "--out", str(file))
    assert again.exit_code == ExitCode.USAGE
    assert file.read_text() == before


def test_a_key_for_commands_comes_with_settings_and_no_line_for_a_list_of_keys(
    run: Run, tmp_path: Path
) -> None:
    file, settings_file = tmp_path / "control.key", tmp_path / "headgate.yaml"
    result = run("keys", "new", "--control", "--out", str(file))
    assert result.exit_code == ExitCode.FINE, result.output
    assert "operator:" not in result.stdout
    settings_file.write_text(result.stdout)
    settings = load_settings(settings_file, {}, {})
    assert settings.control_key_file == file
    assert settings.control_public_keys == (load_key(file, CONTROL).signer.public_key,)


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "name whose key it is"), (("--control", "--role", "viewer"), "has no role")],
)
def test_a_key_is_somebodys_or_the_workers(
    run: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    result = run("keys", "new", *words, "--out", str(tmp_path / "x.key"))
    assert result.exit_code == ExitCode.USAGE
    assert said in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["a: b", "operator: ann\nsecret_key: hunter2", "- x"])
def test_a_file_that_holds_no_key_says_so_and_shows_no_secret(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ann.key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        load_key(file, REQUEST)
    assert "hunter2" not in str(caught.value)


def test_a_secret_key_that_others_may_read_is_not_used(run: Run, tmp_path: Path) -> None:
    file, _ = _new(run, tmp_path)
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_key(file, REQUEST)


def test_with_a_key_file_requests_are_signed_in_its_owners_name(
    ask: Run, run: Run, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, listed = _new(run, tmp_path)
    key = load_key(file, REQUEST).signer
    monkeypatch.setenv("HEADGATE_OPERATOR_KEY_FILE", str(file))
    with Responder(settings, _accept) as worker:
        result = ask("mode", MODEL, "observe")
        assert result.exit_code == ExitCode.FINE, result.output
        result = ask("keys", "apply", str(listed))
        assert result.exit_code == ExitCode.FINE, result.output
    for request, headers in zip(worker.requests, worker.headers, strict=True):
        assert request.operator == "ann"
        assert headers[KEY_ID_HEADER].decode() == key.key_id
        signature = headers[SIGNATURE_HEADER].decode()
        assert is_signed_by(key.public_key, REQUEST, encode(request), signature)
    applied = worker.requests[-1]
    assert isinstance(applied, ApplyKeys)
    assert [(row.operator, row.public_key) for row in applied.keys] == [("ann", key.public_key)]


def test_a_list_of_keys_with_a_mistake_is_not_sent(ask: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    for text in ("key: []", "keys: [{operator: a}]", "keys: [{operator: a, rolle: b}]"):
        file.write_text(text)
        assert ask("keys", "apply", str(file)).exit_code == ExitCode.USAGE


def test_a_list_of_keys_may_ask_for_a_second_person(
    ask: Run, run: Run, settings: Settings, tmp_path: Path
) -> None:
    _, listed = _new(run, tmp_path)
    rule = {"actions": ["apply_keys", "set_mode"], "within": "1h"}
    listed.write_text(listed.read_text() + yaml.safe_dump({"approvals": rule}))
    with Responder(settings, _accept) as worker:
        result = ask("keys", "apply", str(listed))
    assert result.exit_code == ExitCode.FINE, result.output
    (applied,) = worker.requests
    assert isinstance(applied, ApplyKeys)
    assert applied.approvals == KeyApprovals(actions=tuple(rule["actions"]), within_ms=3_600_000)


@pytest.mark.parametrize(
    "rule",
    ["[]", "{}", "{actions: [promote]}", "{actions: []}", "{actions: [set_mode], within: soon}"],
)
def test_a_rule_about_a_second_person_that_is_none_is_not_sent(
    ask: Run, run: Run, tmp_path: Path, rule: str
) -> None:
    _, listed = _new(run, tmp_path)
    listed.write_text(f"{listed.read_text()}approvals: {rule}\n")
    result = ask("keys", "apply", str(listed))
    assert result.exit_code == ExitCode.USAGE
    assert "approvals" in result.stderr
    assert "It has actions (apply_keys, set_mode) and within (1s to 24h)." in result.stderr


def test_the_keys_that_count_are_listed_from_the_history(ask: Run, settings: Settings) -> None:
    touch_topics(settings)
    assert "No keys are set" in ask("keys", "list").stdout
    bench = signed_bench()
    set_keys(bench, ANN, BOB)
    history = [row for row in bench.records if row.topic is Topic.AUDIT]
    publish(settings, Topic.AUDIT, *((row.key.decode(), row.value) for row in history))
    result = ask("keys", "list", "--json")
    assert result.exit_code == ExitCode.FINE
    assert set(json.loads(result.stdout)["ledger_partitions"]["0"]) == {ANN.key_id, BOB.key_id}
    assert "approver" in ask("keys", "list").stdout
    assert "second person" not in ask("keys", "list").stdout


def test_the_rule_about_a_second_person_is_listed_and_partitions_must_agree_on_it(
    ask: Run, settings: Settings
) -> None:
    touch_topics(settings)
    bench = signed_bench()
    rule = KeyApprovals(actions=("set_mode",))
    keys = tuple(person.key for person in (ANN, DAN))
    assert ANN.ask(bench, ApplyKeys, model="*", keys=keys, approvals=rule).event == "accepted"
    records = [row.message for row in bench.published if isinstance(row.message, AuditRecord)]
    publish(settings, Topic.AUDIT, *((row.model, encode(row)) for row in records))
    told = ask("keys", "list").stdout
    assert "A second person approves within 30 min, for all models: apply_keys, set_mode" in told
    other = {**records[-1].details, "ledger_partition": 1, "approvals": None}
    publish(settings, Topic.AUDIT, ("*", encode(replace(records[-1], details=other))))
    assert ask("keys", "list").exit_code == ExitCode.NEGATIVE
