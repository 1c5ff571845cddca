"""Scripts: what a scenario file says of a fleet in virtual time.

Versions behave in some way, then something changes or breaks, and operators ask for things. Times
count from the start of the script; stable has served for `before` by then.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, get_args

from msgspec import convert, to_builtins
from pydantic import Field, TypeAdapter, field_validator, model_validator

from headgate.judge.courses import StepSettings
from headgate.judge.durations import DurationMs
from headgate.judge.permits import Strict
from headgate.sim.arms import Behaviour, Positive, Share
from headgate.vocabulary import PANE_MS
from headgate.wire.request import Request
from headgate.wire.requests import AnyRequest

Name = Annotated[str, Field(min_length=1, max_length=128)]
Ending = Literal["promoted", "rolled_back", "stopped", "waiting", "running", "not_started"]
ENDINGS: tuple[str, ...] = get_args(Ending)

REQUESTS: dict[str, type[Request]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(AnyRequest)
}
BEHAVIOUR: TypeAdapter[Behaviour] = TypeAdapter(Behaviour)
MODEL, OPERATOR = "simulated", "scenario"


class Users(Strict):
    """Who asks. `spread` is the sigma of the logarithm of how much each does."""

    count: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    spread: Annotated[float, Field(ge=0, le=3)] = 0.0


class RouterSettings(Strict):
    """How many routers there are, and how long after a command they obey it at the latest."""

    count: Annotated[int, Field(ge=1, le=50)] = 3
    obey_within: DurationMs = 500


class Daily(Strict):
    """The day's rhythm: the rate swings by `swing` around its mean and is highest at `peak_hour`
    (UTC).
    """

    swing: Share = 0.0
    peak_hour: Annotated[float, Field(ge=0, lt=24)] = 14.0


class During(Strict):
    """From a moment on, up to another or for good."""

    at: DurationMs
    until: DurationMs | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until is not None and self.until <= self.at:
            raise ValueError("`until` must be later than `at`")
        return self

    def is_on(self, at_ms: int) -> bool:
        """Whether it lasts at that moment."""
        return self.at <= at_ms and (self.until is None or at_ms < self.until)


class Change(During):
    """Versions (all, where none is named) come to behave otherwise, at once or `over` a time."""

    arms: tuple[Name, ...] = ()
    over: DurationMs = 0
    set: Annotated[dict[str, float | str], Field(min_length=1)]


class Fault(During):
    """Something between Headgate and the fleet breaks; `routers` (all by default) are those hit."""

    kind: Literal["router_down", "router_cut_off", "acks_lost", "telemetry_lost"]
    routers: tuple[Name, ...] = ()


class Script(Strict):
    """A whole scenario. `requests` are requests as on the wire, each with `at`, and with `every`
    and `until` where it is sent again and again.
    """

    name: Name
    story: str = ""
    starts: str = "2026-01-05T09:00:00Z"
    before: DurationMs = 600_000
    lasts: Annotated[DurationMs, Field(gt=0)]
    rate: Positive
    daily: Daily = Daily()
    users: Users = Users()
    routers: RouterSettings = RouterSettings()
    labels_after: DurationMs = 0
    stable: Name = "v1"
    candidate: Name = "v2"
    arms: dict[Name, Behaviour] = Field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    faults: tuple[Fault, ...] = ()
    requests: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    expect: Ending | None = None

    @field_validator("starts")
    @classmethod
    def _a_moment(cls, text: str) -> str:
        datetime.fromisoformat(text)
        return text

    @property
    def starts_ms(self) -> int:
        """The start of the script, at the start of a pane; UTC where no offset is given."""
        moment = datetime.fromisoformat(self.starts)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(aware.timestamp() * 1000) // PANE_MS * PANE_MS

    def behaviour(self, version: str) -> Behaviour:
        """How a version behaves while nothing has changed."""
        return self.arms.get(version) or Behaviour()

    def asked(self) -> list[tuple[int, AnyRequest]]:
        """The requests in order of time, each as often as it is sent."""
        found = []
        for number, row in enumerate(self.requests):
            times = times_of(row, self.lasts)
            for again, at_ms in enumerate(times):
                name = f"{number + 1}-{again + 1}" if len(times) > 1 else f"{number + 1}"
                whole = filled_in(row, name, self.starts_ms + at_ms)
                found.append((at_ms, convert(whole, AnyRequest)))
        return sorted(found, key=lambda asked: asked[0])


class Asking(Strict):
    """When a request is sent: once, or again and again."""

    at: DurationMs = 0
    every: Annotated[DurationMs, Field(gt=0)] | None = None
    until: DurationMs | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.until is not None and self.every is None:
            raise ValueError("`until` goes with `every`: a request is sent once without it")
        if self.until is not None and self.until <= self.at:
            raise ValueError("`until` must be later than `at`")
        return self


def times_of(row: dict[str, Any], lasts_ms: int) -> list[int]:
    """The moments at which a request is sent. Raises pydantic's `ValidationError`."""
    when = Asking.model_validate({name: row[name] for name in Asking.model_fields if name in row})
    if when.every is None:
        return [when.at]
    return list(range(when.at, lasts_ms if when.until is None else when.until, when.every))


def filled_in(row: dict[str, Any], name: str, at_ms: int) -> dict[str, Any]:
    """A script's request as on the wire, with what it leaves to the simulation.

    A canary's steps may be written as in a policy. Raises pydantic's `ValidationError`.
    """
    said = {key: value for key, value in row.items() if key not in Asking.model_fields}
    steps = said.get("steps")
    if isinstance(steps, list):
        said["steps"] = [_step(step) for step in steps]
    return {
        "request_id": f"request-{name}",
        "model": MODEL,
        "operator": OPERATOR,
        "issued_at_ms": at_ms,
        **said,
    }


def _step(step: object) -> object:
    if isinstance(step, dict) and "hold" in step:
        return to_builtins(StepSettings.model_validate(step).step())
    return step
