"""Rollouts of a kind on a ledger in memory, with holds of seconds instead of weeks."""

from __future__ import annotations

from typing import Any

from headgate.vocabulary import RolloutKind
from headgate.wire.audit import AuditRecord
from headgate.wire.reports import TestCriterion
from headgate.wire.rollout_requests import AskedArm
from support.ledger import LedgerBench, Traffic, policy_content

GOOD = Traffic(requests=60, error_rate=0.02)
BAD = Traffic(requests=60, error_rate=0.3)

RATING = TestCriterion(metric="rating_mean", better="higher", matters=0.05)
ERRORS = TestCriterion(metric="error_rate", better="lower", matters=0.5)

QUICK: dict[str, Any] = {
    "canary": {
        "steps": [{"weight": 1000, "hold": "1m"}, {"weight": 5000, "hold": "2m"}],
        "pause_when_unknown": "2m",
    },
    "blue_green": {"checks": ["answers", "schema"], "watch": "30s", "keep_blue": "2m"},
}


def quick_policy(**sections: Any) -> dict[str, Any]:
    """The default policy with quick holds; `sections` add to or replace parts of it."""
    content = {**policy_content(), **QUICK}
    for name, section in sections.items():
        known = content.get(name)
        content[name] = {**known, **section} if isinstance(known, dict) else section
    return content


def adopted(**sections: Any) -> LedgerBench:
    """v1 in production, heard for half a minute."""
    bench = LedgerBench()
    bench.adopt(quick_policy(**sections))
    bench.serve(30, v1=GOOD)
    return bench


def start_canary(bench: LedgerBench, candidate: str = "v2", **fields: Any) -> AuditRecord:
    """Ask for a canary beside v1."""
    return bench.start(0, candidate, kind=RolloutKind.CANARY, **fields)


def start_blue_green(bench: LedgerBench, candidate: str = "v2", **fields: Any) -> AuditRecord:
    """Ask for a blue-green rollout beside v1."""
    return bench.start(0, candidate, kind=RolloutKind.BLUE_GREEN, **fields)


def start_ab(bench: LedgerBench, *arms: tuple[str, int], **fields: Any) -> AuditRecord:
    """Ask for an A/B test of arms and their basis points, the last of them stable."""
    rows = tuple(AskedArm(version=name, weight=weight) for name, weight in arms)
    asked = {"arms": rows, "criteria": (RATING, ERRORS), "stable": arms[-1][0], **fields}
    return bench.start(0, arms[0][0], kind=RolloutKind.AB, **asked)


def weights(bench: LedgerBench) -> list[dict[str, int]]:
    """Every split that was commanded, in order."""
    return [{row.version: row.weight for row in command.weights} for command in bench.commands]
