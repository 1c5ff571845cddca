"""A model's rollouts as its audit records tell them: each with its steps and how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from headgate.wire.audit import AuditRecord

RUNNING, PROMOTED, ROLLED_BACK, STOPPED = "running", "promoted", "rolled back", "stopped"
_STARTS = "start_rollout"
_ABOUT_ROLLOUTS = frozenset(
    {
        _STARTS,
        "set_weight",
        "pause",
        "resume",
        "advance",
        "skip",
        "report_check",
        "stop_test",
        "promote",
        "rollback",
        "defer",
        "end_hold",
        "set_mode",
        "apply_policy",
        "approve",
    }
)
_ANSWERS = frozenset({"accepted", "refused", "waiting"})
_HAPPENS = frozenset(
    {
        "decision",
        "incident_opened",
        "recovery_missed",
        "reviewed",
        "safety_violation",
        "test_decided",
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a rollout: when, by whom, what and why."""

    at_ms: int
    event: str
    who: str
    sentence: str
    why: str = ""
    decision_id: str = ""
    after: int | None = None


@dataclass(slots=True)
class RolloutHistory:
    """One rollout from its start to its end; `outcome` is running, promoted, rolled back, or (an
    A/B test without a winner) stopped.

    `arms` are the versions on trial, of a test all of them, and `candidate` is the first one.
    `decision_id` names the decision that ended it. `promoted` is the version that it brought into
    production; `reverted_*` say when, by whom and by which decision that was rolled back later.
    """

    rollout_id: str
    kind: str
    candidate: str
    stable: str
    started_ms: int
    outcome: str = RUNNING
    ended_ms: int | None = None
    ended_by: str = ""
    decision_id: str = ""
    promoted: str = ""
    reverted_ms: int | None = None
    reverted_by: str = ""
    reverted_decision: str = ""
    arms: tuple[str, ...] = ()
    events: list[Event] = field(default_factory=list)


def histories(records: Iterable[AuditRecord], model: str) -> list[RolloutHistory]:
    """Every rollout of a model, the oldest first; a record that came twice counts once."""
    mine = {row.audit_id: row for row in records if row.model == model}
    rows = sorted(mine.values(), key=lambda row: (row.sequence, row.at_ms))
    found: list[RolloutHistory] = []
    for place, group in groupby(rows, key=_place):
        _take(found, place, list(group))
    return found


def _place(row: AuditRecord) -> str:
    """The ledger entry that a record came of: what one entry does happens at once."""
    return row.audit_id.removeprefix("audit-").rpartition("-")[0]


def _take(found: list[RolloutHistory], place: str, rows: list[AuditRecord]) -> None:
    """Add what one ledger entry did to the rollout that it belongs to."""
    for row in rows:
        if row.event == "accepted" and row.request_type == _STARTS:
            found.append(_begun(row, place))
    if not found:
        return
    last = found[-1]
    if last.outcome != RUNNING:
        last.events += [_event(row) for row in rows if row.event == "scale_down"]
        _revert(found, rows)
        return
    last.events += [_event(row, last.candidate) for row in rows if _is_told(row)]
    ending = next((row for row in rows if "rollout" in row.before and not _rollout(row)), None)
    if ending is not None:
        last.outcome, last.ended_ms = _outcome(ending), ending.at_ms
        last.decision_id, last.ended_by = ending.decision_id, ending.operator or "headgate"
        last.promoted = ending.after["production"] if last.outcome == PROMOTED else ""


def _revert(found: list[RolloutHistory], rows: list[AuditRecord]) -> None:
    """Tell the rollout that promoted a version that the version was taken back."""
    for row in rows:
        bad = row.before.get("production", "")
        of_it = [rollout for rollout in found if bad and rollout.promoted == bad]
        if of_it and row.after.get(f"versions.{bad}", {}).get("rolled_back"):
            rollout = of_it[-1]
            rollout.reverted_ms, rollout.reverted_by = row.at_ms, row.operator or "headgate"
            rollout.reverted_decision = row.decision_id
            rollout.events += [_event(told, bad) for told in rows if _is_told(told)]
            return


def _rollout(row: AuditRecord) -> dict[str, Any]:
    """The rollout that runs after what a record tells of; empty where none does."""
    found: dict[str, Any] = row.after.get("rollout", {})
    return found


def _begun(row: AuditRecord, place: str) -> RolloutHistory:
    rollout = _rollout(row)
    candidate, stable = str(rollout.get("candidate", "")), str(rollout.get("stable", ""))
    others = (name for name in row.after.get("weights", {}) if name not in {candidate, stable})
    return RolloutHistory(
        rollout_id=str(rollout.get("rollout_id", f"r-{place}")),
        kind=str(rollout.get("kind", "")),
        candidate=candidate,
        stable=stable,
        started_ms=row.at_ms,
        arms=(candidate, *others),
    )


def _is_told(row: AuditRecord) -> bool:
    if row.event in _ANSWERS:
        return row.request_type in _ABOUT_ROLLOUTS
    return row.event in _HAPPENS


def _outcome(ending: AuditRecord) -> str:
    """How a rollout ended, by what the record of its end changed: who was promoted had a share of
    the split, and who is gone back to instead of stable had none.
    """
    if ending.after.get("production") in ending.before.get("weights", {}):
        return PROMOTED
    return STOPPED if ending.request_type == "stop_test" else ROLLED_BACK


def _event(row: AuditRecord, candidate: str = "") -> Event:
    before, after = (_weight(facts, candidate) for facts in (row.before, row.after))
    return Event(
        at_ms=row.at_ms,
        event=row.event,
        who=row.operator or "headgate",
        sentence=row.sentence,
        why=row.operator_reason,
        decision_id=row.decision_id,
        after=after if before != after else None,
    )


def _weight(facts: dict[str, Any], version: str) -> int:
    weight: int = facts.get("weights", {}).get(version, 0)
    return weight
