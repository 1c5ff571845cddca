"""`headgate replay`: does the recorded ledger still give every decision, byte for byte?"""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from headgate.cli.failures import ExitCode
from headgate.cli.options import AsJson, examples, on_broker, print_json
from headgate.cli.reading import require_topic
from headgate.config import Settings
from headgate.judge.durations import parse_duration_ms
from headgate.replay.run import ReplayReport
from headgate.replay.run import replay as fold_again
from headgate.vocabulary import Topic

NAMED = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "headgate replay",
            "headgate replay --since 10m",
            "headgate replay --since 2026-03-01T09:00:00Z --json",
        )
    )(replay)


@on_broker
def replay(
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Fold from the newest checkpoint before this: 10m ago, or an ISO 8601 time.",
        ),
    ] = None,
    *,
    settings: Settings,
    as_json: AsJson = False,
) -> None:
    """Fold the recorded ledger again and compare every command, alert and audit record.

    Exit code 1 if anything comes out differently.
    """
    since_ms = None if since is None else moment_ms(since, time.time_ns() // 1_000_000)
    require_topic(settings, Topic.LEDGER)
    report = fold_again(settings, since_ms)
    if as_json:
        print_json({**asdict(report), "ok": report.ok})
    else:
        typer.echo("\n".join(report_lines(report)))
    if not report.ok:
        raise typer.Exit(ExitCode.NEGATIVE)


def moment_ms(text: str, now_ms: int) -> int:
    """A moment as people write it: `10m` before now, or ISO 8601 (local time without an offset).

    Raises `typer.BadParameter`.
    """
    try:
        return now_ms - parse_duration_ms(text)
    except ValueError:
        pass
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a duration such as 10m nor a time such as 2026-03-01T09:00:00Z",
            param_hint="--since",
        ) from None


def report_lines(report: ReplayReport) -> list[str]:
    """The report for people: where it began, what was compared, the verdict."""
    starts = ", ".join(
        f"{partition}@{offset:,}" for partition, offset in sorted(report.from_offsets.items())
    )
    lines = [
        f"folded {report.entries:,} entries of {report.partitions} ledger partitions",
        f"  from (partition@offset): {starts or 'nowhere'}",
        *(f"  {topic}: {count:,} records compared" for topic, count in report.compared.items()),
    ]
    if report.compacted:
        lines.append(f"  {report.compacted:,} older commands are gone from control (compacted)")
    if report.pending:
        lines.append(f"  {report.pending:,} newest records were not published yet")
    kinds = (
        ("come out with other bytes", report.different),
        ("come out, but were never published", report.missing),
        ("were published, but do not come out", report.unexpected),
    )
    for words, names in kinds:
        if names:
            more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
            lines.append(f"  {len(names):,} {words}: {', '.join(names[:NAMED])}{more}")
    return [*lines, _verdict(report)]


def _verdict(report: ReplayReport) -> str:
    if report.ok:
        return "CONFIRMED: every decision comes out byte for byte."
    return (
        "NOT CONFIRMED: somebody else wrote these records, the ledger was changed, or another "
        "release of Headgate decided."
    )
