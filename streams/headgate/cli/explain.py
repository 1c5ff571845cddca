"""`headgate explain`: why a decision was taken, with the evidence behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from msgspec import to_builtins

from headgate.cli.events import decode_event
from headgate.cli.failures import ExitCode
from headgate.cli.moments import second
from headgate.cli.options import AsJson, examples, on_broker, print_json
from headgate.cli.phrases import split_words
from headgate.cli.plot import evidence_plot, say_evidence
from headgate.cli.reading import Record, read_to_end
from headgate.config import Settings
from headgate.judge.durations import say_duration
from headgate.judge.sequential.samples import SAMPLED, Family
from headgate.measure.metrics import METRICS
from headgate.vocabulary import HEADGATE, Topic
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import BadValueError
from headgate.wire.control import Because, Command

_TAKEN_BY = ("decision", "accepted")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "headgate tail audit --from-beginning --exit --json | grep decision_id",
            "headgate explain d-2-1043-9f31c2aa",
            "headgate explain d-2-1043-9f31c2aa --json",
        )
    )(explain)


@dataclass(frozen=True, slots=True)
class Decision:
    """All that the topics still hold of one decision: at least one record or the command."""

    decision_id: str
    records: tuple[AuditRecord, ...]
    command: Command | None

    @property
    def taken(self) -> AuditRecord | None:
        """The record of the decision itself rather than of what came of it."""
        first = [record for record in self.records if record.event in _TAKEN_BY]
        return next(iter([*first, *self.records]), None)

    @property
    def reasons(self) -> tuple[Because, ...]:
        """Why, where it was decided by evidence."""
        found = self.taken.reasons if self.taken else ()
        return found or (self.command.reasons if self.command else ())

    @property
    def judged(self) -> str:
        """Who the numbers are about: the `candidate` of a rollout, or what was in `production`."""
        alone = self.command is not None and not self.command.rollout_id
        usual = "production" if alone else "candidate"
        return str(self.taken.details.get("role", usual)) if self.taken else usual

    def to_json(self) -> dict[str, Any]:
        """As the topics hold it."""
        return {
            "decision_id": self.decision_id,
            "audit": to_builtins(self.records),
            "command": to_builtins(self.command),
            "reasons": to_builtins(self.reasons),
        }


@on_broker
def explain(
    decision_id: Annotated[
        str, typer.Argument(metavar="DECISION_ID", help="As alerts, audit and control name it.")
    ],
    *,
    settings: Settings,
    as_json: AsJson = False,
) -> None:
    """Why a decision was taken: the numbers of both arms and the evidence over time.

    Exit code 1 for a decision that the audit topic does not hold.
    """
    records = [*read_to_end(settings, Topic.AUDIT), *read_to_end(settings, Topic.CONTROL)]
    found = find_decision(decision_id, records)
    if found is None:
        typer.echo(
            f"No decision {decision_id} is known: `headgate tail audit --from-beginning --exit "
            "--json` shows the ids, and --topic-prefix must be the installation's.",
            err=True,
        )
        raise typer.Exit(ExitCode.NEGATIVE)
    if as_json:
        print_json(found.to_json())
        return
    for line in decision_lines(found):
        typer.echo(line)


def find_decision(decision_id: str, records: Iterable[Record]) -> Decision | None:
    """What records of `audit` and `control` say of a decision; unreadable ones are left out."""
    audit: dict[str, AuditRecord] = {}
    command = None
    for record in records:
        with suppress(BadValueError):
            message = decode_event(record)
            if getattr(message, "decision_id", None) != decision_id:
                continue
            if isinstance(message, AuditRecord):
                audit[message.audit_id] = message
            elif isinstance(message, Command):
                command = message
    if not audit and command is None:
        return None
    return Decision(decision_id, tuple(audit.values()), command)


def decision_lines(decision: Decision) -> list[str]:
    """The decision for people."""
    lines = _heading(decision)
    for reason in decision.reasons:
        numbers = _evidence(reason.evidence, decision.judged)
        lines += ["", f"{reason.trigger}: {reason.sentence}", *numbers]
    if not decision.reasons:
        lines += ["", "It rests on no trigger: a person asked for it, or its reasons are gone."]
    later = [record for record in decision.records if record is not decision.taken]
    if later:
        lines += ["", "Afterwards"]
        lines += [f"  {second(record.at_ms)} {record.sentence}" for record in later]
    return lines


def _heading(decision: Decision) -> list[str]:
    taken, command = decision.taken, decision.command
    about = taken or command
    lines = [f"Decision {decision.decision_id} on {about.model if about else ''}"]
    if taken is not None:
        would = " (observe mode: it would have)" if taken.would_have else ""
        lines += [f"  {second(taken.at_ms)}{would}", f"  {taken.sentence}"]
        if taken.operator not in {"", HEADGATE}:
            why = f": {taken.operator_reason}" if taken.operator_reason else ""
            lines.append(f"  asked for by {taken.operator}{why}")
    if command is not None:
        way = f"from {command.from_version} to {command.to_version}"
        move = f", {way}" if command.from_version or command.to_version else ""
        lines.append(f"  {command.action}{move}: {split_words(command.weights)}")
        lines.append(f"  revision {command.revision}")
    elif taken is not None:
        lines.append("  The command is no longer on control: a newer one has replaced it.")
    return lines


def _evidence(numbers: dict[str, Any], judged: str) -> list[str]:
    """The numbers behind one reason, and where it was proven the evidence over time."""
    lines = [
        f"  {name:<10} {_value(numbers, key)}{_counts(numbers, key)}"
        for name, key in ((judged, "candidate"), ("stable", "stable"))
        if numbers.get(key) is not None
    ]
    if numbers.get("limit") is not None:
        lines.append(f"  {'limit':<10} {_say(numbers, numbers['limit'])}")
    e_value, needed = numbers.get("e_value"), numbers.get("e_needed")
    if e_value is not None and needed is not None:
        odds = f"{say_evidence(e_value)} to 1, {say_evidence(needed)} needed"
        lines.append(f"  {'evidence':<10} {odds}")
    if numbers.get("took_ms") is not None:
        lines.append(f"  {'took':<10} {say_duration(numbers['took_ms'])}")
    if needed is not None:
        lines += _plotted(numbers.get("path", ()), needed)
    return lines


def _plotted(path: Sequence[Sequence[float]], needed: float) -> list[str]:
    plot = evidence_plot(path, needed)
    return ["", "Evidence since the phase began (odds to 1, logarithmic)", *plot] if plot else []


def _value(numbers: dict[str, Any], key: str) -> str:
    """An arm's value; of quantiles a proof counts who is slower than a value fixed before."""
    sampled = SAMPLED.get(str(numbers.get("metric", "")))
    if numbers.get("proof") != "sequential" or not sampled or sampled.family is not Family.QUANTILE:
        return _say(numbers, numbers[key])
    than = "the limit" if key == "candidate" else "stable's own value before"
    return f"{numbers[key]:.2%} took longer than {than}"


def _say(numbers: dict[str, Any], value: float) -> str:
    row = METRICS.get(str(numbers.get("metric", "")))
    return f"{value:,.6g}" if row is None else row.say(value)


def _counts(numbers: dict[str, Any], arm: str) -> str:
    samples, hits = numbers.get(f"{arm}_samples"), numbers.get(f"{arm}_hits")
    if samples is None:
        return ""
    row = METRICS.get(str(numbers.get("metric", "")))
    unit = row.unit_samples if row else "samples"
    return f" ({hits:,} of {samples:,} {unit})" if hits is not None else f" ({samples:,} {unit})"
