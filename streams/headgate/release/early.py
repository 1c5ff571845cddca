"""Early: which request would promote before its time, so that it takes a second person."""

from __future__ import annotations

from headgate.judge.courses import is_everything
from headgate.judge.policy import Policy
from headgate.judge.promoting import Promotion
from headgate.judge.sequential.state import Evidence
from headgate.release import looking
from headgate.release.courses import blue_green, canary, stays
from headgate.release.courses.course import BlueGreen, Canary, Experiment
from headgate.release.courses.following import WAYS
from headgate.release.courses.reviewing import objection_of
from headgate.release.freshness import Blindness
from headgate.release.state import ModelState
from headgate.release.watched import evidence_of
from headgate.vocabulary import AbVerdict
from headgate.wire.requests import AnyRequest
from headgate.wire.rollout_requests import Advance, SetWeight, Skip


def completes(state: ModelState, request: AnyRequest) -> bool:
    """Whether a request to go on would promote, because what comes next is promotion, or a share
    that leaves stable next to nothing: a canary's step, or one by hand.
    """
    rollout = state.rollout
    if rollout is None:
        return False
    course = rollout.course
    if isinstance(request, SetWeight):
        return course is None and is_everything(request.weight) and request.weight > rollout.weight
    if type(course) not in WAYS or not isinstance(request, Advance | Skip):
        return False
    step = canary.next_step(course) if isinstance(course, Canary) else None
    leaves_nothing = step is not None and is_everything(step.weight)
    return leaves_nothing or WAYS[type(course)].completes(course)


def is_early(state: ModelState, policy: Policy, winner: str, now_ms: int, blind: Blindness) -> bool:
    """Whether a promotion skips what is still to be proven, what cannot be known now, or what the
    course still asks for; `winner` is a test's.
    """
    rollout = state.rollout
    if rollout is None or policy.canary.early_promotion == "allowed":
        return False
    course, evidence = rollout.course, evidence_of(state)
    if isinstance(course, Experiment):
        whole = course.comparing.test.decided
        won = whole is not None and whole.verdict is AbVerdict.WINNER and not course.comparing.void
        return not won or whole is None or winner not in whole.leaders
    if (
        evidence is None
        or blind.sentence
        or not _is_at_its_end(policy, rollout.candidate, course, now_ms)
    ):
        return True
    return not proof_now(state, policy, evidence, now_ms).proven


def _is_at_its_end(
    policy: Policy, candidate: str, course: Canary | BlueGreen | None, now_ms: int
) -> bool:
    """Whether the course asks for nothing but the proof any more; by hand there is none."""
    if course is None:
        return True
    stay, ends = course.stay, WAYS[type(course)].completes(course)
    if stay is None or not ends or stay.unknown_since_ms is not None:
        return False
    held = now_ms - stay.since_ms >= stay.step.hold_ms
    against = blue_green.failing(policy.blue_green, course) or objection_of(stay.review, candidate)
    return held and not against


def proof_now(state: ModelState, policy: Policy, evidence: Evidence, now_ms: int) -> Promotion:
    """What is proven of the candidate at this moment; while nothing is known, the stay says so."""
    judged = looking.judge(state, now_ms, Blindness())
    return stays.proof_of(state, evidence, looking.of_candidate(state, policy, judged))
