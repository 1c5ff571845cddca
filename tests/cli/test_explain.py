"""`headgate explain`: a decision with its numbers, as a person at night reads it."""

from __future__ import annotations

import json
from typing import Any

from headgate.cli.explain import Decision, decision_lines
from headgate.cli.failures import ExitCode
from headgate.config import Settings
from headgate.vocabulary import Action, Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import encode
from headgate.wire.control import Because, Command, Weight
from support.commands import Run
from support.responder import publish
from support.statuses import AT_MS, MODEL

DECISION = "d-2-1043-9f31c2aa"
SENTENCE = "Error rate 13.38% (stable: 0.90%) over 650 requests is over the limit 5.00%: proven."
PROVEN = {
    "proof": "sequential",
    "metric": "error_rate",
    "candidate": 0.1338,
    "candidate_samples": 650,
    "candidate_hits": 87,
    "stable": 0.009,
    "stable_samples": 5_850,
    "stable_hits": 53,
    "limit": 0.05,
    "e_value": 512.3,
    "e_needed": 400.0,
    "took_ms": 12_500,
    "path": [[1_000, -0.7], [20_000, 2.0], [42_000, 6.24]],
}
THRESHOLD = {"metric": "safety_violations", "candidate": 1.0, "candidate_samples": 90, "limit": 0.0}


def because(evidence: dict[str, Any], trigger: str = "error_rate") -> Because:
    return Because(
        trigger=trigger, verdict="breach", reason="proven", sentence=SENTENCE, evidence=evidence
    )


def audit(event: str = "decision", **fields: Any) -> AuditRecord:
    row: dict[str, Any] = {
        "audit_id": f"x-{event}",
        "model": MODEL,
        "event": event,
        "at_ms": AT_MS,
        "sentence": "Rolled support-agent back from v2 to v1.",
        "decision_id": DECISION,
        "reasons": (because(PROVEN),),
    }
    return AuditRecord(**{**row, **fields})


def command(**fields: Any) -> Command:
    row: dict[str, Any] = {
        "model": MODEL,
        "revision": 7,
        "action": Action.ROLLBACK,
        "weights": (Weight(version="v1", weight=10_000),),
        "salt": "s",
        "decision_id": DECISION,
        "issued_at_ms": AT_MS,
        "from_version": "v2",
        "to_version": "v1",
        "reasons": (because(PROVEN),),
        "rollout_id": "r-0-7",
    }
    return Command(**{**row, **fields})


def put(settings: Settings) -> None:
    other = audit(decision_id="d-0-1-00000000", sentence="Another.")
    recovered = audit("recovered", sentence="Every router obeys.", reasons=(), at_ms=AT_MS + 900)
    rows = (other, audit(), recovered)
    publish(settings, Topic.AUDIT, *((MODEL, encode(row)) for row in rows), (MODEL, b"no json"))
    publish(settings, Topic.CONTROL, (MODEL, encode(command())))


def test_a_decision_is_told_with_both_arms_and_its_evidence(ask: Run, settings: Settings) -> None:
    put(settings)
    result = ask("explain", DECISION)
    assert result.exit_code == ExitCode.FINE, result.output
    words = result.stdout
    assert f"Decision {DECISION} on {MODEL}" in words
    assert "rollback, from v2 to v1: v1 100 %" in words
    assert SENTENCE in words
    assert "candidate  13.38% (87 of 650 requests)" in words
    assert "stable     0.90% (53 of 5,850 requests)" in words
    assert "512 to 1, 400 needed" in words
    assert "took       12.5 s" in words
    assert "needed 400" in words
    assert "█" in words
    assert "Every router obeys." in words
    assert "Another." not in words


def test_explain_as_json_is_what_the_topics_hold(ask: Run, settings: Settings) -> None:
    put(settings)
    found = json.loads(ask("explain", DECISION, "--json").stdout)
    assert [row["event"] for row in found["audit"]] == ["decision", "recovered"]
    assert found["command"]["revision"] == 7
    assert found["reasons"][0]["evidence"] == PROVEN


def test_a_decision_that_nobody_knows_is_no_success(ask: Run, settings: Settings) -> None:
    put(settings)
    result = ask("explain", "d-9-9-ffffffff")
    assert result.exit_code == ExitCode.NEGATIVE
    assert "d-9-9-ffffffff" in result.stderr
    assert "headgate tail audit" in result.stderr


def test_a_threshold_has_numbers_and_no_plot() -> None:
    record = audit(reasons=(because(THRESHOLD, "safety"),))
    lines = decision_lines(Decision(DECISION, (record,), command()))
    assert any("candidate  1 (90 checked answers)" in line for line in lines)
    assert not any("│" in line for line in lines)


def test_a_proof_of_latency_counts_who_was_slower() -> None:
    slow = {**PROVEN, "metric": "latency_p95_ms", "candidate": 0.31, "limit": 1_850.0}
    lines = decision_lines(Decision(DECISION, (audit(reasons=(because(slow),)),), None))
    words = "\n".join(lines)
    assert "candidate  31.00% took longer than the limit (87 of 650 successes)" in words
    assert "limit      1,850 ms" in words
    assert "no longer on control" in words


def test_of_the_watch_over_production_nobody_is_called_a_candidate() -> None:
    role = {"version": "v2", "role": "production"}
    would = audit(details=role, would_have=True)
    for told, sent in (
        (audit(details=role), None),
        (would, None),
        (audit(), command(rollout_id="")),
    ):
        words = "\n".join(decision_lines(Decision(DECISION, (told,), sent)))
        assert "production 13.38% (87 of 650 requests)" in words
        assert "candidate" not in words


def test_what_a_person_asked_for_names_them() -> None:
    record = audit("accepted", operator="ada", operator_reason="wrong prices", reasons=())
    words = "\n".join(decision_lines(Decision(DECISION, (record,), command(reasons=()))))
    assert "asked for by ada: wrong prices" in words
    assert "rests on no trigger" in words


def test_in_observe_mode_it_says_that_it_would_have() -> None:
    lines = decision_lines(Decision(DECISION, (audit(would_have=True),), None))
    assert any("it would have" in line for line in lines)
