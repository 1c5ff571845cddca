"""What a policy permits beside its triggers: what may serve, and what waits for approval."""

from __future__ import annotations

from typing import Annotated, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from headgate.judge.durations import DurationMs
from headgate.wire.key_requests import ApplyKeys, Approve
from headgate.wire.requests import AnyRequest

MAX_WAIT_MS = 86_400_000
MAX_WINDOW_MS = 3_600_000
MAX_VIOLATIONS = 7  # of more at once not every request is named
APPROVABLE = frozenset(
    str(kind.__struct_config__.tag)
    for kind in get_args(AnyRequest)
    if kind not in {ApplyKeys, Approve}
)


class Strict(BaseModel):
    """A part of a policy: no field but those it has, and no change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    # A parsed policy is one object for as long as it is used: what is made ready for it is kept by
    # identity, since comparing every field at every look costs more than the look.
    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        """Else Pydantic gives every frozen part a hash of all its fields. That a method is replaced
        is what Mypy is not to mind.
        """
        cls.__hash__ = object.__hash__  # type: ignore[assignment, method-assign]


class CompatibilitySettings(Strict):
    """What Headgate does where compatibility is not known, and which API callers speak.

    Without a word on `allow_unknown`, unknown is allowed for versions that nobody registered, so
    that teams without a registry are not blocked; whoever registers a version is held to it, and
    beside a registered version in production only registered ones start.
    """

    allow_unknown: bool | None = None
    api_version: Annotated[str, Field(max_length=64)] = ""

    def allows_unknown(self, *, registered: bool) -> bool:
        """Whether a version may serve of which it is not known that it fits."""
        return not registered if self.allow_unknown is None else self.allow_unknown


class ProductionWatch(Strict):
    """How the version in production is watched while no rollout runs.

    `violations` of safety by distinct requests `within` that time act; one alone proves too little
    over months.
    """

    watch: bool = True
    violations: Annotated[int, Field(ge=1, le=MAX_VIOLATIONS)] = 2
    within: DurationMs = 600_000

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not 0 < self.within <= MAX_WINDOW_MS:
            raise ValueError("within must be above 0 and at most 1h")
        return self


class Approvals(Strict):
    """Requests that wait for a second person's approval, for how long at most.

    Where there are any, a change of the policy waits as well, or it would undo the rule.
    """

    actions: Annotated[tuple[str, ...], Field(min_length=1)]
    within: DurationMs = 1_800_000

    @field_validator("actions")
    @classmethod
    def _known(cls, actions: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(actions) - APPROVABLE)
        if unknown:
            known = ", ".join(sorted(APPROVABLE))
            raise ValueError(f"no such request: {', '.join(unknown)}; known: {known}")
        return actions

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not 0 < self.within <= MAX_WAIT_MS:
            raise ValueError("within must be above 0 and at most 24h")
        return self
