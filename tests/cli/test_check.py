"""`headgate check`: a file of checks is read, run against an endpoint and reported."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest

from headgate.cli import check
from headgate.cli.check_file import load_checks
from headgate.cli.failures import ExitCode
from headgate.config import Settings
from headgate.contract import contract_file
from headgate.judge.courses import BlueGreenSettings
from headgate.problems import ConfigError
from headgate.wire.audit import AuditRecord
from headgate.wire.requests import AnyRequest
from headgate.wire.rollout_requests import ReportCheck
from support.commands import Run
from support.endpoint import Endpoint, Say
from support.responder import Responder, answer
from support.statuses import MODEL


def accept(request: AnyRequest) -> Iterable[AuditRecord]:
    return [answer(request, sentence=f"{getattr(request, 'check', '')} is noted.")]


def refuse(request: AnyRequest) -> Iterable[AuditRecord]:
    return [answer(request, "refused", sentence="No such check.", remedy="It names: smoke.")]


def file_of(folder: Path, text: str) -> str:
    file = folder / "checks.yaml"
    file.write_text(text)
    return str(file)


TWO = """
url: {url}
checks:
  - {{name: smoke, expect: {{must_match: [fine]}}}}
  - {{name: schema, expect: {{json_schema: {{type: object}}}}}}
"""


def test_a_report_says_what_was_found(ask: Run, settings: Settings) -> None:
    with Responder(settings, accept) as worker:
        result = ask("check", "report", MODEL, "v2", "smoke", "--failed", "--detail", "too slow")
    assert result.exit_code == ExitCode.FINE, result.output
    (request,) = worker.requests
    assert isinstance(request, ReportCheck)
    said = (request.version, request.check, request.passed, request.detail)
    assert said == ("v2", "smoke", False, "too slow")


def test_a_report_must_say_passed_or_failed(ask: Run) -> None:
    assert ask("check", "report", MODEL, "v2", "smoke").exit_code == ExitCode.USAGE


def test_every_check_is_run_and_one_failure_is_exit_code_1(run: Run, tmp_path: Path) -> None:
    with Endpoint(lambda _: Say("fine")) as endpoint:
        result = run("check", "run", file_of(tmp_path, TWO.format(url=endpoint.url)))
    assert result.exit_code == ExitCode.NEGATIVE
    assert "1 of 2 checks passed." in result.stdout
    assert "the answer is no JSON" in result.stdout


def test_for_machines_it_is_one_line_of_json(run: Run, tmp_path: Path) -> None:
    with Endpoint(lambda _: Say('{"x": "fine"}')) as endpoint:
        file = file_of(tmp_path, TWO.format(url=endpoint.url))
        result = run("check", "run", file, "--json", "--version", "v2")
    assert result.exit_code == ExitCode.FINE, result.output
    found = json.loads(result.stdout)
    assert (found["version"], found["passed"]) == ("v2", True)
    assert [(row["check"], row["passed"]) for row in found["checks"]] == [
        ("smoke", True),
        ("schema", True),
    ]


def test_with_report_each_outcome_goes_to_headgate(
    ask: Run, settings: Settings, tmp_path: Path
) -> None:
    with Endpoint(lambda _: Say("fine")) as endpoint, Responder(settings, accept) as worker:
        file = file_of(tmp_path, TWO.format(url=endpoint.url))
        result = ask("check", "run", file, "--model", MODEL, "--version", "v2", "--report")
    assert result.exit_code == ExitCode.NEGATIVE
    assert "smoke is noted." in result.stdout
    reports = [row for row in worker.requests if isinstance(row, ReportCheck)]
    assert [(row.check, row.passed, row.version) for row in reports] == [
        ("smoke", True, "v2"),
        ("schema", False, "v2"),
    ]
    assert "no JSON" in reports[1].detail


def test_a_report_that_is_refused_is_exit_code_1_though_the_check_passed(
    ask: Run, settings: Settings, tmp_path: Path
) -> None:
    with Endpoint(lambda _: Say('{"x": "fine"}')) as endpoint, Responder(settings, refuse):
        file = file_of(tmp_path, TWO.format(url=endpoint.url))
        words = ("--model", MODEL, "--version", "v2", "--only", "smoke", "--report")
        result = ask("check", "run", file, *words)
    assert result.exit_code == ExitCode.NEGATIVE
    assert "Refused: No such check." in result.stdout


def test_again_and_again_outlasts_a_worker_that_does_not_answer_for_a_while(
    ask: Run, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    def back_for_the_second(request: AnyRequest) -> Iterable[AuditRecord]:
        return accept(request) if pauses else []

    monkeypatch.setattr(check, "time", SimpleNamespace(sleep=pause))
    with (
        Endpoint(lambda _: Say("fine")) as endpoint,
        Responder(settings, back_for_the_second) as worker,
    ):
        file = file_of(tmp_path, TWO.format(url=endpoint.url))
        words = ("--model", MODEL, "--version", "v2", "--only", "smoke", "--report")
        result = ask("check", "run", file, *words, "--every", "1m", "--timeout", "3")
    assert result.exit_code == ExitCode.INTERRUPTED
    assert "no outcome of request" in result.stderr
    assert "; again in 1 min" in result.stderr
    assert "smoke is noted." in result.stdout
    assert len(worker.requests) == 2
    assert pauses == [60, 60]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--report",), "--report needs --model and --version"),
        (("--only", "smok"), "FILE has no smok; it has: smoke, schema"),
        (("--every", "soon"), "'soon' is no duration"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_sent(
    run: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    with Endpoint(lambda _: Say()) as endpoint:
        result = run("check", "run", file_of(tmp_path, TWO.format(url=endpoint.url)), *words)
    assert result.exit_code == ExitCode.USAGE
    assert said in " ".join(result.stderr.split())
    assert endpoint.asked == []


def test_every_mistake_in_a_file_is_told_with_its_line_rule_and_remedy(
    run: Run, tmp_path: Path
) -> None:
    text = """
urll: http://green/
timeout: 0s
checks:
  - name: Smoke
    expect:
      status: 99
      latency_max: fast
      must_match: ["("]
      json_schema: {type: objekt}
      must_mach: [x]
  - {name: a, json: {}, body: x}
"""
    result = run("check", "run", file_of(tmp_path, text))
    assert result.exit_code == ExitCode.USAGE
    for said in (
        ":2: urll = 'http://green/': no such key. Did you mean url?",
        ":3: timeout = '0s': must be above 0",
        ":5: checks.0.name = 'Smoke'",
        ":7: checks.0.expect.status",
        ":8: checks.0.expect.latency_max = 'fast'",
        "is no regular expression",
        "is no JSON Schema",
        ":11: checks.0.expect.must_mach: no such key. Did you mean must_match?",
        ":12: checks.1: give json or body, not both",
    ):
        assert said in result.stderr, said
    assert "at least 1 item" not in result.stderr


def test_a_header_is_not_shown_even_where_it_is_wrong(run: Run, tmp_path: Path) -> None:
    text = "url: http://g/\nheaders: {'bad name': sk-123}\nchecks: [{name: a}]\n"
    result = run("check", "run", file_of(tmp_path, text))
    assert result.exit_code == ExitCode.USAGE
    assert "sk-123" not in result.stderr


def test_a_missing_variable_is_told_with_the_line_of_its_header(tmp_path: Path) -> None:
    text = "url: http://g/\nheaders:\n  A: ${GONE}\nchecks: [{name: a}]\n"
    with pytest.raises(ConfigError) as caught:
        load_checks(Path(file_of(tmp_path, text)), {})
    (problem,) = caught.value.problems
    assert problem.source.endswith("checks.yaml:3")
    assert problem.remedy == "export GONE=..."


def test_the_file_that_ships_is_sound_and_covers_the_default_policys_checks() -> None:
    _, calls = load_checks(contract_file("config", "checks.yaml"), {"MODEL_TOKEN": "t"})
    known = {call.check for call in calls}
    assert known >= set(BlueGreenSettings().known_checks)
