"""A model's status as a person reads it: coloured tables on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from headgate.cli import answers, phrases
from headgate.cli.course_view import check_words, course_line, course_text
from headgate.cli.detail import ALL, FULL, Clipped, Detail
from headgate.cli.evidence_view import EvidenceTable, evidence_lines, evidence_of
from headgate.cli.moments import countdown, second
from headgate.cli.versions_view import (
    COLUMNS,
    VersionsTable,
    arm_styles,
    cells_of,
    version_rows,
    window_words,
)
from headgate.judge.durations import say_duration
from headgate.vocabulary import BASIS_POINTS, Mode, Verdict
from headgate.wire.status import ModelStatus, RouterStatus, TriggerStatus

_STYLES = {
    Verdict.OK: "green",
    Verdict.SUSPECT: "yellow",
    Verdict.BREACH: "bold red",
    Verdict.UNKNOWN: "dim",
}
_CHECK_STYLES = {True: "green", False: "bold red", None: "yellow"}
_ANSWER_STYLES = {"no": "bold red", "doubtful": "yellow"}
_LOUD = frozenset({Verdict.BREACH, Verdict.SUSPECT})
_BAR_CELLS = 40
SHOWN_WINDOWS_S = (60, 0)


def model_view(
    status: ModelStatus, now_ms: int | None = None, detail: Detail = FULL
) -> RenderableType:
    """One model; deadlines count down from `now_ms` (by default the status's own time)."""
    now_ms = status.at_ms if now_ms is None else now_ms
    parts: list[RenderableType] = [
        _summary(status, now_ms, detail),
        VersionsTable(status, detail.windows, airy=detail.airy),
    ]
    evidence = evidence_of(status)
    if evidence:
        parts.append(EvidenceTable(evidence, detail.evidence, airy=detail.airy))
    told = [row for row in status.triggers if not detail.brief or row.verdict in _LOUD]
    if told and detail.airy:
        parts.append(_triggers(status, told, now_ms))
    lines = ALL if detail.airy else 1
    parts.extend(Clipped(row, lines) for row in [*_alerts(status, now_ms)][: detail.alerts])
    routers = [row for row in status.routers if detail.airy or is_behind(status, row)]
    if routers:
        parts.append(Clipped(_routers(status, routers, now_ms), lines))
    return Panel(Group(*parts), title=Text(_title(status)), title_align="left", box=box.ROUNDED)


def plain_lines(status: ModelStatus, now_ms: int | None = None) -> list[str]:
    """The same without boxes and colours, one fact a line."""
    now_ms = status.at_ms if now_ms is None else now_ms
    facts = [*_facts(status, now_ms), *_course_facts(status, now_ms)]
    lines = [
        _title(status),
        *(f"  {name}: {words}" for name, words in _named(facts)),
    ]
    for version, row in version_rows(status, SHOWN_WINDOWS_S):
        shown = zip(COLUMNS, cells_of(row), strict=True)
        cells = ", ".join(f"{name} {cell}" for name, cell in shown if cell != "-")
        lines.append(f"  {version}, {window_words(row)}: {cells}")
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
    styles = arm_styles(status)
    for arm in status.weights:
        cells = round(arm.weight * _BAR_CELLS / BASIS_POINTS)
        bar.append("█" * max(cells, 1 if arm.weight else 0), style=styles[arm.version])
    return bar


def _title(status: ModelStatus) -> str:
    mode = " - OBSERVE: judges, does not act" if status.mode is Mode.OBSERVE else ""
    return f"{status.model} - revision {status.revision} - {status.policy or 'no policy'}{mode}"


def _facts(status: ModelStatus, now_ms: int) -> list[tuple[str, str]]:
    facts = [
        ("runs", answers.runs_now(status)),
        ("good so far", answers.good_so_far(status)),
        *_listed("pinned", answers.pinned_callers(status)),
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
    course = course_line(status.rollout, now_ms) if status.rollout is not None else ""
    checks = [words for words, _ in check_words(status, now_ms)]
    return [*_listed("course", [course] if course else []), *_listed("checks", checks)]


def _course_rows(table: Table, status: ModelStatus, now_ms: int, detail: Detail) -> None:
    """The same drawn."""
    course = course_text(status.rollout, now_ms) if status.rollout is not None else None
    if course:
        table.add_row("course", Clipped(course, detail.fact_lines))
    checks = [Text(words, _CHECK_STYLES[ok]) for words, ok in check_words(status, now_ms)]
    if checks and not detail.airy:
        checks = [Text(", ").join(checks)]
    for place, words in enumerate(checks):
        table.add_row("" if place else "checks", Clipped(words, detail.fact_lines))


def _summary(status: ModelStatus, now_ms: int, detail: Detail) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    if status.weights:
        table.add_row("split", split_bar(status))
    _course_rows(table, status, now_ms, detail)
    for name, words in _shown_facts(status, now_ms, detail):
        is_command = words.startswith("headgate ")  # half a command is of no use
        lines = max(detail.fact_lines, 2 if is_command else 1)
        style = "cyan" if is_command else _ANSWER_STYLES.get(words.partition(":")[0], "")
        table.add_row(name, Clipped(Text(words, style=style), lines))
    return table


def _shown_facts(status: ModelStatus, now_ms: int, detail: Detail) -> list[tuple[str, str]]:
    """The facts that there is room for; how many commands are left out is told."""
    rooms = {
        "pinned": detail.commands,
        "how sure": detail.sure,
        "you can": detail.commands,
        "as of": ALL * detail.airy,
    }
    groups: dict[str, list[str]] = {}
    for name, words in _facts(status, now_ms):
        groups.setdefault(name or next(reversed(groups)), []).append(words)
    shown = []
    for name, lines in groups.items():
        kept = lines[: rooms.get(name, ALL)]
        if name == "you can" and len(kept) < len(lines):
            kept[-1] += f"  (+{len(lines) - len(kept)}: headgate status)"
        shown += _listed(name, kept)
    return shown


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


def _alerts(status: ModelStatus, now_ms: int) -> Iterable[Text]:
    for alert in status.alerts:
        style = "bold red" if alert.severity == "critical" else "yellow"
        text = Text(f"{alert.state} {alert.alert_id}{_due(alert.deadline_ms, now_ms)} ", style)
        yield text.append(alert.sentence, style="default not bold")


def is_behind(status: ModelStatus, router: RouterStatus) -> bool:
    """Whether a router is not known to obey the split in force, or refuses commands."""
    return not router.live or router.revision < status.revision or bool(router.refused)


def _routers(status: ModelStatus, routers: Iterable[RouterStatus], now_ms: int) -> Text:
    said = []
    for router in routers:
        heard = say_duration(max(0, now_ms - router.heard_ms))
        behind = "" if router.revision >= status.revision else " (behind)"
        live = "" if router.live else f", not heard for {heard}"
        refused = phrases.refused_commands(router)
        said.append(f"{router.router_id} at revision {router.revision}{behind}{live}{refused}")
    return Text(f"routers: {'; '.join(said)}", style="dim")
