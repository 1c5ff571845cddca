"""The plot of evidence over time."""

from __future__ import annotations

from math import log

import pytest

from headgate.cli.plot import evidence_plot, say_evidence

RISE = [[0, -0.7], [60_000, 0.5], [120_000, 3.0], [180_000, 6.2]]


def test_no_line_is_wider_than_a_mail() -> None:
    for needed in (100.0, 400.0, 123_456.0):
        for path in (RISE, [[5, 700.0]], [[0, -1e3], [10**10, 900.0]]):
            assert all(len(line) <= 72 for line in evidence_plot(path, needed))


def test_a_rise_ends_above_what_was_needed_and_its_start_is_empty() -> None:
    lines = evidence_plot(RISE, 400.0)
    bars = [line.split("│")[1] for line in lines if "│" in line]
    assert [bar[0] for bar in bars].count("█") == 0
    (goal,) = (line for line in lines if "needed 400" in line)
    assert goal[-1] in "▁▂▃▄▅▆▇█"
    assert "┄" in goal


def test_the_goal_stays_in_sight_where_the_evidence_never_comes_near() -> None:
    lines = evidence_plot([[0, -1.0], [1_000, log(3)]], 400.0)
    assert "needed 400" in lines[0]
    assert lines[0].endswith("┄")


def test_columns_grow_with_the_evidence() -> None:
    bars = [line.split("│")[1].ljust(80) for line in evidence_plot(RISE, 400.0) if "│" in line]
    heights = [sum(bar[at] in "▁▂▃▄▅▆▇█" for bar in bars) for at in range(50)]
    assert heights == sorted(heights)


def test_the_foot_says_from_when_to_when() -> None:
    foot = evidence_plot(RISE, 400.0)[-1]
    assert foot.split()[0] == "0"
    assert foot.endswith("3 min")


@pytest.mark.parametrize("path", [[], [[0, float("nan")]]])
def test_without_a_point_there_is_no_plot(path: list[list[float]]) -> None:
    assert evidence_plot(path, 400.0) == []


def test_one_point_is_a_plot() -> None:
    assert evidence_plot([[1_500, 7.0]], 400.0)


def test_evidence_is_said_short() -> None:
    said = [say_evidence(e) for e in (0.034, 0.0, 12.6, 400, 3e6, 1e300)]
    assert said == ["0.034", "0", "13", "400", "3e6", "over 1e9"]
