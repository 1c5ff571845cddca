"""Canary: step by step to all of the traffic, each step's hold passed and its proof given."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.courses import is_everything, steps_problem
from headgate.judge.policy import Policy
from headgate.release.courses import comparing
from headgate.release.courses.course import Canary, Stay
from headgate.release.courses.going_on import complete, share, widen, with_course
from headgate.release.refusals import RefusedError
from headgate.release.splits import next_revision, shared
from headgate.release.state import ModelState, Rollout
from headgate.release.turn import Turn
from headgate.wire.control import Weight
from headgate.wire.rollout_requests import StartRollout, Step

_NOBODY = "one of the arms takes nothing, so that there is nobody to compare with"


def steps_of(policy: Policy, request: StartRollout) -> tuple[Step, ...]:
    """The steps of a new canary. Raises `RefusedError`."""
    steps = request.steps or tuple(row.step() for row in policy.canary.steps)
    problem = steps_problem(steps)
    if problem:
        raise RefusedError(
            f"The steps do not hold together: {problem}.",
            "Give steps that rise, with a hold each, such as --steps 5%:1w,50%:1w:review.",
        )
    return steps


def stay_at(
    state: ModelState,
    policy: Policy,
    step: Step,
    weights: tuple[Weight, ...],
    now_ms: int,
    *,
    first_revision: int | None = None,
) -> Stay:
    """A stay that begins under the next split, unless another one is the first; with a review where
    the step asks for one.
    """
    stay = Stay(step=step, since_ms=now_ms)
    if not step.review or not all(row.weight for row in weights):
        return stay
    first = next_revision(state) if first_revision is None else first_revision
    review = comparing.begin(state, policy, weights, first_revision=first, now_ms=now_ms)
    return replace(stay, review=review)


def next_step(course: Canary) -> Step | None:
    """The step after this one; None before promotion."""
    return course.steps[course.at + 1] if course.at + 1 < len(course.steps) else None


def weight_at(step: Step, rollout: Rollout) -> int:
    """What a step to come gives the candidate, in basis points: never less than there is."""
    return max(step.weight, rollout.weight)


def completes(course: Canary) -> bool:
    """Whether what comes next is promotion."""
    return next_step(course) is None


def go_on(
    turn: Turn,
    state: ModelState,
    policy: Policy,
    course: Canary,
    *,
    operator: str = "",
    why: str,
) -> ModelState:
    """To the next step, or from the last one to promotion."""
    step, rollout = next_step(course), state.rollout
    if step is None or rollout is None:
        return complete(turn, state, policy, operator=operator, why=why)
    weights = shared(rollout.candidate, rollout.stable, weight_at(step, rollout))
    stay = stay_at(state, policy, step, weights, turn.now_ms)
    there = replace(course, at=course.at + 1, stay=stay)
    return widen(turn, state, policy, there, operator=operator, why=why)


def check_is_no_promotion(state: ModelState, weight: int) -> None:
    """Raises `RefusedError` where a weight by hand would leave stable next to nothing before its
    step does: a promotion in all but name, past its proofs, its review and a second person.
    """
    rollout = state.rollout
    if rollout is None or not isinstance(rollout.course, Canary):
        return
    step = rollout.course.stay.step
    if weight <= step.weight or not is_everything(weight):
        return
    over = ", and its review would be passed over" if step.review else ""
    raise RefusedError(
        f"At {share(weight)} {rollout.candidate} would be promoted in all but name{over}.",
        f"headgate rollout promote {state.model}, or give it less",
    )


def with_new_review(
    state: ModelState,
    policy: Policy,
    weight: int,
    now_ms: int,
    *,
    first_revision: int | None = None,
) -> ModelState:
    """Within a step its review begins anew: before another share is given, because what is counted
    under different splits can't be pooled, or under the same one, because it was void. Where an
    arm takes nothing it is void until another share is given.
    """
    rollout = state.rollout
    if rollout is None or not isinstance(rollout.course, Canary):
        return state
    course = rollout.course
    weights = shared(rollout.candidate, rollout.stable, weight)
    step = course.stay.step
    anew = stay_at(state, policy, step, weights, now_ms, first_revision=first_revision)
    review = anew.review
    if review is None and course.stay.review is not None:
        review = replace(course.stay.review, void=_NOBODY)
    return with_course(state, replace(course, stay=replace(course.stay, review=review)))


def place(course: Canary, weight: int) -> str:
    """Where it stands, in words; `weight` is what the candidate has."""
    at, planned = f"step {course.at + 1} of {len(course.steps)}", course.stay.step.weight
    if weight == planned:
        return f"{at}, {share(planned)}"
    return f"{at} ({share(planned)}), at {share(weight)} by hand"
