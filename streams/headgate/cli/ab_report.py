"""The report of an A/B test for people: tables with interval bars, or Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from math import log

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from headgate.cli.phrases import share
from headgate.judge.durations import say_duration
from headgate.measure.metrics import METRICS
from headgate.vocabulary import AbVerdict
from headgate.wire.reports import ArmResult, PairResult, TestReport

BAR_CELLS = 31
_SHOWN_TIMES = 3.0  # of the smallest difference that matters, on each side of none
_ARM_METRICS = (
    "rating_mean",
    "success_rate",
    "error_rate",
    "latency_p50_ms",
    "latency_p95_ms",
    "tokens_mean",
    "cost_mean_usd",
)
_STYLES = {
    AbVerdict.WINNER: "green",
    AbVerdict.NO_DIFFERENCE: "cyan",
    AbVerdict.TRADE_OFF: "yellow",
    AbVerdict.NOT_ENOUGH: "dim",
}


def report_view(report: TestReport) -> RenderableType:
    """The whole report as tables."""
    return Group(_headline(report), "", _arms(report), "", _pairs(report), "", _foot(report))


def _headline(report: TestReport) -> Text:
    if report.void:
        return Text(f"Void: {report.void}. Nothing below may be believed.", style="bold red")
    return Text(headline(report), style=f"bold {_STYLES[report.verdict]}")


def headline(report: TestReport) -> str:
    """The verdict in a sentence."""
    return f"Void: {report.void}." if report.void else report.sentence


def _arms(report: TestReport) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("arm", "share", "requests"):
        table.add_column(name, justify="left" if name == "arm" else "right", no_wrap=True)
    shown = [name for name in _ARM_METRICS if _is_known(report, name)]
    for name in shown:
        table.add_column(METRICS[name].noun, justify="right")
    for arm in report.arms:
        table.add_row(*arm_cells(arm, shown))
    return table


def _is_known(report: TestReport, metric: str) -> bool:
    return any(getattr(arm, metric) is not None for arm in report.arms)


def arm_cells(arm: ArmResult, metrics: Iterable[str]) -> list[str]:
    """One arm's row."""
    cells = [arm.version, share(arm.weight), f"{arm.requests:,}"]
    return cells + [METRICS[name].say(getattr(arm, name)) for name in metrics]


def _pairs(report: TestReport) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("comparison")
    table.add_column("difference", justify="right", no_wrap=True)
    table.add_column("interval", no_wrap=True)
    table.add_column(f"one is {'lower':<13}{'higher':>14}", no_wrap=True)
    table.add_column("verdict")
    for row in report.pairs:
        style = _STYLES[row.verdict]
        table.add_row(
            f"{METRICS[row.metric].noun}: {row.one} to {row.other}",
            difference(row),
            interval(row),
            Text(interval_bar(row), style=style),
            Text(verdict(row), style=style),
        )
    return table


def difference(row: PairResult) -> str:
    """`+3.1%`, or nothing while nothing was seen."""
    return "" if row.difference is None else f"{row.difference:+.1%}"


def interval(row: PairResult) -> str:
    """`-1.2% to +7.5%`."""
    if row.low is None:
        return "not yet"
    high = "no bound" if row.high is None else f"{row.high:+.1%}"
    return f"{row.low:+.1%} to {high}"


def verdict(row: PairResult) -> str:
    """The end of the sentence: who is better, or what is missing."""
    return row.sentence.rpartition(": ")[2].rstrip(".")


def interval_bar(row: PairResult) -> str:
    """The interval between three times the smallest difference that matters, on a log scale: `=` is
    the interval, `|` no difference, `:` the smallest difference that matters.
    """
    span, cells = _SHOWN_TIMES * log(1 + row.matters), ["."] * BAR_CELLS
    marks = {-log(1 + row.matters): ":", log(1 + row.matters): ":", 0.0: "|"}
    if row.low is not None:
        low = log(1 + row.low) if row.low > -1 else -span
        high = log(1 + row.high) if row.high is not None and row.high > -1 else span
        for cell in range(_cell(low, span), _cell(high, span) + 1):
            cells[cell] = "="
    for at, mark in marks.items():
        cells[_cell(at, span)] = mark
    return "".join(cells)


def _cell(at: float, span: float) -> int:
    share_of_span = (min(max(at, -span), span) + span) / (2 * span)
    return round(share_of_span * (BAR_CELLS - 1))


def _foot(report: TestReport) -> Text:
    return Text("\n".join(foot_lines(report)), style="dim")


def foot_lines(report: TestReport) -> list[str]:
    """How sure all this is, and how long it took."""
    took = say_duration(max(report.at_ms - report.began_ms, 0))
    forecast = f"; the forecast was {report.needed:,}" if report.needed is not None else ""
    lines = [f"{report.requests:,} requests in {took}{forecast}."]
    lines.append(
        f"Intervals hold however often they are read: all together are wrong in at most "
        f"{100 * report.alpha:g}% of tests."
    )
    if report.verdict is AbVerdict.NOT_ENOUGH and report.more is not None:
        lines.append(f"About {report.more:,} more requests until the first criterion decides.")
    return lines


def markdown(model: str, report: TestReport) -> str:
    """The report to paste into a ticket."""
    shown = [name for name in _ARM_METRICS if _is_known(report, name)]
    heads = ["arm", "share", "requests", *(METRICS[name].noun for name in shown)]
    lines = [f"# A/B test of {model}", "", f"**{headline(report)}**", "", *_row(heads)]
    lines.append(f"|{' --- |' * len(heads)}")
    for arm in report.arms:
        lines += _row(arm_cells(arm, shown))
    heads = ["comparison", "difference", "interval", "verdict"]
    lines += ["", *_row(heads), f"|{' --- |' * len(heads)}"]
    for row in report.pairs:
        name = f"{METRICS[row.metric].noun}: {row.one} to {row.other}"
        lines += _row([name, difference(row), interval(row), verdict(row)])
    return "\n".join([*lines, "", *foot_lines(report)])


def _row(cells: Iterable[str]) -> list[str]:
    return [f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"]
