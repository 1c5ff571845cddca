"""Statuses of one model at a fixed moment, as renderers and commands see them."""

from __future__ import annotations

from typing import Any

from headgate.vocabulary import AlertKind, AlertState, Mode, RolloutKind, Severity, Verdict
from headgate.wire.alerts import Alert
from headgate.wire.control import Because, Weight
from headgate.wire.status import (
    CheckStatus,
    LackingProof,
    ModelStatus,
    RolloutStatus,
    RouterStatus,
    TriggerStatus,
    VersionStatus,
    WindowRow,
)

MODEL = "support-agent"
AT_MS = 1_767_225_600_000
DAY_MS = 86_400_000
ALERT_ID = "a-2-1043-rating"
LACKS = "rating: evidence 3.2 of 20, about 1,200 more ratings"


def window(window_s: int = 60, **fields: Any) -> WindowRow:
    """A window with plausible numbers."""
    row: dict[str, Any] = {
        "window_s": window_s,
        "outcomes": 6_100,
        "requests": 6_000,
        "requests_per_s": 6_000 / window_s if window_s else None,
        "errors": 30,
        "error_rate": 0.005,
        "latency_p50_ms": 801.0,
        "latency_p95_ms": 1_434.0,
        "rating_mean": 4.25,
        "ratings": 900,
        "hallucination_rate": 0.0061,
        "cost_mean_usd": 0.00132,
    }
    return WindowRow(**{**row, **fields})


def trigger(name: str, verdict: Verdict, sentence: str = "", **fields: Any) -> TriggerStatus:
    """One trigger's verdict; without a sentence it says its own name."""
    because = Because(
        trigger=name, verdict=str(verdict), reason="r", sentence=sentence or f"About {name}."
    )
    row: dict[str, Any] = {"trigger": name, "severity": "critical", "verdict": verdict}
    return TriggerStatus(**{**row, "because": because, **fields})


def router(router_id: str = "r-1", revision: int = 7, *, live: bool = True) -> RouterStatus:
    """A router that was heard at `AT_MS`."""
    return RouterStatus(router_id=router_id, revision=revision, heard_ms=AT_MS, live=live)


def alert(**fields: Any) -> Alert:
    """A firing breach of the rating with 12 minutes left."""
    row: dict[str, Any] = {
        "alert_id": ALERT_ID,
        "kind": AlertKind.BREACH,
        "state": AlertState.FIRING,
        "severity": Severity.CRITICAL,
        "model": MODEL,
        "sentence": "Mean rating 3.10 is under the limit 3.50.",
        "runbook": "docs/operations.md#breach",
        "at_ms": AT_MS - 180_000,
        "trigger": "rating",
        "deadline_ms": AT_MS + 720_000,
        "commands": (
            f"headgate status {MODEL}",
            f"headgate rollout rollback {MODEL} --version v2 --reason 'alert {ALERT_ID}'",
            f"headgate defer {MODEL} {ALERT_ID} --minutes 30 --reason '...'",
        ),
    }
    return Alert(**{**row, **fields})


CAN = (
    f"headgate rollout rollback {MODEL} --version v2 --reason '...'",
    f"headgate rollout pause {MODEL}",
    f"headgate rollout skip {MODEL} --reason '...'",
    f"headgate rollout set-weight {MODEL} BASIS_POINTS",
    f"headgate rollout promote {MODEL}",
)


def rollout(**fields: Any) -> RolloutStatus:
    """A canary of v2 in the second of three steps, three of seven days of its hold passed."""
    row: dict[str, Any] = {
        "rollout_id": "r-2-99",
        "kind": RolloutKind.CANARY,
        "stable": "v1",
        "candidate": "v2",
        "weight": 2_500,
        "started_ms": AT_MS - 10 * DAY_MS,
        "place": "step 2 of 3, 25 %",
        "steps": tuple(Weight(version="v2", weight=weight) for weight in (500, 2_500, 5_000)),
        "step": 2,
        "since_ms": AT_MS - 3 * DAY_MS,
        "hold_until_ms": AT_MS + 4 * DAY_MS,
        "max_hold_until_ms": AT_MS + 11 * DAY_MS,
        "lacking": (LackingProof(trigger="rating", sentence=LACKS, more=1_200, unit="ratings"),),
        "next": "50 % of the traffic, once it is proven good.",
        "next_at_ms": AT_MS + 4 * DAY_MS,
        "can": CAN,
    }
    return RolloutStatus(**{**row, **fields})


def blue_green(**fields: Any) -> RolloutStatus:
    """A blue-green rollout of v2 before its cutover: one check passed, one failed, one not told."""
    checks = (
        CheckStatus(check="smoke", version="v2", passed=True, at_ms=AT_MS - 180_000),
        CheckStatus(check="schema", version="v2", passed=False, at_ms=AT_MS, detail="no answer"),
        CheckStatus(check="ready", version="v1"),
    )
    row: dict[str, Any] = {
        "kind": RolloutKind.BLUE_GREEN,
        "weight": 0,
        "place": "checks, green takes nothing yet",
        "steps": (),
        "step": 0,
        "since_ms": None,
        "hold_until_ms": None,
        "checks": checks,
        "next": "The cutover, once these are mended: schema failed (no answer).",
        "next_at_ms": None,
    }
    return rollout(**{**row, **fields})


def canary(**fields: Any) -> ModelStatus:
    """v2 takes 25 % beside v1, and all is well."""
    row: dict[str, Any] = {
        "model": MODEL,
        "at_ms": AT_MS,
        "revision": 7,
        "mode": Mode.ENFORCE,
        "fresh": True,
        "policy": "default",
        "production": "v1",
        "weights": (Weight(version="v2", weight=2_500), Weight(version="v1", weight=7_500)),
        "rollout": rollout(),
        "can": CAN,
        "versions": (
            VersionStatus(
                version="v1",
                role="stable",
                lifecycle="production",
                weight=7_500,
                windows=(window(), window(300), window(0, requests=54_321)),
            ),
            VersionStatus(
                version="v2",
                role="candidate",
                lifecycle="candidate",
                weight=2_500,
                windows=(window(latency_p95_ms=1_999.0), window(300), window(0)),
            ),
        ),
        "triggers": (trigger("error_rate", Verdict.OK), trigger("rating", Verdict.OK)),
        "routers": (router(),),
    }
    return ModelStatus(**{**row, **fields})


def breached(**fields: Any) -> ModelStatus:
    """The same with a bad rating that leads to a rollback in 12 minutes."""
    row: dict[str, Any] = {
        "triggers": (
            trigger("error_rate", Verdict.OK),
            trigger(
                "rating",
                Verdict.BREACH,
                "Mean rating 3.10 is under the limit 3.50.",
                deadline_ms=AT_MS + 720_000,
            ),
            trigger("cost", Verdict.UNKNOWN, severity="warning"),
        ),
        "alerts": (alert(),),
    }
    return canary(**{**row, **fields})
