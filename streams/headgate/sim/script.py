"""Scripts: what a scenario file says of a fleet in virtual time.

Versions behave in some way, then something changes or breaks, and operators ask for things. Times
count from the start of the script; stable has served for `before` by then.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, get_args

from msgspec import convert
from pydantic import Field, TypeAdapter, field_validator, model_validator

from headgate.judge.durations import DurationMs
from headgate.judge.permits import Strict
from headgate.sim.arms import Behaviour, Positive, Share
from headgate.vocabulary import PANE_MS
from headgate.wire.requests import AnyRequest, Request

Name = Annotated[str, Field(min_length=1, max_length=128)]
Ending = Literal["promoted", "rolled_back", "waiting", "running", "not_started"]
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
    """A whole scenario. `requests` are requests as on the wire, each with `at`."""

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
        """The requests in order of time."""
        rows = [_request(number, row, self.starts_ms) for number, row in enumerate(self.requests)]
        return sorted(rows, key=lambda row: row[0])


_DURATION: TypeAdapter[int] = TypeAdapter(DurationMs)


def _request(number: int, row: dict[str, Any], starts_ms: int) -> tuple[int, AnyRequest]:
    at_ms = at_of(row)
    whole = filled_in(row, number, starts_ms + at_ms)
    request: AnyRequest = convert(whole, AnyRequest)
    return at_ms, request


def at_of(row: dict[str, Any]) -> int:
    """When a request is sent. Raises pydantic's `ValidationError`."""
    return _DURATION.validate_python(row.get("at", 0))


def filled_in(row: dict[str, Any], number: int, at_ms: int) -> dict[str, Any]:
    """A script's request with what it leaves to the simulation."""
    said = {name: value for name, value in row.items() if name != "at"}
    return {
        "request_id": f"request-{number + 1}",
        "model": MODEL,
        "operator": OPERATOR,
        "issued_at_ms": at_ms,
        **said,
    }
