"""A small plot in text: evidence over time, on a logarithmic scale, against what was needed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import exp, isfinite, log

from headgate.judge.durations import say_duration

WIDTH, HEIGHT = 72, 8
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_HIGHEST = 1e9

Path = Sequence[Sequence[float]]


def evidence_plot(
    path: Path, needed: float, *, width: int = WIDTH, height: int = HEIGHT
) -> list[str]:
    """Lines of at most `width` characters: columns of ln E over time, a dotted line at `needed`.

    `path` holds (ms since the phase began, ln E) in order of time. The foot is E = 1: below it
    nothing is drawn. No lines for a path without a point.
    """
    points = [(float(ms), float(e)) for ms, e in path if isfinite(ms) and isfinite(e)]
    if not points or not needed > 1:
        return []
    goal = log(needed)
    top = max(goal, *(log_e for _, log_e in points)) * 1.02
    labels = _labels(top, goal, height)
    left = max(len(label) for label in labels) + 1
    columns = _columns(points, width - left - 1)
    lines = []
    for row in range(height - 1, -1, -1):
        low, high = row * top / height, (row + 1) * top / height
        is_goal = low <= goal < high
        cells = "".join(_cell(log_e, low, high, is_goal=is_goal) for log_e in columns)
        lines.append(f"{labels[row]:>{left - 1}} │{cells}".rstrip())
    return [*lines, *_foot(points, left, len(columns))]


def _columns(points: list[tuple[float, float]], count: int) -> list[float]:
    """ln E at `count` moments from the first point to the last, on straight lines between them."""
    begin, end = points[0][0], points[-1][0]
    step = (end - begin) / max(count - 1, 1)
    return [_between(points, begin + step * place) for place in range(count - 1)] + [points[-1][1]]


def _between(points: list[tuple[float, float]], at_ms: float) -> float:
    after = bisect_right(points, at_ms, key=lambda point: point[0])
    (before_ms, before), (after_ms, then) = points[max(after - 1, 0)], points[after % len(points)]
    if after_ms <= before_ms:
        return points[-1][1]
    return before + (then - before) * (at_ms - before_ms) / (after_ms - before_ms)


def _cell(log_e: float, low: float, high: float, *, is_goal: bool) -> str:
    share = (log_e - low) / (high - low)
    if share <= 0:
        return "┄" if is_goal else " "
    eighths = min(max(int(share * 8), 0), 8)
    return _EIGHTHS[eighths] if eighths else ("┄" if is_goal else " ")


def _labels(top: float, goal: float, height: int) -> list[str]:
    """From the foot upwards: E at the foot, at what is needed, and at the top."""
    labels = [""] * height
    labels[0] = "1"
    labels[-1] = say_evidence(exp(min(top / 1.02, log(_HIGHEST) + 1)))
    labels[min(int(goal / top * height), height - 1)] = f"needed {say_evidence(exp(goal))}"
    return labels


def _foot(points: list[tuple[float, float]], left: int, count: int) -> list[str]:
    begin, end = (say_duration(max(points[place][0], 0)) for place in (0, -1))
    axis = " " * left + "└" + "─" * count
    room = max(count - len(begin), len(end) + 1)
    return [axis, " " * (left + 1) + begin + f"{end:>{room}}"]


def say_evidence(e_value: float) -> str:
    """An e-value as odds to 1, short."""
    if e_value >= _HIGHEST:
        return "over 1e9"
    if e_value >= 1e6:
        return f"{e_value:.0e}".replace("e+0", "e").replace("e+", "e")
    return f"{e_value:,.0f}" if e_value >= 10 else f"{e_value:.2g}"
