"""Evidence as bars: how far each trigger is on its way to a proof of bad, and to one of good."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from rich import box
from rich.table import Table
from rich.text import Text

from headgate.cli.phrases import trigger_name
from headgate.cli.plot import say_evidence
from headgate.wire.status import ModelStatus, TriggerStatus

CELLS = 12


@dataclass(frozen=True, slots=True)
class Way:
    """Evidence `e_value` to 1 of `needed`."""

    e_value: float
    needed: float

    @property
    def progress(self) -> float:
        """From 0 (nothing speaks for it) to 1 (proven), on a logarithmic scale."""
        if self.needed <= 1:
            return 1.0
        return min(max(log(max(self.e_value, 1.0)) / log(self.needed), 0.0), 1.0)

    @property
    def words(self) -> str:
        """`12 of 400`."""
        return f"{say_evidence(self.e_value)} of {say_evidence(self.needed)}"


@dataclass(frozen=True, slots=True)
class TriggerEvidence:
    """Both ways of one trigger; None where it is not tested that way."""

    name: str
    bad: Way | None
    good: Way | None


def evidence_of(status: ModelStatus) -> list[TriggerEvidence]:
    """Every trigger that is proven by evidence, in the policy's order."""
    rows = [
        TriggerEvidence(
            trigger_name(status, row),
            _way(row, "e_value", "e_needed"),
            _way(row, "e_good", "e_good_needed"),
        )
        for row in status.triggers
    ]
    return [row for row in rows if row.bad is not None or row.good is not None]


def _way(row: TriggerStatus, value: str, needed: str) -> Way | None:
    numbers = row.because.evidence
    if numbers.get(value) is None or numbers.get(needed) is None:
        return None
    return Way(float(numbers[value]), float(numbers[needed]))


def evidence_table(rows: list[TriggerEvidence]) -> Table:
    """A row per trigger with both bars."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("evidence", no_wrap=True)
    table.add_column("towards bad", no_wrap=True)
    table.add_column("towards good", no_wrap=True)
    for row in rows:
        table.add_row(Text(row.name), _bar(row.bad, "red"), _bar(row.good, "green"))
    return table


def _bar(way: Way | None, style: str) -> Text:
    if way is None:
        return Text("-", "dim")
    full = int(way.progress * CELLS)
    bar = Text("█" * full, style).append("░" * (CELLS - full), "dim")
    return bar.append(f" {way.words}", "" if way.progress < 1 else f"bold {style}")


def evidence_lines(rows: list[TriggerEvidence]) -> list[str]:
    """The same in words."""
    lines = []
    for row in rows:
        ways = (("bad", row.bad), ("good", row.good))
        said = [f"{way.words} to a proof of {name}" for name, way in ways if way is not None]
        lines.append(f"{row.name}: {', '.join(said)}")
    return lines
