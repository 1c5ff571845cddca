"""A command that changes something waits for its outcome and says it."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from confluent_kafka import Producer

from headgate.cli import requests
from headgate.cli.failures import ExitCode
from headgate.cli.requests import EXPIRES_AFTER_MS, request_fields
from headgate.cli.requests import ask as send
from headgate.config import Settings
from headgate.contract import contract_file
from headgate.problems import read_yaml
from headgate.vocabulary import Mode, Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import encode
from headgate.wire.requests import AnyRequest
from headgate.wire.rollout_requests import Adopt, Defer, SetMode, SetWeight, StartRollout
from support.commands import Run
from support.installation import wait_until
from support.responder import Responder, answer, publish
from support.statuses import MODEL, canary, router


def accept(request: AnyRequest) -> Iterable[AuditRecord]:
    return [answer(request, sentence="It is done.")]


def refuse(request: AnyRequest) -> Iterable[AuditRecord]:
    return [answer(request, "refused", sentence="No.", remedy="headgate status m")]


def obey(request: AnyRequest) -> Iterable[AuditRecord]:
    """Accepted with a decision that every router obeys."""
    decision = {"decision_id": "d-1", "revision": 8}
    return [
        answer(request, sentence="It is done.", **decision),
        AuditRecord(
            audit_id="x-recovered",
            model=request.model,
            event="recovered",
            at_ms=1,
            sentence="Recovered: all 3 live routers obey revision 8 after 21 ms.",
            **decision,
        ),
    ]


def test_an_accepted_request_says_its_outcome(ask: Run, settings: Settings) -> None:
    with Responder(settings, accept) as worker:
        result = ask("mode", MODEL, "observe", "--operator", "me", "--reason", "drill")
    assert result.exit_code == ExitCode.FINE, result.output
    assert result.stdout.splitlines() == ["It is done."]
    (request,) = worker.requests
    assert isinstance(request, SetMode)
    assert (request.mode, request.operator, request.reason) == (Mode.OBSERVE, "me", "drill")


class Unconfirmed(Producer):
    """Sends, and never hears that it arrived."""

    def flush(self, timeout: float) -> int:
        super().flush(timeout)
        return 1


def test_a_request_that_nobody_confirmed_is_not_said_to_be_lost(
    ask: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "Producer", Unconfirmed)
    with Responder(settings, accept) as worker:
        result = ask("mode", MODEL, "observe")
        wait_until(lambda: bool(worker.requests), "the request on its topic")
    assert result.exit_code == ExitCode.UNREACHABLE
    (request,) = worker.requests
    assert f"did not confirm request {request.request_id}" in result.stderr
    assert "may still be carried out" in result.stderr


def test_a_refused_request_says_why_and_what_instead(ask: Run, settings: Settings) -> None:
    with Responder(settings, refuse):
        result = ask("rollout", "promote", MODEL)
    assert result.exit_code == ExitCode.NEGATIVE
    assert result.stdout.splitlines() == ["Refused: No.", "Instead: headgate status m"]


def test_a_new_split_says_how_many_routers_obey_and_how_fast(ask: Run, settings: Settings) -> None:
    with Responder(settings, obey) as worker:
        result = ask("rollout", "set-weight", MODEL, "2500")
    assert result.exit_code == ExitCode.FINE, result.output
    assert "all 3 live routers obey revision 8 after 21 ms" in result.stdout
    assert worker.requests[0] == SetWeight(
        request_id=worker.requests[0].request_id,
        model=MODEL,
        operator=worker.requests[0].operator,
        issued_at_ms=worker.requests[0].issued_at_ms,
        expires_at_ms=worker.requests[0].issued_at_ms + EXPIRES_AFTER_MS,
        weight=2500,
    )


def test_without_a_router_it_says_that_none_has_acknowledged(ask: Run, settings: Settings) -> None:
    with Responder(settings, lambda request: list(obey(request))[:1]):
        result = ask("rollout", "rollback", MODEL, "--reason", "bad")
    assert result.exit_code == ExitCode.FINE, result.output
    assert "No router has acknowledged revision 8 yet" in result.stdout


def test_routers_that_do_not_obey_in_time_are_named(settings: Settings) -> None:
    status = canary(routers=(router("fast", 8), router("slow", 7), router("gone", 7, live=False)))
    request = SetWeight(**request_fields(MODEL, "me"), weight=2500)
    with Responder(settings, lambda request: list(obey(request))[:1]):
        publish(settings, Topic.STATUS, (MODEL, encode(status)))
        answered = send(settings, request, recovery_s=0.2)
    assert answered.obedience is not None
    assert not answered.obedience.complete
    assert "1 of 2 live routers obey revision 8; not yet: slow" in answered.obedience.sentence


def test_an_answer_to_somebody_else_is_not_taken(ask: Run, settings: Settings) -> None:
    def confuse(request: AnyRequest) -> Iterable[AuditRecord]:
        yield answer(request, "refused", request_id="r-other", sentence="Not for you.")
        yield answer(request, sentence="For you.")

    with Responder(settings, confuse):
        result = ask("mode", MODEL, "enforce")
    assert result.stdout.splitlines() == ["For you."]


def test_without_a_worker_it_says_what_to_check(ask: Run, settings: Settings) -> None:
    with Responder(settings, lambda _: ()):
        result = ask("mode", MODEL, "enforce", "--timeout", "0.5")
    assert result.exit_code == ExitCode.TIMED_OUT
    assert "admit and govern" in result.stderr
    assert "headgate topics check" in result.stderr
    assert result.stdout == ""


def per_partition(request: AnyRequest, partitions: Iterable[int]) -> Iterable[AuditRecord]:
    for partition in partitions:
        details = {"ledger_partition": partition, "models": partition}
        record = answer(request, audit_id=f"x-{partition}", details=details)
        yield record
        yield record


def test_stop_waits_for_every_ledger_partition(ask: Run, settings: Settings) -> None:
    with Responder(settings, lambda request: per_partition(request, range(4))) as worker:
        result = ask("stop")
    assert result.exit_code == ExitCode.FINE, result.output
    assert "All models, 6 now and every new one, are in observe mode" in result.stdout
    assert worker.requests[0].model == "*"


def test_a_ledger_partition_that_does_not_answer_a_stop_is_no_success(
    ask: Run, settings: Settings
) -> None:
    with Responder(settings, lambda request: per_partition(request, range(3))):
        result = ask("stop", "--timeout", "1")
    assert result.exit_code == ExitCode.TIMED_OUT
    assert "3 of 4 outcomes" in result.stderr


def test_json_tells_the_same_to_machines(ask: Run, settings: Settings) -> None:
    with Responder(settings, obey):
        result = ask("rollout", "set-weight", MODEL, "2500", "--json")
    said = json.loads(result.stdout)
    assert said["accepted"] is True
    assert (said["revision"], said["routers_obey"]) == (8, True)


def test_requests_carry_cloudevents_headers(ask: Run, settings: Settings) -> None:
    with Responder(settings, accept) as worker:
        ask("mode", MODEL, "enforce")
    (headers,) = worker.headers
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_id"] == worker.requests[0].request_id.encode()
    assert headers["ce_subject"] == MODEL.encode()


def test_adopt_sends_the_shipped_policy_whole(ask: Run, settings: Settings) -> None:
    with Responder(settings, accept) as worker:
        ask("adopt", MODEL, "v1")
    (request,) = worker.requests
    assert isinstance(request, Adopt)
    assert request.policy == read_yaml(contract_file("config", "policies", "default.yaml"))


def test_every_kind_of_request_reaches_the_topic(ask: Run, settings: Settings) -> None:
    start = ("start", MODEL, "--stable", "v1", "--candidate", "v2", "--weight", "500")
    with Responder(settings, accept) as worker:
        for arguments in (
            ("rollout", *start),
            ("rollout", "promote", MODEL),
            ("rollout", "rollback", MODEL),
            ("defer", MODEL, "a-1", "--minutes", "20", "--reason", "looking"),
        ):
            assert ask(*arguments).exit_code == ExitCode.FINE
    first, *_, last = worker.requests
    assert isinstance(first, StartRollout)
    assert (first.stable, first.candidate, first.weight) == ("v1", "v2", 500)
    assert isinstance(last, Defer)
    assert (last.alert_id, last.minutes, last.reason) == ("a-1", 20, "looking")
    assert [type(row).__name__ for row in worker.requests[1:3]] == ["Promote", "Rollback"]
