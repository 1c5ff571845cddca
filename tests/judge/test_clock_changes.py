"""Calendars where clocks change: at every minute around each change of a year in places whose
clocks change by half an hour, two hours, at midnight, or in the middle of the night.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from headgate.judge.business_hours import DAYS
from headgate.judge.calendar import Calendar, closed_because, opens_at_ms, zone_of

MINUTE = 60_000
AROUND = 130
PLACES = (
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Africa/Cairo",
    "America/Santiago",
    "Asia/Beirut",
)
HOURS = (("01:00", "02:30"), ("02:30", "05:00"), ("23:30", "00:30"), ("00:00", "24:00"))


def clock(at_ms: int, zone: ZoneInfo) -> datetime:
    """What the clock of a place shows then."""
    return datetime.fromtimestamp(at_ms / 1000, zone)


@cache
def changes(zone: ZoneInfo) -> list[int]:
    """The first full hour of UTC after each change of clocks in 2026."""
    first = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    hours = range(first, first + 365 * 1440 * MINUTE, 60 * MINUTE)
    return [late for early, late in pairwise(hours) if offset(early, zone) != offset(late, zone)]


def offset(at_ms: int, zone: ZoneInfo) -> object:
    """How far the clocks of a place are from UTC then."""
    return clock(at_ms, zone).utcoffset()


def around(change_ms: int) -> range:
    """Every minute of some hours before and after a change."""
    return range(change_ms - AROUND * MINUTE, change_ms + AROUND * MINUTE, MINUTE)


def check_agreement(calendar: Calendar, minutes: range) -> list[bool]:
    """Whether each minute is open, by both answers: it opens at the next minute that is open."""
    is_open = [not closed_because(calendar, minute) for minute in minutes]
    coming: int | None = None
    for minute, opened in reversed(list(zip(minutes, is_open, strict=True))):
        coming = minute if opened else coming
        opens_ms = opens_at_ms(calendar, minute)
        assert opens_ms is not None
        assert opens_ms >= minute
        assert opens_ms == coming if coming is not None else opens_ms >= minutes.stop
    return is_open


@pytest.mark.parametrize("hours", HOURS)
@pytest.mark.parametrize("place", PLACES)
def test_business_hours_are_what_the_clock_shows(place: str, hours: tuple[str, str]) -> None:
    zone = zone_of(place)
    since, until = hours
    assert len(changes(zone)) == 2
    for change in changes(zone):
        days = [DAYS[clock(change, zone).weekday()]]
        calendar = Calendar.model_validate(
            {"time_zone": place, "business_hours": {"days": days, "since": since, "until": until}}
        )
        minutes = around(change)
        assert check_agreement(calendar, minutes) == [
            shown(clock(minute, zone), days[0], since, until) for minute in minutes
        ]


def shown(now: datetime, day: str, since: str, until: str) -> bool:
    """Whether hours of one day hold, by comparing texts."""
    today, time = DAYS[now.weekday()] == day, f"{now:%H:%M}"
    if since < until:
        return today and since <= time < until
    yesterday = DAYS[now.weekday() - 1] == day
    return (today and time >= since) or (yesterday and time < until)


@pytest.mark.parametrize("place", PLACES)
def test_a_freeze_is_one_stretch_of_time_that_ends_when_its_sentence_says(place: str) -> None:
    zone = zone_of(place)
    for change in changes(zone):
        day = f"{clock(change, zone):%Y-%m-%d}"
        for end in ("00:00", "00:30", "01:45", "02:30", "23:30"):
            freeze = {"since": "2025-12-31T00:00", "until": f"{day}T{end}"}
            calendar = Calendar.model_validate({"time_zone": place, "freezes": [freeze]})
            minutes = around(change)
            is_open = check_agreement(calendar, minutes)
            assert is_open == sorted(is_open)
            for minute in (minutes[0], minutes[is_open.count(False) - 1]):
                opens_ms = opens_at_ms(calendar, minute)
                if opens_ms is not None and closed_because(calendar, minute):
                    said = f"until {clock(opens_ms, zone):%Y-%m-%d %H:%M %Z}"
                    assert said in closed_because(calendar, minute)


def test_what_ends_in_an_hour_that_comes_twice_ends_the_first_time() -> None:
    freeze = {"since": "2026-10-24T00:00", "until": "2026-10-25T02:30"}
    calendar = Calendar.model_validate({"time_zone": "Europe/Berlin", "freezes": [freeze]})
    end = round(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp() * 1000)
    assert closed_because(calendar, end - 1) == "a freeze lasts until 2026-10-25 02:30 CEST"
    assert not closed_because(calendar, end)
    assert not closed_because(calendar, end + 45 * MINUTE)


def test_a_freeze_that_ends_at_a_time_that_is_skipped_names_one_that_is_not() -> None:
    freeze = {"since": "2026-03-28T00:00", "until": "2026-03-29T02:30"}
    calendar = Calendar.model_validate({"time_zone": "Europe/Berlin", "freezes": [freeze]})
    now = round(datetime(2026, 3, 29, tzinfo=UTC).timestamp() * 1000)
    assert closed_because(calendar, now) == "a freeze lasts until 2026-03-29 03:30 CEST"


def test_a_freeze_to_the_end_of_all_dates_is_told() -> None:
    freeze = {"since": "2026-12-20T00:00", "until": "9999-12-31T23:59"}
    calendar = Calendar.model_validate({"time_zone": "America/Los_Angeles", "freezes": [freeze]})
    now = round(datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert "a freeze lasts until 9999-12-2" in closed_because(calendar, now)
    assert opens_at_ms(calendar, now) is None
