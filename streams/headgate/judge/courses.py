"""What a policy says about the three ways a version reaches traffic, and when it may go on."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from headgate.judge.ab.criteria import LARGEST_DIFFERENCE, Criterion, problems_of_criteria
from headgate.judge.ab.plan import ALPHA
from headgate.judge.durations import DurationMs
from headgate.judge.permits import Strict
from headgate.vocabulary import BASIS_POINTS
from headgate.wire.rollout_requests import MAX_HOLD_MS, MAX_STEPS, Step

WEEK_MS, DAY_MS, HOUR_MS, MINUTE_MS = 604_800_000, 86_400_000, 3_600_000, 60_000
LEAST_OF_STABLE = 100  # basis points: somebody serves beside a candidate until it is proven good
MAX_HOLD_TIMES = 2  # without a word of the policy, how many holds a step may last
CheckName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class StepSettings(Strict):
    """One step of a canary: the candidate's weight in basis points and how long it stays.

    `max_hold`, twice the hold where nothing is said, is when it stops waiting for proof.
    """

    weight: Annotated[int, Field(ge=1, le=BASIS_POINTS)]
    hold: DurationMs
    max_hold: DurationMs | None = None
    review: bool = False

    @model_validator(mode="after")
    def _sound(self) -> Self:
        problem = step_problem(self.step())
        if problem:
            raise ValueError(problem)
        return self

    def step(self) -> Step:
        """The step as a request and the state carry it."""
        longest = MAX_HOLD_TIMES * self.hold if self.max_hold is None else self.max_hold
        return Step(weight=self.weight, hold_ms=self.hold, max_hold_ms=longest, review=self.review)


def step_problem(step: Step) -> str:
    """What is wrong with a step; empty where nothing is."""
    weight, hold_ms, max_hold_ms = step.weight, step.hold_ms, step.max_hold_ms
    rules = (
        (weight < 1, "a step of 0 % gives the candidate nothing"),
        (weight > BASIS_POINTS, f"{weight / 100:g} % is more than all of the traffic"),
        (hold_ms <= 0, "a hold of 0 proves nothing; write at least 1s"),
        (hold_ms > MAX_HOLD_MS, "a hold lasts at most 26w"),
        (max_hold_ms > MAX_HOLD_TIMES * MAX_HOLD_MS, "max_hold is at most 52w"),
        (max_hold_ms < hold_ms, "max_hold is shorter than hold"),
        (
            step.review and weight == BASIS_POINTS,
            "a review at 100 % has nobody to compare with; leave it out, or give less",
        ),
    )
    return next((problem for broken, problem in rules if broken), "")


def is_everything(weight: int) -> bool:
    """Whether a weight leaves stable next to nothing: a promotion in all but name."""
    return weight > BASIS_POINTS - LEAST_OF_STABLE


def steps_problem(steps: tuple[Step, ...]) -> str:
    """What is wrong with a canary's steps; empty where nothing is."""
    if not steps:
        return "a canary needs at least one step"
    weights = [step.weight for step in steps]
    for before, after in pairwise(weights):
        if after <= before:
            return f"steps must rise; {after} follows {before}"
    broken = next(filter(None, map(step_problem, steps)), "")
    if broken or not is_everything(weights[0]):
        return broken
    return f"the first one gives {weights[0] / 100:g} % at once, before anything is proven"


DEFAULT_STEPS = (
    StepSettings(weight=500, hold=f"{WEEK_MS}ms"),
    StepSettings(weight=5_000, hold=f"{WEEK_MS}ms", review=True),
)


class CanarySettings(Strict):
    """How canaries go up.

    With `early`, a step advances as soon as everything required is proven good.
    `pause_when_unknown` is how long a required metric may stay unknown, look after look, before the
    rollout pauses. With `early_promotion: approval`, promoting before that is proven and every hold
    has passed waits for a second person, in every kind of rollout.
    """

    steps: Annotated[tuple[StepSettings, ...], Field(min_length=1, max_length=MAX_STEPS)] = (
        DEFAULT_STEPS
    )
    early: bool = False
    early_promotion: Literal["approval", "allowed"] = "approval"
    pause_when_unknown: DurationMs = DAY_MS

    @field_validator("steps")
    @classmethod
    def _rising(cls, steps: tuple[StepSettings, ...]) -> tuple[StepSettings, ...]:
        problem = steps_problem(tuple(step.step() for step in steps))
        if problem:
            raise ValueError(problem)
        return steps


class BlueGreenSettings(Strict):
    """How green takes over from blue.

    `checks` must be reported as passed, within `checks_last` before the cutover; with `cutover:
    auto` that is all it waits for. During `watch` any critical breach switches back at once. Blue
    is scaled down `keep_blue` after the cutover; until then it is ready while `ready_check` was
    reported as passed within `ready_last`, or it serves.
    """

    checks: Annotated[tuple[CheckName, ...], Field(max_length=64)] = ("smoke",)
    checks_last: DurationMs = DAY_MS
    cutover: Literal["manual", "auto"] = "manual"
    watch: DurationMs = 30 * MINUTE_MS
    keep_blue: DurationMs = DAY_MS
    ready_check: CheckName = "ready"
    ready_last: DurationMs = 5 * MINUTE_MS

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not self.watch or not self.ready_last or not self.checks_last:
            raise ValueError("watch, checks_last and ready_last must be above 0")
        if self.keep_blue < self.watch:
            raise ValueError(
                "keep_blue is shorter than watch: there would be nothing to go back to"
            )
        if len(set(self.checks)) < len(self.checks) or self.ready_check in self.checks:
            raise ValueError("names of checks must differ")
        return self

    @property
    def known_checks(self) -> tuple[str, ...]:
        """Every check that somebody may report."""
        return (*self.checks, self.ready_check)


class CriterionSettings(Strict):
    """A metric to compare arms by, and the smallest relative difference that matters."""

    metric: Annotated[str, Field(max_length=64)]
    better: Literal["higher", "lower"]
    matters: Annotated[float, Field(gt=0, le=LARGEST_DIFFERENCE, allow_inf_nan=False)]

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        problems = problems_of_criteria([self.criterion()])
        if problems:
            raise ValueError("; ".join(rule for _, rule in problems))
        return self

    def criterion(self) -> Criterion:
        """The criterion as a test takes it."""
        return Criterion(metric=self.metric, better=self.better, matters=self.matters)


def _usual(metric: str, better: Literal["higher", "lower"], matters: float) -> CriterionSettings:
    return CriterionSettings(metric=metric, better=better, matters=matters)


class AbSettings(Strict):
    """How A/B tests, and the reviews of canaries, compare arms; the first criterion decides.

    `alpha` is the chance that a test ever declares anything false, over all pairs and criteria.
    """

    alpha: Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False)] = ALPHA
    criteria: Annotated[tuple[CriterionSettings, ...], Field(min_length=1, max_length=16)] = (
        _usual("rating_mean", "higher", 0.02),
        _usual("success_rate", "higher", 0.02),
        _usual("error_rate", "lower", 0.25),
        _usual("latency_p95_ms", "lower", 0.1),
        _usual("tokens_mean", "lower", 0.1),
        _usual("cost_mean_usd", "lower", 0.1),
    )

    @field_validator("criteria")
    @classmethod
    def _distinct(cls, criteria: tuple[CriterionSettings, ...]) -> tuple[CriterionSettings, ...]:
        names = [row.metric for row in criteria]
        if len(set(names)) < len(names):
            raise ValueError("a metric is a criterion once")
        return criteria
