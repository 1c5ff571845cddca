"""A simulated run in words: its timeline, the weights over time, how it ended and who was met."""

from __future__ import annotations

import textwrap
from bisect import bisect_right
from collections.abc import Iterator

from headgate.judge.durations import say_duration
from headgate.sim.runs import QUANTILES, Ended, Summary
from headgate.sim.script import Script
from headgate.sim.telling import Told
from headgate.vocabulary import BASIS_POINTS

WIDTH, PLOT_WIDTH = 100, 60
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_EVENTS = {"incident_opened": "alert", "incident_resolved": "resolved", "status_changed": "version"}
_ENDINGS = {
    "promoted": "the candidate was promoted",
    "rolled_back": "the candidate was rolled back",
    "stopped": "the test was stopped, and stable serves everything again",
    "waiting": "the rollout waits for somebody",
    "running": "the rollout still runs",
    "not_started": "no rollout was started",
}


def moment(at_ms: float) -> str:
    """Time since the start of the scenario: `3d 02:00:10`, with tenths where there are any."""
    sign = "-" if at_ms < 0 else ""
    tenths = round(abs(at_ms) / 100)
    days, rest = divmod(tenths, 864_000)
    hours, rest = divmod(rest, 36_000)
    minutes, rest = divmod(rest, 600)
    fraction = f".{rest % 10}" if rest % 10 else ""
    day = f"{days}d " if days else ""
    return f"{sign}{day}{hours:02}:{minutes:02}:{rest // 10:02}{fraction}"


def run_lines(script: Script, told: Told) -> list[str]:
    """One run for people."""
    return [
        f"{script.name}, seed {told.seed}: {script.story}".rstrip(": "),
        "",
        *_timeline(told),
        "",
        *weight_plot(told),
        "",
        *_ending(script, told),
    ]


def _timeline(told: Told) -> Iterator[str]:
    rows = [
        (moment(line.at_ms), _EVENTS.get(line.event, line.event), line.sentence)
        for line in told.timeline
    ]
    when, what = (max((len(row[place]) for row in rows), default=0) for place in (0, 1))
    for at, event, sentence in rows:
        lead = f"{at:>{when}}  {event:<{what}}  "
        yield from textwrap.wrap(
            sentence, WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead)
        ) or [lead]


def weight_plot(told: Told) -> Iterator[str]:
    """A row per version: its share of the traffic from the first split to the end."""
    if not told.weights:
        return
    begin, end = told.weights[0][0], max(told.ended_ms, told.weights[-1][0] + 1)
    times = [at_ms for at_ms, _ in told.weights]
    versions = list(dict.fromkeys(name for _, split in told.weights for name in split))
    wide = max(map(len, versions))
    for version in versions:
        cells = ""
        for column in range(PLOT_WIDTH):
            at_ms = begin + (end - begin) * (column + 0.5) / PLOT_WIDTH
            weight = told.weights[max(bisect_right(times, at_ms) - 1, 0)][1].get(version, 0)
            cells += _EIGHTHS[-(-weight * 8 // BASIS_POINTS)]
        yield f"{version:>{wide}} │{cells}│"
    foot = f"{moment(begin)}{moment(end):>{PLOT_WIDTH - len(moment(begin))}}"
    yield f"{'':>{wide}}  {foot}"


def _ending(script: Script, told: Told) -> Iterator[str]:
    why = f" for {told.trigger}" if told.trigger else ""
    yield f"After {say_duration(told.ended_ms)} {_ENDINGS[told.ending]}{why}."
    for met in told.bad:
        since = f" since it turned at {moment(met.turned_ms)}" if met.turned_ms else ""
        yield (
            f"{met.version} served {met.requests:,} requests of about {met.users:,} users{since}; "
            f"{met.failures:,} of them failed."
        )
    if script.expect is not None:
        verdict = "as expected" if told.ending == script.expect else "NOT as expected"
        yield f"This is {verdict}: {_ENDINGS[script.expect]}."


def summary_lines(script: Script, summary: Summary) -> list[str]:
    """Many runs for people."""
    lines = [f"{script.name}, {summary.runs} runs: {script.story}", ""]
    for ended in summary.endings:
        lines += _ended(ended)
    if summary.as_expected is not None and script.expect is not None:
        lines.append(
            f"{summary.as_expected:.1%} of the runs ended as expected: {_ENDINGS[script.expect]}."
        )
    return lines


def _ended(ended: Ended) -> Iterator[str]:
    why = ", ".join(f"{name} {count}" for name, count in ended.triggers.items())
    yield f"{ended.share:.1%} ({ended.runs}): {_ENDINGS[ended.ending]}{f' ({why})' if why else ''}"
    names = " / ".join(f"{share:.0%}" for share in QUANTILES)
    rows = {
        "time": [say_duration(value) for value in ended.ended_ms],
        "requests": [f"{value:,.0f}" for value in ended.requests_met],
        "users": [f"{value:,.0f}" for value in ended.users_met],
    }
    for name, values in rows.items():
        yield f"    {name:<9} {' / '.join(values)}"
    yield f"    of the candidate since it turned, until then; quantiles {names}"
    yield ""
