"""A model's status as a person reads it: coloured tables on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from headgate.cli import answers, phrases
from headgate.cli.course_view import check_words, course_line, course_text
from headgate.cli.evidence_view import evidence_lines, evidence_of, evidence_table
from headgate.cli.moments import countdown, second
from headgate.judge.durations import say_duration
from headgate.vocabulary import BASIS_POINTS, Mode, Verdict
from headgate.wire.status import ModelStatus, TriggerStatus, WindowRow

_STYLES = {
    Verdict.OK: "green",
    Verdict.SUSPECT: "yellow",
    Verdict.BREACH: "bold red",
    Verdict.UNKNOWN: "dim",
}
_ARM_STYLES = ("yellow", "green", "cyan", "magenta")
_CHECK_STYLES = {True: "green", False: "bold red", None: "yellow"}
_LOUD = frozenset({Verdict.BREACH, Verdict.SUSPECT})
_BAR_CELLS = 40
SHOWN_WINDOWS_S = (60, 0)
COLUMNS = ("req/s", "requests", "p50 ms", "p95 ms", "errors", "rating", "halluc.", "unsafe", "$/1k")
NARROW_COLUMNS = ("req/s", "p95 ms", "errors", "rating", "halluc.")
ALL_COLUMNS_WIDTH = 104


def model_view(
    status: ModelStatus,
    now_ms: int | None = None,
    *,
    windows: Sequence[int] = SHOWN_WINDOWS_S,
    brief: bool = False,
) -> RenderableType:
    """The whole of one model.

    Deadlines count down from `now_ms` (by default the status's own time); `windows` are the
    windows in seconds that get a row per version, 0 for all that was ever counted. `brief` leaves
    the sentences of triggers out that are neither in doubt nor proven.
    """
    now_ms = status.at_ms if now_ms is None else now_ms
    parts: list[RenderableType] = [_summary(status, now_ms), _Versions(status, windows)]
    evidence = evidence_of(status)
    if evidence:
        parts.append(evidence_table(evidence))
    told = [row for row in status.triggers if not brief or row.verdict in _LOUD]
    if told:
        parts.append(_triggers(status, told, now_ms))
    parts.extend(_alerts(status, now_ms))
    if status.routers:
        parts.append(_routers(status, now_ms))
    return Panel(Group(*parts), title=Text(_title(status)), title_align="left", box=box.ROUNDED)


def plain_lines(status: ModelStatus, now_ms: int | None = None) -> list[str]:
    """The same without boxes and colours, one fact a line."""
    now_ms = status.at_ms if now_ms is None else now_ms
    facts = [*_facts(status, now_ms), *_course_facts(status, now_ms)]
    lines = [
        _title(status),
        *(f"  {name}: {words}" for name, words in _named(facts)),
    ]
    for version, row in _rows(status, SHOWN_WINDOWS_S):
        shown = zip(COLUMNS, _cells(row), strict=True)
        cells = ", ".join(f"{name} {cell}" for name, cell in shown if cell != "-")
        lines.append(f"  {version}, {_window(row)}: {cells}")
    lines += [f"  evidence {line}" for line in evidence_lines(evidence_of(status))]
    for trigger in phrases.by_urgency(status.triggers):
        due = _due(trigger.deadline_ms, now_ms)
        name = phrases.trigger_name(status, trigger)
        lines.append(f"  {trigger.verdict} {name}: {trigger.because.sentence}{due}")
    for alert in status.alerts:
        due = _due(alert.deadline_ms, now_ms)
        lines.append(f"  alert {alert.alert_id} {alert.state}{due}: {alert.sentence}")
    for router in status.routers:
        seen = "live" if router.live else "not heard"
        refused = phrases.refused_commands(router)
        lines.append(f"  router {router.router_id}: revision {router.revision}, {seen}{refused}")
    return lines


def _named(facts: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Each fact with a name of its own: a line by itself must say what it is about."""
    last = ""
    for name, words in facts:
        last = name or last
        yield ("or" if not name and last == "you can" else last), words


def split_bar(status: ModelStatus) -> Text:
    """The split as a bar: one colour per arm, in the order of the split; no arm vanishes."""
    bar = Text()
    for arm, style in zip(status.weights, cycle(_ARM_STYLES), strict=False):
        cells = round(arm.weight * _BAR_CELLS / BASIS_POINTS)
        bar.append("█" * max(cells, 1 if arm.weight else 0), style=style)
    return bar


def _title(status: ModelStatus) -> str:
    mode = " - OBSERVE: judges, does not act" if status.mode is Mode.OBSERVE else ""
    return f"{status.model} - revision {status.revision} - {status.policy or 'no policy'}{mode}"


def _facts(status: ModelStatus, now_ms: int) -> list[tuple[str, str]]:
    facts = [
        ("runs", answers.runs_now(status)),
        ("good so far", answers.good_so_far(status)),
        *_listed("how sure", answers.how_sure(status)),
        ("next", answers.happens_next(status, now_ms)),
        *_listed("you can", answers.can_do(status)),
        ("as of", second(status.at_ms)),
    ]
    old = answers.age_warning(status, now_ms)
    return [("careful", old), *facts] if old else facts


def _listed(name: str, lines: Sequence[str]) -> list[tuple[str, str]]:
    return [("" if place else name, line) for place, line in enumerate(lines)]


def _course_facts(status: ModelStatus, now_ms: int) -> list[tuple[str, str]]:
    """Where the rollout stands on its course, in words."""
    if status.rollout is None:
        return []
    course = course_line(status.rollout, now_ms)
    checks = [words for words, _ in check_words(status.rollout, now_ms)]
    return [*_listed("course", [course] if course else []), *_listed("checks", checks)]


def _course_rows(table: Table, status: ModelStatus, now_ms: int) -> None:
    """The same drawn."""
    if status.rollout is None:
        return
    course = course_text(status.rollout, now_ms)
    if course:
        table.add_row("course", course)
    for place, (words, passed) in enumerate(check_words(status.rollout, now_ms)):
        style = _CHECK_STYLES[passed]
        table.add_row("" if place else "checks", Text(words, style))


def _summary(status: ModelStatus, now_ms: int) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    if status.weights:
        table.add_row("split", split_bar(status))
    _course_rows(table, status, now_ms)
    for name, words in _facts(status, now_ms):
        table.add_row(name, Text(words, style="cyan" if words.startswith("headgate ") else ""))
    return table


def _rows(status: ModelStatus, windows: Sequence[int]) -> Iterable[tuple[str, WindowRow]]:
    for version in status.versions:
        for row in version.windows:
            if row.window_s in windows and (version.role or row.outcomes):
                yield phrases.version_label(version), row


def _window(row: WindowRow) -> str:
    return say_duration(row.window_s * 1000) if row.window_s else "in all"


def _cells(row: WindowRow) -> tuple[str, ...]:
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


class _Versions:
    """The versions' numbers; on a narrow terminal the columns that matter most."""

    def __init__(self, status: ModelStatus, windows: Sequence[int]) -> None:
        self._rows = list(_rows(status, windows))

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        columns = COLUMNS if options.max_width >= ALL_COLUMNS_WIDTH else NARROW_COLUMNS
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), expand=True)
        table.add_column("version", overflow="fold")
        table.add_column("window", justify="right", no_wrap=True)
        for name in columns:
            table.add_column(name, justify="right", no_wrap=True)
        shown = ""
        for version, row in self._rows:
            cells = dict(zip(COLUMNS, _cells(row), strict=True))
            label = Text("" if version == shown else version)
            table.add_row(label, _window(row), *(cells[name] for name in columns))
            shown = version
        yield table


def _triggers(status: ModelStatus, told: Iterable[TriggerStatus], now_ms: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), expand=True)
    for name in ("verdict", "trigger", "because"):
        table.add_column(name, no_wrap=name != "because", ratio=1 if name == "because" else None)
    for row in phrases.by_urgency(told):
        style = _STYLES[row.verdict]
        sentence = f"{row.because.sentence}{_due(row.deadline_ms, now_ms)}"
        name = phrases.trigger_name(status, row)
        table.add_row(Text(row.verdict, style=style), Text(name), Text(sentence))
    return table


def _due(deadline_ms: int | None, now_ms: int) -> str:
    return "" if deadline_ms is None else f" [deadline {countdown(deadline_ms, now_ms)}]"


def _alerts(status: ModelStatus, now_ms: int) -> Iterable[RenderableType]:
    for alert in status.alerts:
        style = "bold red" if alert.severity == "critical" else "yellow"
        text = Text(f"{alert.state} {alert.alert_id}{_due(alert.deadline_ms, now_ms)} ", style)
        yield text.append(alert.sentence, style="default not bold")


def _routers(status: ModelStatus, now_ms: int) -> Text:
    said = []
    for router in status.routers:
        heard = say_duration(max(0, now_ms - router.heard_ms))
        behind = "" if router.revision >= status.revision else " (behind)"
        live = "" if router.live else f", not heard for {heard}"
        refused = phrases.refused_commands(router)
        said.append(f"{router.router_id} at revision {router.revision}{behind}{live}{refused}")
    return Text(f"routers: {'; '.join(said)}", style="dim")
