"""Business hours: across midnight, to the end of the day, and how they are written."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pydantic import ValidationError

from headgate.judge.calendar import Calendar, closed_because, opens_words

NIGHTS = {"days": ["mon", "fri"], "since": "22:00", "until": "06:00"}


def at(iso: str) -> int:
    """A moment of UTC in ms."""
    return round(datetime.fromisoformat(f"{iso}+00:00").timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-02T21:59", "it opens Mon 2026-03-02 22:00 UTC"),
        ("2026-03-02T22:00", ""),
        ("2026-03-03T05:59", ""),
        ("2026-03-03T06:00", "it opens Fri 2026-03-06 22:00 UTC"),
        ("2026-03-03T23:00", "it opens Fri 2026-03-06 22:00 UTC"),
        ("2026-03-07T05:59", ""),  # Saturday belongs to the night of Friday
        ("2026-03-02T05:59", "it opens Mon 2026-03-02 22:00 UTC"),  # and Monday's to Sunday's
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(now: str, opens: str) -> None:
    calendar = Calendar.model_validate({"business_hours": NIGHTS})
    assert opens_words(calendar, at(now)) == opens
    assert bool(closed_because(calendar, at(now))) == bool(opens)


def test_the_refusal_says_that_they_end_on_the_next_day() -> None:
    calendar = Calendar.model_validate({"business_hours": NIGHTS})
    assert closed_because(calendar, at("2026-03-04T12:00")) == (
        "it is Wed 12:00 UTC, outside business hours (mon, fri 22:00-06:00 of the next day)"
    )


@pytest.mark.parametrize("until", ["00:00", "24:00", "24:00:00"])
def test_midnight_as_the_end_is_the_end_of_the_day(until: str) -> None:
    hours = {"days": ["sun"], "since": "09:00", "until": until}
    calendar = Calendar.model_validate({"business_hours": hours})
    assert not closed_because(calendar, at("2026-03-01T23:59"))
    assert "(sun 09:00-24:00)" in closed_because(calendar, at("2026-03-02T00:00"))


def test_whole_days_are_business_hours_too() -> None:
    hours = {"days": ["sat", "sun"], "since": "00:00", "until": "24:00"}
    calendar = Calendar.model_validate({"business_hours": hours})
    assert opens_words(calendar, at("2026-03-06T23:59")) == "it opens Sat 2026-03-07 00:00 UTC"
    assert not closed_because(calendar, at("2026-03-08T23:59"))
    assert closed_because(calendar, at("2026-03-09T00:00"))


@pytest.mark.parametrize(
    ("hours", "mistake"),
    [
        ({"since": 600, "until": 1080}, "put hours in quotes"),
        ({"since": "10:00", "until": 0}, "put hours in quotes"),
        ({"since": "10:00", "until": "10:00"}, "since and until are the same"),
        ({"since": "10:00Z"}, "write hours without an offset"),
        ({"since": "24:00"}, "valid time format"),
    ],
)
def test_hours_that_say_nothing_are_told_by_their_mistake(
    hours: dict[str, Any], mistake: str
) -> None:
    with pytest.raises(ValidationError, match=mistake):
        Calendar.model_validate({"business_hours": hours})
