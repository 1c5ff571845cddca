"""The review at the end of a canary's step: both arms compared, and what speaks against it."""

from __future__ import annotations

from headgate.judge.policy import Policy
from headgate.release.courses import comparing
from headgate.release.courses.course import Comparing
from headgate.release.state import ModelState
from headgate.release.turn import Turn


def reviewed(turn: Turn, state: ModelState, policy: Policy) -> tuple[ModelState, str]:
    """The state with the review written to audit, and why a person must look at it; empty where
    nothing speaks against going on, or the step asks for no review.
    """
    known, rollout = comparing.of_rollout(state), state.rollout
    if known is None or rollout is None:
        return state, ""
    now = comparing.read(known, policy.caller_faults.rules(), turn.now_ms)
    state = comparing.with_comparing(state, now)
    objection = objection_of(now, rollout.candidate)
    rows = now.report.pairs if now.report is not None else ()
    whole = f" {now.report.sentence}" if now.report is not None and not now.void else ""
    turn.audit(
        state.model,
        "reviewed",
        f"Review of {rollout.candidate} beside {rollout.stable}: "
        f"{objection or 'nothing speaks against it'}.{whole}",
        details={
            "rollout_id": rollout.rollout_id,
            "requests": now.report.requests if now.report is not None else 0,
            "comparisons": [row.sentence for row in rows],
        },
    )
    return state, objection


def objection_of(review: Comparing | None, candidate: str) -> str:
    """Why a person must look at a review, by what it has settled so far; empty where nothing speaks
    against going on, or there is none.
    """
    if review is None:
        return ""
    if review.void:
        return f"its review proves nothing: {review.void}"
    against = comparing.worse(review, candidate)
    return f"its review speaks against it: {' '.join(against)}".rstrip(".") if against else ""
