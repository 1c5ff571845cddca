"""Calendar: when a rollout may advance. Rollbacks ask no calendar.

Time zones come from the `tzdata` package, whose version is pinned, and not from the machine: two
workers, or a replay, must agree on what the time was in Berlin.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from headgate.judge.permits import Strict

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_SEARCH_DAYS = 400
_ZONE_FILES = "tzdata.zoneinfo"


class BusinessHours(Strict):
    """Days and hours of local time in which a rollout may advance; `until` is exclusive."""

    days: Annotated[tuple[Day, ...], Field(min_length=1)] = ("mon", "tue", "wed", "thu", "fri")
    since: time = time(9)
    until: time = time(17)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.since.tzinfo is not None or self.until.tzinfo is not None:
            raise ValueError("write hours without an offset; `time_zone` says whose they are")
        if self.since >= self.until:
            raise ValueError("since must be before until")
        return self


class Freeze(Strict):
    """A time in which nothing advances; without an offset both are of the calendar's time zone."""

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
    now = datetime.fromtimestamp(now_ms / 1000, zone)
    freeze = _freeze_at(calendar, now)
    if freeze is not None:
        until, why = freeze
        return f"a freeze lasts until {until:%Y-%m-%d %H:%M %Z}" + (f" ({why})" if why else "")
    hours = calendar.business_hours
    if hours is None or _is_open(hours, now):
        return ""
    days = ", ".join(hours.days)
    return (
        f"it is {now:%a %H:%M %Z}, outside business hours "
        f"({days} {hours.since:%H:%M}-{hours.until:%H:%M})"
    )


def _freeze_at(calendar: Calendar, now: datetime) -> tuple[datetime, str] | None:
    """Until when the freeze lasts that is in force now, and the reason given for it."""
    zone = zone_of(calendar.time_zone)
    for freeze in calendar.freezes:
        since, until = (_in_zone(at, zone) for at in (freeze.since, freeze.until))
        if since <= now < until:
            return until, freeze.reason
    return None


def opens_at_ms(calendar: Calendar, now_ms: int) -> int | None:
    """The first moment from `now_ms` on at which a rollout may advance; None within 400 days."""
    at_ms = now_ms
    for _ in range(2 * (_SEARCH_DAYS + len(calendar.freezes))):
        later_ms = _not_before_ms(calendar, at_ms)
        if later_ms == at_ms:
            return at_ms
        if later_ms - now_ms > _SEARCH_DAYS * 86_400_000:
            return None
        at_ms = later_ms
    return None


def opens_words(calendar: Calendar, now_ms: int) -> str:
    """When a rollout may advance again, for a sentence; '' while it may."""
    at_ms = opens_at_ms(calendar, now_ms)
    if at_ms is None:
        return f"it does not open within {_SEARCH_DAYS} days"
    at = datetime.fromtimestamp(at_ms / 1000, zone_of(calendar.time_zone))
    return f"it opens {at:%a %Y-%m-%d %H:%M %Z}" if at_ms > now_ms else ""


def _not_before_ms(calendar: Calendar, at_ms: int) -> int:
    """`at_ms`, or the end of what keeps the calendar closed then."""
    zone = zone_of(calendar.time_zone)
    at = datetime.fromtimestamp(at_ms / 1000, zone)
    freeze = _freeze_at(calendar, at)
    if freeze is not None:
        return _ms(freeze[0])
    hours = calendar.business_hours
    if hours is None or _is_open(hours, at):
        return at_ms
    day = at.date()
    if at.time() >= hours.since:
        day += timedelta(days=1)
    while DAYS[day.weekday()] not in hours.days:
        day += timedelta(days=1)
    return _ms(datetime.combine(day, hours.since, zone))


def _is_open(hours: BusinessHours, now: datetime) -> bool:
    return DAYS[now.weekday()] in hours.days and hours.since <= now.time() < hours.until


def _in_zone(at: datetime, zone: ZoneInfo) -> datetime:
    return at.replace(tzinfo=zone) if at.tzinfo is None else at


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
