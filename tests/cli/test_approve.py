"""What waits for a second person is shown in full, and approved by what was shown."""

from __future__ import annotations

import time
from collections.abc import Iterable

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


def _waiting(request: AnyRequest) -> AuditRecord:
    told = {"type": "promote", "request_id": "r-1", "model": MODEL, "operator": "bob"}
    details = {
        "digest": "not to be believed",
        "until_ms": NOW_MS + 86_400_000,
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
    assert ask("approve", MODEL, "r-1").exit_code == ExitCode.USAGE


def test_an_approval_carries_the_digest_of_what_was_shown(ask: Run, settings: Settings) -> None:
    touch_topics(settings)
    publish(settings, Topic.AUDIT, (MODEL, encode(_waiting(ASKED))))
    with Responder(settings, lambda request: [answer(request, sentence="Done.")]) as worker:
        result = ask("approve", MODEL, "r-1", "--operator", "ann")
    assert result.exit_code == ExitCode.FINE, result.output
    (request,) = worker.requests
    assert isinstance(request, Approve)
    assert (request.approves, request.digest) == ("r-1", digest_of_request(ASKED))
