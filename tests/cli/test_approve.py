"""What waits for a second person is shown in full, and approved by what was shown."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

import pytest

from headgate.cli.failures import ExitCode
from headgate.config import Settings
from headgate.local.demo import touch_topics
from headgate.vocabulary import Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import encode
from headgate.wire.key_requests import Approve
from headgate.wire.requests import AnyRequest, digest_of_request
from headgate.wire.rollout_requests import Promote
from support.commands import Run
from support.responder import Responder, answer, publish
from support.statuses import MODEL

NOW_MS = time.time_ns() // 1_000_000


def _waiting(request: AnyRequest, until_ms: int = NOW_MS + 86_400_000) -> AuditRecord:
    told = {"type": "promote", "request_id": "r-1", "model": MODEL, "operator": "bob"}
    details = {
        "digest": "not to be believed",
        "until_ms": until_ms,
        "request": {**told, "issued_at_ms": request.issued_at_ms},
    }
    remedy = f"headgate approve {MODEL} {request.request_id}"
    return answer(
        request, "waiting", request_type="promote", remedy=remedy, sentence="Wait.", details=details
    )


ASKED = Promote(request_id="r-1", model=MODEL, operator="bob", issued_at_ms=NOW_MS)


def test_a_request_that_waits_has_an_exit_code_of_its_own_and_says_how_to_approve(
    ask: Run, settings: Settings
) -> None:
    def wait(request: AnyRequest) -> Iterable[AuditRecord]:
        forged = answer(request, "refused", details={"refused_digest": "another"})
        return [forged, _waiting(request)]

    with Responder(settings, wait):
        result = ask("rollout", "promote", MODEL)
    assert result.exit_code == ExitCode.WAITS, result.output
    assert f"To approve it: headgate approve {MODEL} r-" in result.stdout


def test_what_waits_is_listed_until_it_is_answered(ask: Run, settings: Settings) -> None:
    touch_topics(settings)
    replayed = answer(ASKED, "refused", details={"refused_digest": digest_of_request(ASKED)})
    publish(settings, Topic.AUDIT, *((MODEL, encode(row)) for row in (_waiting(ASKED), replayed)))
    listed = ask("requests", MODEL)
    assert listed.exit_code == ExitCode.FINE, listed.output
    assert "r-1" in listed.stdout
    assert "promote by bob" in listed.stdout
    publish(settings, Topic.AUDIT, (MODEL, encode(answer(ASKED))))
    assert "No request waits" in ask("requests").stdout


def test_what_became_of_an_answered_request_is_told_to_who_comes_late(
    ask: Run, settings: Settings
) -> None:
    touch_topics(settings)
    by_ann = {"request_id": "r-2", "details": {"approves": "r-1"}}
    approved = answer(ASKED, sentence="ann approved the promote of bob: Promoted v2.", **by_ann)
    rows = (_waiting(ASKED), answer(ASKED, sentence="Promoted v2."), approved)
    publish(settings, Topic.AUDIT, *((MODEL, encode(row)) for row in rows))
    result = ask("approve", MODEL, "r-1")
    assert result.exit_code == ExitCode.NEGATIVE, result.output
    assert "Refused: r-1 waits no more since " in result.stdout
    assert "UTC: ann approved the promote of bob: Promoted v2." in result.stdout
    assert "Nothing is left to do." in result.stdout


@pytest.mark.parametrize("told", [True, False])
def test_an_expired_request_says_so_to_who_approves_it_late(
    ask: Run, settings: Settings, told: bool
) -> None:
    touch_topics(settings)
    rows = [_waiting(ASKED, until_ms=NOW_MS - 1)]
    if told:
        sentence = "Nobody approved the request of bob in time."
        rows.append(answer(ASKED, "refused", sentence=sentence, remedy="Send it again."))
    publish(settings, Topic.AUDIT, *((MODEL, encode(row)) for row in rows))
    result = ask("approve", MODEL, "r-1")
    assert result.exit_code == ExitCode.NEGATIVE, result.output
    assert "Nobody approved the " in result.stdout
    assert "Instead: Send it again." in result.stdout
    assert json.loads(ask("approve", MODEL, "r-1", "--json").stdout)["accepted"] is False


def test_an_unknown_request_is_answered_with_what_waits(ask: Run, settings: Settings) -> None:
    touch_topics(settings)
    publish(settings, Topic.AUDIT, (MODEL, encode(_waiting(ASKED))))
    for model, name in ((MODEL, "r-9"), ("other", "r-1")):
        result = ask("approve", model, name)
        assert result.exit_code == ExitCode.NEGATIVE, result.output
        assert f"No request {name} of {model} ever waited" in result.stdout
        assert f"Instead: headgate approve {MODEL} r-1" in result.stdout


def test_an_approval_carries_the_digest_of_what_was_shown(ask: Run, settings: Settings) -> None:
    touch_topics(settings)
    publish(settings, Topic.AUDIT, (MODEL, encode(_waiting(ASKED))))
    with Responder(settings, lambda request: [answer(request, sentence="Done.")]) as worker:
        result = ask("approve", MODEL, "r-1", "--operator", "ann")
    assert result.exit_code == ExitCode.FINE, result.output
    (request,) = worker.requests
    assert isinstance(request, Approve)
    assert (request.approves, request.digest) == ("r-1", digest_of_request(ASKED))
