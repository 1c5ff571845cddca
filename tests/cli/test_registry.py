"""The registry's commands: a file becomes requests; the compacted topic is read by anyone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headgate.cli.failures import ExitCode
from headgate.cli.registry_apply import requests_of
from headgate.cli.registry_file import load_registry
from headgate.config import Settings
from headgate.contract import contract_file
from headgate.local.demo import touch_topics
from headgate.vocabulary import Status, Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import encode
from headgate.wire.registry import (
    CompatibilityEntry,
    Parameters,
    Performance,
    StatusChange,
    Tombstone,
    VersionEntry,
    VersionSpec,
)
from headgate.wire.registry_requests import RegisterVersion
from headgate.wire.request import FitRequest
from headgate.wire.requests import AnyRequest, digest_of_request
from support.commands import Run
from support.ledger import LedgerBench, policy_content
from support.responder import Responder, answer, publish

FILE = str(contract_file("config", "registry.yaml"))


def _entry(version: str, status: Status = Status.STAGING, **fields: Any) -> VersionEntry:
    given: dict[str, Any] = {"base_model": "gpt-4o", **fields.pop("spec", {})}
    spec = VersionSpec(version=version, **given)
    return VersionEntry(
        model="m", version=version, status=status, since_ms=1, revision=1, spec=spec, **fields
    )


@pytest.fixture
def registry(settings: Settings) -> Settings:
    """Versions on the registry topic; of one of them two entries."""
    touch_topics(settings)
    entries = [
        _entry("v2.9.0", spec={"prompt_template": "p1", "parent_version": "v2.8.0"}),
        _entry("v2.9.0", Status.PRODUCTION, aliases=("stable",),
               spec={"prompt_template": "p1", "parent_version": "v2.8.0"}),
        _entry("v2.10.0-rc.1", Status.REMOVED),
        _entry("v2.10.0", Status.CANDIDATE, aliases=("candidate",),
               spec={"prompt_template": "p2", "parent_version": "v2.9.0",
                     "parameters": Parameters(max_tokens=9),
                     "performance": Performance(accuracy=0.9)},
               measured=Performance(accuracy=0.8)),
        _entry("v2.11.0", Status.REMOVED),
    ]  # fmt: skip
    publish(
        settings,
        Topic.REGISTRY,
        *((f"{row.model}/{row.version}", encode(row)) for row in entries),
    )
    return settings


def _refuse_children(request: AnyRequest) -> Iterable[AuditRecord]:
    if isinstance(request, RegisterVersion) and request.spec.parent_version:
        return [answer(request, "refused", sentence="Too small.", remedy="v2.0.0")]
    return [answer(request)]


def test_apply_asks_for_templates_then_compatibility_then_parents_first(
    ask: Run, settings: Settings
) -> None:
    with Responder(settings, _refuse_children) as worker:
        result = ask("registry", "apply", FILE, "--reason", "new year")
    kinds = [type(request).__struct_config__.tag for request in worker.requests]
    assert kinds == [
        *["register_template"] * 3,
        "set_compatibility",
        *["register_version"] * 3,
        "set_cleanup",
    ]
    versions = [r.spec.version for r in worker.requests if isinstance(r, RegisterVersion)]
    assert versions == ["v1.0.0", "v1.1.0", "v2.0.0"]
    assert {request.reason for request in worker.requests} == {"new year"}
    assert not any(getattr(request, "despite_traffic", False) for request in worker.requests)
    assert result.exit_code == ExitCode.NEGATIVE
    assert "Refused: Too small." in result.stdout


@pytest.mark.parametrize(("refused", "sent"), [("register_template", 1), ("set_cleanup", 8)])
def test_after_a_refusal_of_the_key_nothing_is_sent_that_needs_as_much(
    ask: Run, settings: Settings, refused: str, sent: int
) -> None:
    def refuse(request: AnyRequest) -> Iterable[AuditRecord]:
        if type(request).__struct_config__.tag != refused:
            return [answer(request)]
        digest = {"refused_digest": digest_of_request(request)}
        return [answer(request, "refused", sentence="vic is viewer.", details=digest)]

    with Responder(settings, refuse) as worker:
        result = ask("registry", "apply", FILE)
    assert result.exit_code == ExitCode.NEGATIVE
    assert len(worker.requests) == sent
    assert result.stdout.count("vic is viewer.") == 1
    said = "7 more requests were not sent: the same key would be refused." in result.stdout
    assert said == (sent == 1)


def test_each_shipped_version_starts_under_the_shipped_policy_or_its_notes_say_why_not() -> None:
    declared = load_registry(Path(FILE))
    specs = declared.specs["support"]

    def start(candidate: str, **policy: Any) -> AuditRecord:
        bench = LedgerBench()
        bench.adopt({**policy_content(), **policy}, specs[0].version)
        for request in requests_of(declared, "ann", ""):
            fields = {**msgspec.structs.asdict(request), "issued_at_ms": bench.now_ms}
            bench.admit(type(request)(**{**fields, "expires_at_ms": None}))
        return bench.start(500, candidate, stable=specs[0].version)

    events = {spec.version: start(spec.version) for spec in specs[1:]}
    assert [row.event for row in events.values()] == ["accepted", "refused"]
    assert "api_version" in events["v2.0.0"].sentence
    assert "compatibility.api_version" in specs[-1].notes
    assert start("v2.0.0", compatibility={"api_version": "v2"}).event == "accepted"


def test_what_changes_a_fit_is_asked_for_despite_traffic_only_where_that_is_said(
    ask: Run, settings: Settings
) -> None:
    with Responder(settings, lambda request: [answer(request)]) as worker:
        result = ask("registry", "apply", FILE, "--despite-traffic")
    assert result.exit_code == 0
    asked = [request for request in worker.requests if isinstance(request, FitRequest)]
    assert len(asked) == len(worker.requests) - 1  # all but the cleanup policy
    assert all(request.despite_traffic for request in asked)


def _let_versions_wait(request: AnyRequest) -> Iterable[AuditRecord]:
    if isinstance(request, RegisterVersion):
        return [answer(request, "waiting", sentence="Waits.", remedy="headgate approve m r")]
    return [answer(request)]


def test_apply_ends_with_the_code_of_waiting_where_none_is_refused_and_some_wait(
    ask: Run, settings: Settings
) -> None:
    with Responder(settings, _let_versions_wait):
        result = ask("registry", "apply", FILE)
    assert result.exit_code == ExitCode.WAITS
    assert "To approve it: headgate approve m r" in result.stdout


def test_a_dry_run_says_what_it_would_ask_without_a_broker(run: Run) -> None:
    result = run("registry", "apply", FILE, "--dry-run", "--bootstrap-servers", "127.0.0.1:1")
    assert result.exit_code == 0
    assert "Would ask: register_version support v1.1.0" in result.stdout


def test_latest_follows_precedence_and_leaves_out_what_is_removed(
    ask: Run, registry: Settings
) -> None:
    assert ask("registry", "latest", "m").stdout == "v2.10.0\n"
    assert ask("registry", "production", "m").stdout == "v2.9.0\n"
    assert ask("registry", "latest", "other").exit_code == ExitCode.NEGATIVE


def test_a_list_has_every_version_once_in_order(ask: Run, registry: Settings) -> None:
    rows = json.loads(ask("registry", "list", "--json").stdout)
    assert [row["version"] for row in rows] == ["v2.9.0", "v2.10.0-rc.1", "v2.10.0", "v2.11.0"]
    table = ask("registry", "list", "m").stdout
    assert "candidate" in table
    assert "gpt-4o" in table


def test_show_has_declared_beside_measured(ask: Run, registry: Settings) -> None:
    shown = ask("registry", "show", "m", "2.10.0").stdout
    assert "declared 0.9, measured 0.8" in shown
    missing = ask("registry", "show", "m", "v7.0.0")
    assert missing.exit_code == ExitCode.NEGATIVE
    assert "Known: v2.9.0" in missing.stderr


def test_show_tells_a_removed_version_step_by_step(ask: Run, registry: Settings) -> None:
    entry = VersionEntry(
        model="m", version="v1.0.0", status=Status.REMOVED, since_ms=1, revision=1,
        tombstone=Tombstone(content_digest="abcdef", parent_version="v0.9.0"),
        retained="no more", ordered="delete_artifact",
        history=(StatusChange(status=Status.REMOVED, at_ms=0, by="headgate", why="long archived"),),
    )  # fmt: skip
    publish(registry, Topic.REGISTRY, ("m/v1.0.0", encode(entry)))
    shown = ask("registry", "show", "m", "v1.0.0").stdout
    for words in ("abcdef", "no more", "delete_artifact", "by headgate: long archived"):
        assert words in shown
    assert "ends at v0.9.0" in ask("registry", "lineage", "m", "v1.0.0").stdout
    diff = ask("registry", "diff", "m@v1.0.0", "v2.9.0")
    assert (diff.exit_code, "was removed" in diff.stderr) == (ExitCode.NEGATIVE, True)


def test_a_lineage_says_what_changed_and_where_it_ends(ask: Run, registry: Settings) -> None:
    result = ask("registry", "lineage", "m", "v2.10.0")
    assert "prompt_template p1 -> p2" in result.stdout
    assert "ends at v2.8.0, which nobody registered" in result.stdout


def test_a_diff_is_a_row_per_field(ask: Run, registry: Settings) -> None:
    rows = json.loads(ask("registry", "diff", "m", "v2.9.0", "v2.10.0", "--json").stdout)
    assert {"field": "prompt_template", "before": "p1", "after": "p2"} in rows
    assert "max_tokens" in ask("registry", "diff", "m", "v2.9.0", "v2.10.0").stdout


@pytest.mark.parametrize(
    "words",
    [("m", "2.9.0", "v2.10.0"), ("m@v2.9.0", "m@2.10.0"), ("m@v2.9.0", "v2.10.0")],
)
def test_the_sides_of_a_diff_are_named_with_their_model_or_after_it(
    ask: Run, registry: Settings, words: tuple[str, ...]
) -> None:
    result = ask("registry", "diff", *words)
    assert result.exit_code == ExitCode.FINE, result.output
    assert "max_tokens" in result.stdout
    assert ask("registry", "diff", "v2.9.0", "v2.10.0").exit_code == ExitCode.USAGE
    assert ask("registry", "diff", "other@v1", "v2").exit_code == ExitCode.NEGATIVE


def test_own_families_on_the_topic_decide_what_is_suggested(
    ask: Run, registry: Settings, tmp_path: Path
) -> None:
    rules = CompatibilityEntry(model="m", families={"gpt-4.1*": "gpt-41"})
    publish(registry, Topic.REGISTRY, ("m//compatibility", encode(rules)))
    file = tmp_path / "c.yaml"
    file.write_text("base_model: gpt-4.1\n")
    assert ask("version", "suggest", "m", "--file", str(file)).stdout.startswith("v3.0.0\n")


def test_a_history_says_who_asked_what(ask: Run, registry: Settings) -> None:
    row = AuditRecord(audit_id="a", model="m", event="refused", at_ms=1, sentence="No [x].")
    publish(registry, Topic.AUDIT, ("m", encode(row)), ("m", encode(row)))
    assert len(json.loads(ask("registry", "history", "m", "--json").stdout)) == 1
    assert "No [x]." in ask("registry", "history", "m").stdout


@pytest.mark.parametrize(
    ("text", "first", "taken", "code"),
    [
        ("base_model: gpt-4o\nprompt_template: p9\n", "v2.9.1", "", 0),
        ("base_model: gpt-4.1\n", "v2.10.1", "v2.10.0 is taken.", 0),
        ("base_model: claude-3\nversion: v2.9.1\n", "v3.0.0", "", 1),
        ("base_modell: claude-3\n", "", "", 2),
    ],
)
def test_a_suggestion_is_the_smallest_legal_version_that_is_not_taken(
    ask: Run, registry: Settings, tmp_path: Path, *, text: str, first: str, taken: str, code: int
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text)
    result = ask("version", "suggest", "m", "--file", str(file))
    assert result.exit_code == code, result.output
    assert result.stdout.split("\n")[0] == first
    assert taken in result.stdout
    assert ("taken" in result.stdout) == bool(taken)
