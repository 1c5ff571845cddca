"""Durations: read as people write them, said as people say them."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from headgate.judge.durations import (
    DurationMs,
    parse_duration_ms,
    say_duration,
    write_duration,
)


@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [
        ("0", 0),
        (0, 0),
        ("250ms", 250),
        ("30s", 30_000),
        ("15m", 900_000),
        ("1h 30m", 5_400_000),
        ("1w", 604_800_000),
    ],
)
def test_a_duration_is_read_with_its_unit(text: object, duration_ms: int) -> None:
    assert parse_duration_ms(text) == duration_ms


@pytest.mark.parametrize(
    "text", ["", "15", 15, "1.5h", "h", "5 minutes", "-3s", None, "1h x", ["1w"], False]
)
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="30s"):
        parse_duration_ms(text)


def test_what_is_too_long_is_told_as_a_duration() -> None:
    kind = TypeAdapter(DurationMs)
    assert kind.validate_python("53w") == 53 * 604_800_000
    with pytest.raises(ValidationError, match="too long; at most 53w"):
        kind.validate_python("99999w")


@pytest.mark.parametrize(
    ("duration_ms", "said"),
    [(30, "30 ms"), (2_280, "2.28 s"), (900_000, "15 min"), (5_400_000, "1 h 30 min")],
)
def test_a_duration_is_said_in_its_largest_units(duration_ms: int, said: str) -> None:
    assert say_duration(duration_ms) == said


@pytest.mark.parametrize("text", ["1ms", "84s", "1m", "90m", "2h", "1d", "3w", "1500ms"])
def test_a_duration_is_written_as_it_is_read(text: str) -> None:
    assert write_duration(parse_duration_ms(text)) == text
