"""What `headgate replay` says of a report, and how it understands a moment."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from headgate.cli.replay import moment_ms, report_lines
from headgate.replay.run import ReplayReport

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def report(**fields: Any) -> ReplayReport:
    row: dict[str, Any] = {
        "partitions": 2,
        "entries": 1_234,
        "from_offsets": {0: 0, 1: 512},
        "compared": {"control": 3, "alerts": 5, "audit": 8},
    }
    return ReplayReport(**{**row, **fields})


@pytest.mark.parametrize(
    ("text", "wanted_ms"),
    [
        ("10m", NOW_MS - 600_000),
        ("1h 30m", NOW_MS - 5_400_000),
        ("2025-12-31T23:59:00Z", NOW_MS - 60_000),
        ("2026-01-01T01:00:00+01:00", NOW_MS),
    ],
)
def test_a_moment_is_a_duration_ago_or_an_iso_time(text: str, wanted_ms: int) -> None:
    assert moment_ms(text, NOW_MS) == wanted_ms


def test_a_moment_that_is_neither_says_what_to_write() -> None:
    with pytest.raises(typer.BadParameter, match="10m nor a time such as 2026"):
        moment_ms("yesterday", NOW_MS)


def test_a_report_without_a_difference_is_confirmed() -> None:
    text = "\n".join(report_lines(report()))
    assert "1,234 entries of 2 ledger partitions" in text
    assert "0@0, 1@512" in text
    assert "audit: 8 records compared" in text
    assert text.splitlines()[-1].startswith("CONFIRMED")


@pytest.mark.parametrize("kind", ["different", "missing", "unexpected"])
def test_any_difference_is_named_and_not_confirmed(kind: str) -> None:
    names = [f"control d-{number}" for number in range(12)]
    lines = report_lines(report(**{kind: names}))
    assert lines[-1].startswith("NOT CONFIRMED")
    assert "control d-9 and 2 more" in "\n".join(lines)
    assert "control d-10" not in "\n".join(lines)


def test_what_is_not_published_yet_or_compacted_is_no_difference() -> None:
    text = "\n".join(report_lines(report(pending=2, compacted=7)))
    assert "2 newest records were not published yet" in text
    assert "7 older commands are gone from control" in text
    assert "NOT CONFIRMED" not in text
