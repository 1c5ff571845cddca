"""A stay at one weight: how long it lasts, what it waits for, and when it may end.

It ends when its hold has passed and every required metric is proven good. Without proof until
`max_hold` it waits for a person. A required metric that stays unknown pauses the rollout.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from headgate.judge.calendar import closed_because
from headgate.judge.durations import say_duration
from headgate.judge.policy import Policy, Trigger
from headgate.judge.promoting import Promotion, is_required, promotion
from headgate.judge.sequential.state import Evidence
from headgate.release.courses.brakes import forbidding
from headgate.release.courses.course import Stay
from headgate.release.courses.safety import safely_checked
from headgate.release.judging import Judged
from headgate.release.state import ModelState
from headgate.vocabulary import Verdict


class Outlook(Struct, frozen=True):
    """What one look says of a stay.

    `ended` when it may end now. `waits` is why it waits for a person from now on, `unknown` which
    required metric has been unknown for too long; both are empty otherwise.
    """

    stay: Stay
    ended: bool = False
    waits: str = ""
    unknown: str = ""
    promotion: Promotion | None = None


def proof_of(state: ModelState, evidence: Evidence, judged: Judged) -> Promotion:
    """Whether everything that the policy requires of the candidate is proven good now."""
    checked, said = safely_checked(state), judged.assessments
    return promotion(judged.policy, evidence, safety_checked=checked, assessments=said)


def look_at(
    state: ModelState,
    stay: Stay,
    evidence: Evidence,
    judged: Judged,
    *,
    early: bool,
    now_ms: int,
) -> Outlook:
    """One look at a stay that is not paused."""
    unknown_now = _unknown(judged, evidence)
    stay = _with_unknown(stay, unknown_now, now_ms)
    elapsed_ms = now_ms - stay.since_ms
    if stay.waits:
        return Outlook(stay)
    unknown = _unknown_for_too_long(judged.policy, stay, unknown_now, now_ms)
    if unknown:
        return Outlook(stay, unknown=unknown)
    if elapsed_ms < stay.step.hold_ms and not early:
        return Outlook(stay)
    proof = proof_of(state, evidence, judged)
    incident = forbidding(state)
    if proof.proven and incident is None and stay.unknown_since_ms is None and not judged.blind:
        closed = closed_because(judged.policy.calendar, now_ms)
        return Outlook(stay, ended=not closed, promotion=proof)
    if elapsed_ms < stay.step.max_hold_ms:
        return Outlook(stay, promotion=proof)
    lacks = proof.sentence or (incident.sentence if incident else "telemetry is unknown")
    said = say_duration(stay.step.max_hold_ms)
    return Outlook(stay, waits=f"not proven good within {said}: {lacks}", promotion=proof)


def _with_unknown(stay: Stay, unknown: list[str], now_ms: int) -> Stay:
    if not unknown:
        return stay if stay.unknown_since_ms is None else replace(stay, unknown_since_ms=None)
    return replace(stay, unknown_since_ms=now_ms) if stay.unknown_since_ms is None else stay


def _unknown(judged: Judged, evidence: Evidence) -> list[str]:
    """The required metrics of which nothing can be said now."""
    policy, unknown = judged.policy, Verdict.UNKNOWN
    return [
        trigger.name
        for trigger in _to_be_proven(policy)
        if (seen := judged.assessments.get(trigger.name)) is not None
        and seen.verdict is unknown
        and is_required(policy, trigger, evidence)
    ]


@lru_cache(maxsize=512)
def _to_be_proven(policy: Policy) -> tuple[Trigger, ...]:
    return tuple(trigger for trigger in policy.triggers if trigger.proven_good != "no")


def _unknown_for_too_long(policy: Policy, stay: Stay, unknown: list[str], now_ms: int) -> str:
    limit_ms = policy.canary.pause_when_unknown
    if stay.unknown_since_ms is None or not limit_ms or now_ms - stay.unknown_since_ms < limit_ms:
        return ""
    return f"{', '.join(unknown)} unknown for {say_duration(limit_ms)}"
