"""A lifecycle plan in text: a table of steps, a timeline with a row for each version, and the
settings that both follow.
"""

from __future__ import annotations

from collections.abc import Sequence

from headgate.cli.moments import bare_minute, countdown
from headgate.judge.durations import say_duration
from headgate.vocabulary import LifecycleStep
from headgate.wire.registry import LifecycleSettings, PlannedStep
from headgate.wire.status import ModelStatus

WIDTH = 60
_WEEK_MS, _DAY_MS = 604_800_000, 86_400_000
_MARKS = {
    LifecycleStep.DEPRECATE: "D",
    LifecycleStep.ARCHIVE: "A",
    LifecycleStep.REMOVE: "R",
    LifecycleStep.DELETE_ARTIFACT: "X",
}
_LEGEND = "D deprecated   A archived   R removed   X artifacts ordered deleted   … waits"


def plan_lines(status: ModelStatus, now_ms: int) -> list[str]:
    """The whole plan for people; dates are UTC."""
    steps = status.lifecycle
    known = status.lifecycle_settings
    settings = [] if known is None else ["", *settings_lines(known)]
    if not steps:
        return [f"Nothing is planned for the versions of {status.model}.", *settings]
    lines = [f"Lifecycle of {status.model}, dates in UTC", ""]
    return [*lines, *_table(steps, now_ms), "", *timeline_plot(steps, now_ms), *settings]


def settings_lines(settings: LifecycleSettings) -> list[str]:
    """Every setting in words."""
    ms = {name: _span(getattr(settings, name)) for name in _SPANS}
    return [
        f"After the promotion that replaced it: deprecated {ms['deprecate_ms']}, archived "
        f"{ms['archive_ms']}, removed {ms['remove_ms']}; artifacts are ordered deleted "
        f"{ms['artifacts_ms']} after archiving.",
        f"Without one: in development for {ms['development_ms']} ({settings.development_versions} "
        f"versions at most), in staging {ms['staging_ms']} ({settings.staging_versions}), "
        f"deprecated {ms['deprecated_ms']}, archived {ms['archived_ms']}.",
        f"Announced {ms['notice_ms']} ahead, and again {ms['reminder_ms']} ahead.",
    ]


_SPANS = tuple(name for name in LifecycleSettings.__struct_fields__ if name.endswith("_ms"))


def _span(duration_ms: int) -> str:
    """In the unit that a person would have written: `10 w`, `90 d`."""
    for unit_ms, unit in ((_WEEK_MS, "w"), (_DAY_MS, "d")):
        if duration_ms and duration_ms % unit_ms == 0:
            return f"{duration_ms // unit_ms} {unit}"
    return say_duration(duration_ms)


def _table(steps: Sequence[PlannedStep], now_ms: int) -> list[str]:
    rows = [("VERSION", "STEP", "WHEN", "IN", "WHY")]
    for row in steps:
        if row.at_ms is None:
            rows.append((row.version, row.step, "waits", "-", row.why))
        else:
            left = countdown(row.at_ms, now_ms).removeprefix("in ")
            rows.append((row.version, row.step, bare_minute(row.at_ms), left, row.why))
    wide = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  ".join([*(cell.ljust(size) for cell, size in zip(row, wide, strict=False)), row[4]])
        for row in rows
    ]


def timeline_plot(steps: Sequence[PlannedStep], now_ms: int, width: int = WIDTH) -> list[str]:
    """From now to the last step that has a date: a mark for each step, dots up to it."""
    dated = [row.at_ms for row in steps if row.at_ms is not None]
    span_ms = max([_WEEK_MS, *(at_ms - now_ms for at_ms in dated)])
    left = max(len(row.version) for row in steps)
    lines = []
    for version in dict.fromkeys(row.version for row in steps):
        mine = [row for row in steps if row.version == version]
        lines.append(f"{version:>{left}} │{_line(mine, now_ms, span_ms, width)}")
    end = say_duration(span_ms)
    foot = f"{'':>{left}}  now{end:>{width - 3}}"
    return [*lines, f"{'':>{left}} └{'─' * width}", foot, _LEGEND]


def _line(steps: Sequence[PlannedStep], now_ms: int, span_ms: int, width: int) -> str:
    cells = [" "] * width
    for row in steps:
        if row.at_ms is None:
            cells[-1] = "…"
            continue
        share = min(max((row.at_ms - now_ms) / span_ms, 0), 1)
        place = int(share * (width - len(_MARKS)))  # room for steps of one moment at the end
        while place + 1 < width and cells[place] not in {" ", "·"}:
            place += 1
        cells[: place + 1] = ["·" if cell == " " else cell for cell in cells[: place + 1]]
        cells[place] = _MARKS[row.step]
    return "".join(cells).rstrip()
