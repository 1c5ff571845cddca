"""A policy's rollouts in words: steps, checks, watch and calendar."""

from __future__ import annotations

import re
from typing import Any

import yaml

from headgate.cli.course_rules import blue_green_words, calendar_words, canary_words, course_lines
from headgate.cli.policies import shipped_policy
from headgate.judge.courses import BlueGreenSettings
from headgate.judge.policy import Policy, parse_policy
from support.ledger import policy_content


def policy(**sections: Any) -> Policy:
    return parse_policy({**policy_content(), **sections})


def test_the_default_canary_is_told_with_its_weeks_its_review_and_its_proofs() -> None:
    words = canary_words(policy())
    assert words.startswith(
        "5 % for 1 w, then 50 % for 1 w, with a review of both arms at its end, then promotion."
    )
    assert "when its hold has passed and these are proven good: error_rate, latency_p95" in words
    assert "rating, hallucination where stable reports it" in words
    assert "waits for a person, after twice the hold" in words
    assert "unknown for 1 d" in words
    assert "second person's approval" in words


def test_what_a_policy_changes_of_a_canary_is_told() -> None:
    canary = {
        "steps": [{"weight": 100, "hold": "10s", "max_hold": "1m"}],
        "early": True,
        "early_promotion": "allowed",
        "pause_when_unknown": 0,
    }
    words = canary_words(policy(canary=canary))
    assert "1 % for 10 s, then promotion" in words
    assert "ends at once when these are proven good" in words
    assert "after 1 min of the step" in words
    assert "never paused for want of telemetry" in words
    assert "promote it at any time" in words


def test_blue_green_is_told_with_its_checks_watch_and_how_long_blue_stays() -> None:
    words = blue_green_words(BlueGreenSettings())
    assert "passed smoke within the last 1 d; then a person cuts over" in words
    assert "For 30 min any critical breach switches back at once" in words
    assert "Blue is kept for 1 d" in words
    automatic = policy(blue_green={"checks": [], "cutover": "auto"}).blue_green
    assert "needs no check; then Headgate cuts over by itself" in blue_green_words(automatic)


def test_who_may_end_the_watch_is_told() -> None:
    assert "ends the watch earlier needs a second person's approval" in course_lines(policy())[1]
    allowed = policy(canary={"early_promotion": "allowed"})
    assert "may end the watch at any time" in course_lines(allowed)[1]


def test_the_calendar_is_told_with_its_zone_and_freezes() -> None:
    assert calendar_words(policy().calendar) == "a rollout may advance at any time."
    frozen = {"since": "2030-12-20T00:00", "until": "2031-01-02T00:00", "reason": "holidays"}
    calendar = {"time_zone": "Europe/Berlin", "business_hours": {}, "freezes": [frozen]}
    words = calendar_words(policy(calendar=calendar).calendar)
    assert "mon, tue, wed, thu, fri from 09:00 to 17:00 (Europe/Berlin)" in words
    assert "not from 2030-12-20 00:00 to 2031-01-02 00:00 (holidays)" in words
    assert words.endswith("A rollback goes at any time.")


def test_hours_over_midnight_are_told_with_the_day_on_which_they_end() -> None:
    nights = {"business_hours": {"days": ["mon"], "since": "22:00", "until": "06:00"}}
    told = "mon from 22:00 to 06:00 of the next day (UTC)"
    assert told in calendar_words(policy(calendar=nights).calendar)


def test_the_defaults_that_default_yaml_shows_are_the_defaults() -> None:
    text = shipped_policy("default").read_text()
    shown = yaml.safe_load(
        re.sub(r"^# ?(?=(canary|blue_green|calendar|  ))", "", text, flags=re.MULTILINE)
    )
    told = {name: shown[name] for name in ("canary", "blue_green")}
    assert course_lines(policy(**told)) == course_lines(policy())
