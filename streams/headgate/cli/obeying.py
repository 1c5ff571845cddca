"""After a command: do the routers obey it, how many, how fast; and who does not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.cli.reading import TopicFollower, audit_records, latest_statuses
from headgate.config import Settings
from headgate.wire.audit import AuditRecord
from headgate.wire.status import RouterStatus

FIRST_S = 2.0


@dataclass(frozen=True, slots=True)
class Obedience:
    """Whether every live router obeys, in a sentence."""

    complete: bool
    sentence: str


def await_obedience(
    settings: Settings,
    audit: TopicFollower,
    heard: list[AuditRecord],
    accepted: AuditRecord,
    timeout_s: float,
) -> Obedience:
    """Wait until every live router obeys an accepted request's decision, `timeout_s` at most.

    Where no router lives there is nobody to wait for: it ends after 2 s.
    """
    found = _recovery(audit, heard, accepted.decision_id, min(FIRST_S, timeout_s))
    if found is None and _live_routers(settings, accepted.model):
        found = _recovery(audit, heard, accepted.decision_id, max(0.0, timeout_s - FIRST_S))
    if found is not None:
        return Obedience(True, found.sentence)
    routers = _live_routers(settings, accepted.model)
    return Obedience(False, waiting_words(routers, accepted.model, accepted.revision or 0))


def _recovery(
    audit: TopicFollower, heard: list[AuditRecord], decision_id: str, timeout_s: float
) -> AuditRecord | None:
    """The record that says so; `heard` holds what has been read and not looked at yet."""
    deadline = time.monotonic() + timeout_s
    while True:
        for record in heard:
            if record.decision_id == decision_id and record.event == "recovered":
                return record
        if time.monotonic() >= deadline:
            return None
        heard[:] = audit_records(audit)


def _live_routers(settings: Settings, model: str) -> list[RouterStatus]:
    status = latest_statuses(settings).get(model)
    return [router for router in status.routers if router.live] if status else []


def waiting_words(live: Sequence[RouterStatus], model: str, revision: int) -> str:
    """Who has not acknowledged `revision` yet."""
    if not live:
        return (
            f"No router has acknowledged revision {revision} yet: none is heard for {model}. "
            "The newest split waits on the control topic for those that start."
        )
    behind = sorted(router.router_id for router in live if router.revision < revision)
    return (
        f"{len(live) - len(behind)} of {len(live)} live routers obey revision {revision}; "
        f"not yet: {', '.join(behind) or 'none, but that is not on record yet'}. "
        f"See: headgate status {model}"
    )
