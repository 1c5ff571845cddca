"""Canary: step by step to all of the traffic, each step's hold passed and its proof given."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.courses import steps_problem
from headgate.judge.policy import Policy
from headgate.release.courses.course import Canary, Stay
from headgate.release.courses.going_on import complete, share, widen
from headgate.release.refusals import RefusedError
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.wire.requests import StartRollout, Step


def course_of(policy: Policy, request: StartRollout, now_ms: int) -> tuple[Canary, int]:
    """The course of a new canary and its first weight. Raises `RefusedError`."""
    steps = request.steps or tuple(row.step() for row in policy.canary.steps)
    problem = steps_problem(steps)
    if problem:
        raise RefusedError(f"The steps do not hold together: {problem}.", "Mend them.")
    return Canary(steps=steps, stay=Stay(step=steps[0], since_ms=now_ms)), steps[0].weight


def next_step(course: Canary) -> Step | None:
    """The step after this one; None before promotion."""
    return course.steps[course.at + 1] if course.at + 1 < len(course.steps) else None


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
    step = next_step(course)
    if step is None:
        return complete(turn, state, policy, operator=operator, why=why)
    stay = Stay(step=step, since_ms=turn.now_ms)
    there = replace(course, at=course.at + 1, stay=stay)
    return widen(turn, state, policy, there, operator=operator, why=why)


def place(course: Canary) -> str:
    """Where it stands, in words."""
    return f"step {course.at + 1} of {len(course.steps)}, {share(course.stay.step.weight)}"
