"""Starting: what a request to start a rollout asks for, by kind."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from headgate.judge.ab.forecast import MOST, can_foretell
from headgate.judge.ab.plan import TestPlan
from headgate.judge.ab.samples import COMPARED, sample_of
from headgate.judge.courses import LEAST_OF_STABLE, is_everything
from headgate.judge.policy import Policy
from headgate.measure.metrics import METRICS
from headgate.measure.windows import total_of
from headgate.release.courses import canary, experiment
from headgate.release.courses.course import BlueGreen, Canary, Course
from headgate.release.courses.going_on import share
from headgate.release.refusals import RefusedError
from headgate.release.splits import check_share, next_revision, shared
from headgate.release.state import ModelState
from headgate.vocabulary import BASIS_POINTS, RolloutKind
from headgate.wire.control import Weight
from headgate.wire.rollout_requests import StartRollout


class Plan(Struct, frozen=True):
    """The first split of a new rollout, its course, and both in words."""

    weights: tuple[Weight, ...]
    course: Course | None
    sentence: str


class Asked(Struct, frozen=True):
    """A request to start a rollout, at ledger time `now_ms`, under the policy in force."""

    state: ModelState
    policy: Policy
    request: StartRollout
    now_ms: int

    @property
    def first_revision(self) -> int:
        """The revision that the first split will have."""
        return next_revision(self.state)


def plan_of(asked: Asked) -> Plan:
    """What the request asks for. Raises `RefusedError` where its parts don't go together."""
    request = asked.request
    for field, kind in _OF_ONE_KIND.items():
        if getattr(request, field) and request.kind is not kind:
            raise RefusedError(
                f"A {request.kind} rollout has no {field}.",
                f"Leave {field} out, or start a rollout of kind {kind}.",
            )
    return _PLANS[request.kind](asked)


def _manual(asked: Asked) -> Plan:
    request = asked.request
    check_share(request.weight)
    if is_everything(request.weight) and asked.policy.canary.early_promotion != "allowed":
        raise RefusedError(
            f"{share(request.weight)} is everything at once, before anything is proven.",
            f"Give {share(BASIS_POINTS - LEAST_OF_STABLE)} or less, or cut over to it: headgate "
            f"rollout start {request.model} --blue-green --candidate {request.candidate}",
        )
    return Plan(
        shared(request.candidate, request.stable, request.weight),
        None,
        f"{request.candidate} takes {share(request.weight)} of {request.model}, "
        f"{request.stable} the rest.",
    )


def _canary(asked: Asked) -> Plan:
    request = asked.request
    steps = canary.steps_of(asked.policy, request)
    weights = shared(request.candidate, request.stable, steps[0].weight)
    stay = canary.stay_at(asked.state, asked.policy, steps[0], weights, asked.now_ms)
    said = ", then ".join(share(step.weight) for step in steps)
    return Plan(
        weights,
        Canary(steps=steps, stay=stay),
        f"{request.candidate} takes {said} of {request.model} as it is proven good, "
        f"{request.stable} the rest.",
    )


def _blue_green(asked: Asked) -> Plan:
    request = asked.request
    checks = ", ".join(asked.policy.blue_green.checks) or "nothing"
    return Plan(
        shared(request.candidate, request.stable, 0),
        BlueGreen(),
        f"{request.candidate} is green and takes nothing of {request.model} yet; it must pass: "
        f"{checks}. {request.stable} is blue.",
    )


def _ab(asked: Asked) -> Plan:
    request = asked.request
    arms = experiment.arms_of(request)
    course = experiment.begin(
        asked.state, asked.policy, request, asked.first_revision, asked.now_ms
    )
    plan = course.comparing.test.plan
    said = ", ".join(f"{row.version} {share(row.weight)}" for row in arms)
    first = METRICS[plan.criteria[0].metric].noun
    return Plan(
        arms,
        course,
        f"an A/B test of {request.model}: {said}. {first[0].upper()}{first[1:]} decides; to "
        f"find twice the smallest difference that matters, {_needed(asked, plan)}.",
    )


def _needed(asked: Asked, plan: TestPlan) -> str:
    """How many requests the test takes and, where that is no use, what to change."""
    if plan.needed is not None:
        return f"about {plan.needed:,} requests are needed"
    metric, stable = plan.criteria[0].metric, asked.request.stable
    counted = total_of(asked.state.tables, stable)
    known = sample_of(metric, counted, asked.policy.caller_faults.rules())
    if can_foretell(COMPARED[metric], known):
        return (
            f"more than {MOST:,} samples are needed, so that nobody will see it decided: stop it, "
            "and start one with a larger difference (--criterion) or larger shares (--arm)"
        )
    return (
        f"nobody knows yet how many requests are needed: too little is counted of {stable} so far; "
        f"headgate ab report {asked.request.model} says it once there is a reading"
    )


_PLANS: dict[RolloutKind, Callable[[Asked], Plan]] = {
    RolloutKind.MANUAL: _manual,
    RolloutKind.CANARY: _canary,
    RolloutKind.BLUE_GREEN: _blue_green,
    RolloutKind.AB: _ab,
}
_OF_ONE_KIND = {
    "weight": RolloutKind.MANUAL,
    "steps": RolloutKind.CANARY,
    "arms": RolloutKind.AB,
    "criteria": RolloutKind.AB,
}
