"""A round of checks: every request once, its outcome shown and, where wanted, reported."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from headgate.checks.calls import Call
from headgate.cli.asking import answer_lines
from headgate.cli.checks_asked import not_asked
from headgate.cli.options import print_json
from headgate.cli.registry_tables import print_table
from headgate.cli.requests import Answer, ask, request_fields
from headgate.config import Settings
from headgate.wire.rollout_requests import ReportCheck

if TYPE_CHECKING:
    from headgate.checks.asking import Result

MAX_DETAIL = 1024
COLUMNS = ("check", "outcome", "attempts", "status", "ms", "says")


@dataclass(frozen=True, slots=True)
class Target:
    """What is checked; both may be empty where nothing is reported."""

    model: str
    version: str

    def __str__(self) -> str:
        return " ".join(filter(None, (self.model, self.version)))


@dataclass(frozen=True, slots=True)
class Reporter:
    """Reports outcomes to Headgate in somebody's name."""

    settings: Settings
    target: Target
    operator: str
    reason: str
    timeout_s: float

    def unwanted(self, checks: Sequence[str]) -> dict[str, str]:
        """Why nobody asks for each of these checks of the version, by name."""
        return not_asked(self.settings, self.target.model, self.target.version, checks)

    def report(self, row: Result) -> tuple[ReportCheck, Answer]:
        """Say what a check found, and wait for what Headgate makes of it."""
        request = ReportCheck(
            **request_fields(self.target.model, self.operator, self.reason),
            version=self.target.version,
            check=row.check,
            passed=row.passed,
            detail=row.sentence[:MAX_DETAIL],
        )
        return request, ask(self.settings, request, timeout_s=self.timeout_s)


@dataclass(frozen=True, slots=True)
class Round:
    """What came of every check and report, and why what was not asked for is not reported."""

    results: Sequence[Result]
    reports: Sequence[tuple[ReportCheck, Answer]] = ()
    unreported: Mapping[str, str] = field(default_factory=dict)

    @property
    def fine(self) -> bool:
        """Whether every check passed and every report was taken."""
        return all(r.passed for r in self.results) and all(a.accepted for _, a in self.reports)

    def show(self, target: Target, *, as_json: bool) -> None:
        """Print it: a table for people, one line of JSON for machines."""
        if as_json:
            print_json(self._to_json(target))
            return
        title = f"Checks of {target}" if str(target) else "Checks"
        print_table(COLUMNS, [_cells(row) for row in self.results], title)
        passed = sum(row.passed for row in self.results)
        typer.echo(f"{passed} of {len(self.results)} checks passed.")
        for request, answer in self.reports:
            for line in answer_lines(request, answer):
                typer.echo(line)
        for check, why in self.unreported.items():
            typer.echo(f"Not reported: {check}; {why}.")

    def _to_json(self, target: Target) -> dict[str, Any]:
        return {
            "model": target.model,
            "version": target.version,
            "passed": all(row.passed for row in self.results),
            "checks": [asdict(row) for row in self.results],
            "reports": [answer.to_json() for _, answer in self.reports],
            "not_reported": dict(self.unreported),
        }


def run_once(calls: Sequence[Call], reporter: Reporter | None) -> Round:
    """Send every request and, with a reporter, tell Headgate what came of what it asks for."""
    from headgate.checks.asking import ask_all  # noqa: PLC0415 - aiohttp takes long to load

    results = asyncio.run(ask_all(calls))
    if reporter is None:
        return Round(results)
    left = reporter.unwanted([row.check for row in results])
    reports = [reporter.report(row) for row in results if row.check not in left]
    return Round(results, reports, left)


def chosen(calls: Sequence[Call], only: Sequence[str]) -> tuple[Call, ...]:
    """The calls that are named, in the file's order; all where none is."""
    known = [call.check for call in calls]
    unknown = sorted(set(only) - set(known))
    if unknown:
        raise typer.BadParameter(f"FILE has no {', '.join(unknown)}; it has: {', '.join(known)}")
    return tuple(call for call in calls if not only or call.check in only)


def _cells(row: Result) -> tuple[Any, ...]:
    ms = None if row.latency_ms is None else f"{row.latency_ms:,.0f}"
    outcome = "passed" if row.passed else "FAILED"
    return row.check, outcome, f"{row.attempts} of {row.allowed}", row.status, ms, row.sentence
