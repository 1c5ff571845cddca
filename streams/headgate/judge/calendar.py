"""Calendar: when a rollout may advance. Rollbacks ask no calendar.

Time zones come from the `tzdata` package, whose version is pinned, and not from the machine: two
workers, or a replay, must agree on what the time was in Berlin.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from headgate.judge.business_hours import BusinessHours
from headgate.judge.permits import Strict

_SEARCH_DAYS = 400
_DAY_MS = 86_400_000
_LAST_MS = 253_402_128_000_000  # 9999-12-30: a day later some place is beyond what a date can say
_ZONE_FILES = "tzdata.zoneinfo"


class Freeze(Strict):
    """A time in which nothing advances; without an offset both are of the calendar's time zone.

    Of a time that the clocks show twice the first is meant, and one that they skip is reckoned
    from before the change, as RFC 5545 has it.
    """

    since: datetime
    until: datetime
    reason: Annotated[str, Field(max_length=256)] = ""

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.since.tzinfo is None) != (self.until.tzinfo is None):
            raise ValueError("give both times an offset, or neither")
        if self.since >= self.until:
            raise ValueError("since must be before until")
        return self


class Calendar(Strict):
    """Business hours and freezes; without any, a rollout may advance at any time."""

    time_zone: str = "UTC"
    business_hours: BusinessHours | None = None
    freezes: Annotated[tuple[Freeze, ...], Field(max_length=256)] = ()

    @field_validator("time_zone")
    @classmethod
    def _known(cls, time_zone: str) -> str:
        zone_of(time_zone)
        return time_zone


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name in the pinned database. Raises `ValueError`."""
    parts = name.split("/")
    place = files(_ZONE_FILES).joinpath(*parts)
    if not all(part.replace("_", "").replace("-", "").replace("+", "").isalnum() for part in parts):
        raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin")
    if not place.is_file():
        raise ValueError(f"{name!r} is no time zone of the tz database; write one like UTC")
    with place.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def closed_because(calendar: Calendar, now_ms: int) -> str:
    """Why nothing may advance now; empty where it may."""
    zone = zone_of(calendar.time_zone)
    freeze = _freeze_at(calendar, now_ms)
    if freeze is not None:
        until = _shown(_ms(freeze.until, zone), zone)
        why = f" ({freeze.reason})" if freeze.reason else ""
        return f"a freeze lasts until {until:%Y-%m-%d %H:%M %Z}{why}"
    hours, now = calendar.business_hours, _shown(now_ms, zone)
    if hours is None or hours.hold_at(now):
        return ""
    days = ", ".join(hours.days)
    return (
        f"it is {now:%a %H:%M %Z}, outside business hours ({days} {hours.since:%H:%M}-{hours.end})"
    )


def opens_at_ms(calendar: Calendar, now_ms: int) -> int | None:
    """The first moment from `now_ms` on at which a rollout may advance; None within 400 days."""
    zone = zone_of(calendar.time_zone)
    hours, at_ms = calendar.business_hours, now_ms
    while at_ms - now_ms <= _SEARCH_DAYS * _DAY_MS:
        freeze = _freeze_at(calendar, at_ms)
        if freeze is not None:
            at_ms = _ms(freeze.until, zone)
        elif hours is None or hours.hold_at(_shown(at_ms, zone)):
            return at_ms
        else:
            at_ms = hours.may_begin_ms(at_ms, zone)
    return None


def opens_words(calendar: Calendar, now_ms: int) -> str:
    """When a rollout may advance again, for a sentence; '' while it may."""
    at_ms = opens_at_ms(calendar, now_ms)
    if at_ms is None:
        return f"it does not open within {_SEARCH_DAYS} days"
    at = _shown(at_ms, zone_of(calendar.time_zone))
    return f"it opens {at:%a %Y-%m-%d %H:%M %Z}" if at_ms > now_ms else ""


def _freeze_at(calendar: Calendar, at_ms: int) -> Freeze | None:
    """The freeze in force then. Moments are compared, since two times of one zone are compared by
    what its clocks show.
    """
    zone = zone_of(calendar.time_zone)
    for freeze in calendar.freezes:
        if _ms(freeze.since, zone) <= at_ms < _ms(freeze.until, zone):
            return freeze
    return None


def _ms(at: datetime, zone: ZoneInfo) -> int:
    at = at.replace(tzinfo=zone) if at.tzinfo is None else at
    return min(round(at.timestamp() * 1000), _LAST_MS)


def _shown(at_ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, zone)
