"""Starting: what a request to start a rollout asks for, by kind."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from headgate.judge.policy import Policy
from headgate.release.courses import canary
from headgate.release.courses.course import BlueGreen, Course
from headgate.release.courses.going_on import share
from headgate.release.refusals import RefusedError
from headgate.vocabulary import RolloutKind
from headgate.wire.requests import StartRollout


class Plan(Struct, frozen=True):
    """The course of a new rollout, the candidate's first weight, and both in words."""

    course: Course | None
    weight: int
    sentence: str


def plan_of(policy: Policy, request: StartRollout, now_ms: int) -> Plan:
    """What the request asks for. Raises `RefusedError` where its parts don't go together."""
    for field, kind in _OF_ONE_KIND.items():
        if getattr(request, field) and request.kind is not kind:
            raise RefusedError(
                f"A {request.kind} rollout has no {field}.",
                f"Leave {field} out, or start a rollout of kind {kind}.",
            )
    return _PLANS[request.kind](policy, request, now_ms)


def _manual(_: Policy, request: StartRollout, now_ms: int) -> Plan:
    return Plan(
        None,
        request.weight,
        f"{request.candidate} takes {share(request.weight)} of {request.model}, "
        f"{request.stable} the rest.",
    )


def _canary(policy: Policy, request: StartRollout, now_ms: int) -> Plan:
    course, weight = canary.course_of(policy, request, now_ms)
    steps = ", then ".join(share(step.weight) for step in course.steps)
    return Plan(
        course,
        weight,
        f"{request.candidate} takes {steps} of {request.model} as it is proven good, "
        f"{request.stable} the rest.",
    )


def _blue_green(policy: Policy, request: StartRollout, now_ms: int) -> Plan:
    checks = ", ".join(policy.blue_green.checks) or "nothing"
    return Plan(
        BlueGreen(),
        0,
        f"{request.candidate} is green and takes nothing of {request.model} yet; it must pass: "
        f"{checks}. {request.stable} is blue.",
    )


_PLANS: dict[RolloutKind, Callable[[Policy, StartRollout, int], Plan]] = {
    RolloutKind.MANUAL: _manual,
    RolloutKind.CANARY: _canary,
    RolloutKind.BLUE_GREEN: _blue_green,
}
_OF_ONE_KIND = {
    "weight": RolloutKind.MANUAL,
    "steps": RolloutKind.CANARY,
    "arms": RolloutKind.AB,
}
