"""A policy: which symptoms matter, how they are proven and what happens when.

Policies are written in YAML, travel whole through the ledger and are parsed again from there, so
that every worker and every replay decides by the same words.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import Field, ValidationError, field_validator, model_validator

from headgate.judge.calendar import Calendar
from headgate.judge.courses import AbSettings, BlueGreenSettings, CanarySettings
from headgate.judge.durations import DurationMs
from headgate.judge.permits import Approvals, CompatibilitySettings, ProductionWatch, Strict
from headgate.judge.sequential.budget import MIN_PLANNED
from headgate.judge.sequential.plan import plan_of
from headgate.measure.metrics import ANSWERED, METRICS, CallerFaults
from headgate.measure.windows import COARSE_SPAN_MS
from headgate.vocabulary import Severity, short_digest

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Limit(Strict):
    """Where a metric's good side ends: a number, or beside the live stable arm's value."""

    above: float | None = None
    below: float | None = None
    above_stable_times: Positive | None = None
    below_stable_by: Positive | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [self.above, self.below, self.above_stable_times, self.below_stable_by]
        if sum(value is not None for value in given) != 1:
            names = "above, below, above_stable_times, below_stable_by"
            raise ValueError(f"give exactly one of {names}, as a finite number")
        return self

    @property
    def beside_stable(self) -> bool:
        """Whether there is no limit without a live stable arm."""
        return self.above is None and self.below is None


class BesideStable(Strict):
    """With a live stable arm, how much worse than stable the candidate must be besides.

    `above_times`: its value is above this multiple of stable's. `below_margin`: its value lies
    more than this below stable's.
    """

    above_times: Positive | None = None
    below_margin: Positive | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.above_times is None) == (self.below_margin is None):
            raise ValueError("give exactly one of above_times, below_margin, as a finite number")
        return self


class Trigger(Strict):
    """One symptom: the row of the rollback decision matrix.

    `act_within` is the deadline that starts when a breach is confirmed, `recovered_within` the
    time that routers have to obey the command. In sequential proof `weight` is the trigger's share
    (relative to the others') in what may be rolled back on; `proven_good` says whether promotion
    needs the metric proven good; `quiet_when` names triggers whose breach says it all. In threshold
    proof the metric over `window` is suspect while it crosses `limit` from `min_samples` on, and a
    breach after `for`.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    metric: str
    limit: Limit
    beside_stable: BesideStable | None = None
    severity: Literal[Severity.CRITICAL, Severity.WARNING]
    action: Literal["rollback", "alert"]
    act_within: DurationMs = 0
    recovered_within: DurationMs = 300_000
    proof: Literal["sequential", "threshold", "choices"] = "sequential"
    weight: Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)] = 1.0
    proven_good: Literal["required", "when_reported", "no"] = "no"
    quiet_when: tuple[str, ...] = ()
    window: DurationMs = 60_000
    lasting: DurationMs = Field(default=10_000, alias="for")
    min_samples: Annotated[int, Field(ge=1, le=1_000_000)] = 50
    min_stable_samples: Annotated[int, Field(ge=1, le=1_000_000)] = 50
    advice: str = ""

    @field_validator("metric")
    @classmethod
    def _known(cls, metric: str) -> str:
        if metric not in METRICS:
            raise ValueError(f"metric {metric!r} is unknown; known: {', '.join(METRICS)}")
        return metric

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not 0 < self.window <= COARSE_SPAN_MS:
            raise ValueError("window must be above 0 and at most 1h")
        if self.action == "rollback" and self.severity is not Severity.CRITICAL:
            raise ValueError("a trigger that rolls back must be critical")
        if (self.proof == "choices") != (self.metric == ANSWERED):
            raise ValueError(f"the metric {ANSWERED} and `proof: choices` go together")
        if self.proof == "choices" and self.limit.below is None:
            raise ValueError(f"{ANSWERED} needs `below` as its limit")
        if self.proof == "sequential":
            plan = plan_of(self)
            if self.proven_good != "no" and not plan.provable:
                raise ValueError(f"{self.metric} is unbounded and can't be proven good")
        return self

    @property
    def can_roll_back(self) -> bool:
        """Whether a breach of it ends in a rollback."""
        return self.action == "rollback"


class CallerFaultRules(Strict):
    """Error types that are the caller's own fault and no error of the model (shell patterns)."""

    match: tuple[str, ...] = ("4??",)
    except_for: tuple[str, ...] = ("408", "429")

    def rules(self) -> CallerFaults:
        """The same rules as the metrics take them, always the same object."""
        return _as_metrics_take_them(self)


@lru_cache(maxsize=256)
def _as_metrics_take_them(rules: CallerFaultRules) -> CallerFaults:
    return CallerFaults(match=rules.match, except_for=rules.except_for)


Alpha = Annotated[float, Field(gt=0, le=0.5, allow_inf_nan=False)]


class ProofSettings(Strict):
    """How sure a proof must be: chances of a false decision per phase, however often one looks.

    `planned_requests` is how many candidate requests a phase is planned for; the evidence stays
    sound beyond it, and finds what turns bad late a little slower.
    """

    false_rollback: Alpha = 0.01
    false_promotion: Alpha = 0.05
    false_warning: Alpha = 0.01
    planned_requests: Annotated[int, Field(ge=MIN_PLANNED, le=10**12)] = 100_000
    safety_checks: Annotated[int, Field(ge=0, le=1_000_000)] = 1_000


class Policy(Strict):
    """Everything that decides about a model's rollouts, and about its production version."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    description: str = ""
    caller_faults: CallerFaultRules = CallerFaultRules()
    recovered_within: DurationMs = 60_000
    proof: ProofSettings = ProofSettings()
    compatibility: CompatibilitySettings = CompatibilitySettings()
    production: ProductionWatch = ProductionWatch()
    approvals: Approvals | None = None
    calendar: Calendar = Calendar()
    canary: CanarySettings = CanarySettings()
    blue_green: BlueGreenSettings = BlueGreenSettings()
    ab: AbSettings = AbSettings()
    triggers: tuple[Trigger, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [trigger.name for trigger in self.triggers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"trigger names must differ; twice: {', '.join(twice)}")
        unknown = sorted({name for t in self.triggers for name in t.quiet_when} - set(names))
        if unknown:
            raise ValueError(f"quiet_when names no trigger: {', '.join(unknown)}")
        return self


class PolicyError(ValueError):
    """A policy that does not hold together; `problems` has (path, rule) for each error."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{path}: {rule}" for path, rule in problems))


def canonical(content: dict[str, Any]) -> bytes:
    """A policy's content as the bytes that its digest is taken of."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def digest_of(content: dict[str, Any]) -> str:
    """The digest that names a policy's content in audit records."""
    return short_digest(canonical(content))


def parse_policy(content: dict[str, Any]) -> Policy:
    """The policy in `content`; raises `PolicyError` with every problem at once."""
    try:
        return _parse(canonical(content))
    except orjson.JSONEncodeError as error:  # whole numbers beyond 64 bits, keys that are no text
        raise PolicyError([("$", f"it cannot be sent as JSON: {error}")]) from error
    except ValidationError as error:
        rows = own_mistakes(error)
        raise PolicyError(
            [(".".join(map(str, row["loc"])) or "$", _rule_of(row["msg"])) for row in rows]
        ) from error


def own_mistakes(error: ValidationError) -> list[Any]:
    """Pydantic's rows without mere consequences: no list is empty because its items are bad."""
    rows = error.errors()
    return [row for row in rows if _is_own(row, rows)]


_KEPT = 256
_in_force: dict[str, tuple[dict[str, Any], Policy]] = {}


def policy_in_force(digest: str, content: dict[str, Any]) -> Policy:
    """`parse_policy` of content that nobody changes any more, which is asked for at every look: the
    very object that was parsed before costs nothing.
    """
    known = _in_force.get(digest)
    if known is not None and known[0] is content:
        return known[1]
    policy = parse_policy(content)
    if len(_in_force) >= _KEPT:
        _in_force.clear()
    _in_force[digest] = content, policy
    return policy


def _rule_of(message: str) -> str:
    return message.removeprefix("Value error, ")


def _is_own(row: Any, rows: list[Any]) -> bool:
    loc = row["loc"]
    inside = any(len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in rows)
    return not (row["type"] == "too_short" and inside)


@lru_cache(maxsize=256)
def _parse(content: bytes) -> Policy:
    return Policy.model_validate_json(content)
