"""Business hours: days and hours by the clock on the wall, also where clocks change.

What the clock shows decides. An hour that clocks repeat counts both times; one that they skip is
none, and hours that would begin in it begin with the change.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from headgate.judge.permits import Strict

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_MIDNIGHT = time(0)
_DAY_AT_MOST_S = 30 * 3_600  # the clocks of Troll go back by two hours


class BusinessHours(Strict):
    """Days and hours of local time in which a rollout may advance; `until` is exclusive.

    Hours whose `until` is not after `since` end on the next day, and `days` are those on which they
    begin. `24:00`, or `00:00`, ends them with the day.
    """

    days: Annotated[tuple[Day, ...], Field(min_length=1)] = ("mon", "tue", "wed", "thu", "fri")
    since: time = time(9)
    until: time = time(17)

    @field_validator("since", "until", mode="before")
    @classmethod
    def _is_text(cls, value: object) -> object:
        if isinstance(value, int | float):
            raise ValueError('put hours in quotes, like "10:00": without them YAML reads a number')
        return value

    @field_validator("until", mode="before")
    @classmethod
    def _end_of_day(cls, value: object) -> object:
        return "00:00" if value in ("24:00", "24:00:00") else value

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.since.tzinfo is not None or self.until.tzinfo is not None:
            raise ValueError("write hours without an offset; `time_zone` says whose they are")
        if self.since == self.until != _MIDNIGHT:
            raise ValueError(
                'since and until are the same; for whole days write "00:00" and "24:00"'
            )
        return self

    @property
    def end(self) -> str:
        """When they end, for people: `17:00`, `24:00` or `06:00 of the next day`."""
        if self.until == _MIDNIGHT:
            return "24:00"
        return f"{self.until:%H:%M}" + (" of the next day" if self.until < self.since else "")

    def hold_at(self, now: datetime) -> bool:
        """Whether it is business hours when the clock of the place shows `now`."""
        shown = now.time()
        if DAYS[now.weekday()] in self.days and shown >= self.since:
            return shown < self.until or self.until <= self.since
        return DAYS[now.weekday() - 1] in self.days and shown < self.until <= self.since

    def may_begin_ms(self, after_ms: int, zone: ZoneInfo) -> int:
        """The first moment after `after_ms` at which they can begin: the clock shows `since`, on
        whatever day, or it changes.
        """
        today = datetime.fromtimestamp(after_ms / 1000, zone).date()
        begins = (
            datetime.combine(today + timedelta(days=days), self.since, zone).replace(fold=fold)
            for days in (0, 1)
            for fold in (0, 1)
        )
        moments = [round(at.timestamp() * 1000) for at in begins]
        moments.append(_clock_change_ms(zone, after_ms))
        return min(moment for moment in moments if moment > after_ms)


def _clock_change_ms(zone: ZoneInfo, after_ms: int) -> int:
    """The first change of clocks within a day after `after_ms`; `after_ms` where there is none."""
    low = after_ms // 1000
    high = low + _DAY_AT_MOST_S
    offset = datetime.fromtimestamp(low, zone).utcoffset()
    if datetime.fromtimestamp(high, zone).utcoffset() == offset:
        return after_ms
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high * 1000
