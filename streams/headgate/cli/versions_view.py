"""The versions' numbers: over which windows, in which columns, in how wide a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from headgate.cli import phrases
from headgate.judge.durations import say_duration
from headgate.wire.status import ModelStatus, WindowRow

COLUMNS = ("req/s", "requests", "p50 ms", "p95 ms", "errors", "rating", "halluc.", "unsafe", "$/1k")
_COLUMNS_FROM = (
    (104, COLUMNS),
    (72, ("req/s", "p95 ms", "errors", "rating", "halluc.")),
    (0, ("p95 ms", "errors", "rating")),
)


def version_rows(status: ModelStatus, windows: Sequence[int]) -> Iterable[tuple[str, WindowRow]]:
    """Each version's label with its numbers over these windows."""
    for version in status.versions:
        for row in version.windows:
            if row.window_s in windows and (version.role or row.outcomes):
                yield phrases.version_label(version), row


def window_words(row: WindowRow) -> str:
    """`1 min`, or `in all`."""
    return say_duration(row.window_s * 1000) if row.window_s else "in all"


def cells_of(row: WindowRow) -> tuple[str, ...]:
    """A cell for each of `COLUMNS`."""
    cost = None if row.cost_mean_usd is None else row.cost_mean_usd * 1000
    return (
        phrases.number(row.requests_per_s, 1),
        phrases.number(row.requests),
        phrases.number(row.latency_p50_ms),
        phrases.number(row.latency_p95_ms),
        phrases.percent(row.error_rate),
        phrases.number(row.rating_mean, 2),
        phrases.percent(row.hallucination_rate),
        phrases.number(row.safety_violations),
        phrases.number(cost, 2),
    )


def arm_styles(status: ModelStatus) -> dict[str, str]:
    """The colour of each arm of the split, in the order of the split."""
    names = [arm.version for arm in status.weights]
    return dict(zip(names, cycle(("yellow", "green", "cyan", "magenta")), strict=False))


class VersionsTable:
    """The versions' numbers; on a narrow terminal the columns that matter most."""

    def __init__(self, status: ModelStatus, windows: Sequence[int], *, airy: bool) -> None:
        self._rows, self._styles = list(version_rows(status, windows)), arm_styles(status)
        self._box = box.SIMPLE_HEAD if airy else None
        self._one = window_words(WindowRow(window_s=windows[0])) if len(windows) == 1 else ""

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        columns = next(names for least, names in _COLUMNS_FROM if options.max_width >= least)
        table = Table(box=self._box, padding=(0, 1), expand=True)
        table.add_column(f"version, {self._one}" if self._one else "version", overflow="fold")
        if not self._one:
            table.add_column("window", justify="right", no_wrap=True)
        for name in columns:
            table.add_column(name, justify="right", no_wrap=True)
        shown = ""
        for version, row in self._rows:
            cells = dict(zip(COLUMNS, cells_of(row), strict=True))
            style = self._styles.get(version.partition(" (")[0], "")
            label = Text("" if version == shown else version, style)
            window = () if self._one else (window_words(row),)
            table.add_row(label, *window, *(cells[name] for name in columns))
            shown = version
        yield table
