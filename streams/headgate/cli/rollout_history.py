"""A model's rollouts as its audit records tell them: each with its steps and how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from headgate.vocabulary import Status
from headgate.wire.audit import AuditRecord

RUNNING, PROMOTED, ROLLED_BACK = "running", "promoted", "rolled back"
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
_HAPPENS = frozenset({"decision", "incident_opened", "recovery_missed", "safety_violation"})


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
    """One rollout from its start to its end; `outcome` is running, promoted or rolled back.

    `decision_id` names the decision that ended it.
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
        return
    last.events += [_event(row) for row in rows if _is_told(row)]
    outcome = _outcome(last.candidate, rows)
    if outcome:
        last.outcome, last.ended_ms = outcome, rows[-1].at_ms
        last.decision_id = next((row.decision_id for row in rows if row.decision_id), "")
        last.ended_by = next((row.operator for row in rows if row.event in _ANSWERS), "headgate")


def _begun(row: AuditRecord, place: str) -> RolloutHistory:
    details = row.details
    return RolloutHistory(
        rollout_id=str(details.get("rollout_id", f"r-{place}")),
        kind=str(details.get("kind", "")),
        candidate=str(details.get("candidate", "")),
        stable=str(details.get("stable", "")),
        started_ms=row.at_ms,
    )


def _is_told(row: AuditRecord) -> bool:
    if row.event in _ANSWERS:
        return row.request_type in _ABOUT_ROLLOUTS
    return row.event in _HAPPENS


def _outcome(candidate: str, rows: Iterable[AuditRecord]) -> str:
    """How a ledger entry ended the rollout, told by where it brought the candidate; else empty."""
    after = {
        row.details.get("after")
        for row in rows
        if row.event == "status_changed" and row.details.get("version") == candidate
    }
    if Status.PRODUCTION in after:
        return PROMOTED
    return ROLLED_BACK if after & {Status.STAGING, Status.DEPRECATED} else ""


def _event(row: AuditRecord) -> Event:
    before, after = row.details.get("before"), row.details.get("after")
    moved = isinstance(after, int) and before != after
    return Event(
        at_ms=row.at_ms,
        event=row.event,
        who=row.operator or "headgate",
        sentence=row.sentence,
        why=row.operator_reason,
        decision_id=row.decision_id,
        after=after if moved else None,
    )
