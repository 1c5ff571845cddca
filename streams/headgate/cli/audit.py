"""`headgate audit verify`: does the history on `audit` show a gap or an edit?"""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import to_builtins

from headgate.cli.failures import ExitCode
from headgate.cli.options import AsJson, MaybeModel, examples, on_broker, print_json
from headgate.cli.reading import latest_statuses, read_to_end
from headgate.config import Settings
from headgate.vocabulary import Topic
from headgate.wire.chains import ChainReport, Finding, verify_chains

SHOWN = 20

audit_app = typer.Typer(
    no_args_is_help=True, help="The history of decisions, and whether it holds."
)

Shown = Annotated[int, typer.Option("--show", min=1, help="How many findings to print.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    example = examples("headgate audit verify", "headgate audit verify support-agent --json")
    audit_app.command(epilog=example)(verify)
    app.add_typer(audit_app, name="audit")


@on_broker
def verify(
    *, settings: Settings, model: MaybeModel = None, show: Shown = SHOWN, as_json: AsJson = False
) -> None:
    """Follow the chain of audit records: each carries the hash of the one before it.

    Ends are compared with the models' status, read first. Exit code 1 if anything is missing,
    edited or added, and for a MODEL without any record.
    """
    heads = {name: status.audit for name, status in latest_statuses(settings).items()}
    records = read_to_end(settings, Topic.AUDIT)
    report = verify_chains((row.value or b"" for row in records), heads)
    findings = [row for row in report.findings if model in (None, row.model)]
    unknown = model is not None and (model, "") not in report.chains
    if as_json:
        print_json(_for_machines(report, findings, model))
    else:
        for line in _lines(report, findings, model, show):
            typer.echo(line)
    if findings or unknown:
        raise typer.Exit(ExitCode.NEGATIVE)


def _for_machines(
    report: ChainReport, findings: list[Finding], model: str | None
) -> dict[str, object]:
    return {
        "ok": not findings,
        "records": report.records,
        "repeats": report.repeats,
        "unchained": report.unchained,
        "chains": {
            name or chain: to_builtins(head)
            for (name, chain), head in report.chains.items()
            if model in (None, name)
        },
        "findings": to_builtins(findings),
    }


def _lines(report: ChainReport, findings: list[Finding], model: str | None, show: int) -> list[str]:
    chains = {key: head for key, head in report.chains.items() if model in (None, key[0])}
    if not chains:
        return [f"No audit record of {model} is chained." if model else "There is no record yet."]
    lines = [
        f"{name or chain}: {head.sequence} records, the newest {head.hash[:16]}"
        for (name, chain), head in chains.items()
    ]
    if report.unchained:
        lines.append(f"{report.unchained} records are from before records were chained.")
    if not findings:
        return [*lines, "No gap and no edit shows."]
    lines += [f"{row.model or row.chain or 'audit'}: {row.sentence}" for row in findings[:show]]
    if len(findings) > show:
        lines.append(f"... and {len(findings) - show} more (--show).")
    return [*lines, "The history was touched. headgate replay tells what the ledger says."]
