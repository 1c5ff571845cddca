"""Calendars: when a rollout may advance, in whose time, and when it may again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from headgate.judge.calendar import Calendar, closed_because, opens_at_ms, opens_words

OFFICE: dict[str, Any] = {
    "time_zone": "Europe/Berlin",
    "business_hours": {"days": ["mon", "tue", "wed", "thu", "fri"]},
}


def at(iso: str) -> int:
    """A moment with an offset, in ms."""
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-27T16:59:59+01:00", ""),
        ("2026-03-27T17:00:00+01:00", "it opens Mon 2026-03-30 09:00 CEST"),  # summer has come
        ("2026-03-30T08:59:00+02:00", "it opens Mon 2026-03-30 09:00 CEST"),
        ("2026-10-24T12:00:00+02:00", "it opens Mon 2026-10-26 09:00 CET"),
    ],
)
def test_business_hours_are_those_of_the_place(now: str, opens: str) -> None:
    calendar = Calendar(**OFFICE)
    assert opens_words(calendar, at(now)) == opens
    assert bool(closed_because(calendar, at(now))) == bool(opens)


def test_after_a_freeze_it_opens_with_the_next_business_hour() -> None:
    freeze = {"since": "2026-12-20T00:00", "until": "2027-01-01T00:00", "reason": "holidays"}
    calendar = Calendar(**OFFICE, freezes=(freeze,))
    assert "until 2027-01-01 00:00 CET (holidays)" in closed_because(
        calendar, at("2026-12-24T10:00:00+01:00")
    )
    opens_ms = opens_at_ms(calendar, at("2026-12-24T10:00:00+01:00"))
    assert opens_ms == at("2027-01-01T09:00:00+01:00")


def test_a_freeze_with_an_offset_is_no_matter_of_the_calendars_zone() -> None:
    freeze = {"since": "2026-06-01T00:00:00Z", "until": "2026-06-01T01:00:00Z"}
    calendar = Calendar(time_zone="Asia/Tokyo", freezes=(freeze,))
    assert closed_because(calendar, at("2026-06-01T00:59:59+00:00"))
    assert not closed_because(calendar, at("2026-06-01T01:00:00+00:00"))


def test_what_does_not_open_for_a_year_is_said_so() -> None:
    calendar = Calendar(freezes=({"since": "2020-01-01T00:00", "until": "2100-01-01T00:00"},))
    assert opens_words(calendar, at("2026-01-01T00:00:00+00:00")) == (
        "it does not open within 400 days"
    )
