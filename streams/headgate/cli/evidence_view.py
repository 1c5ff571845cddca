"""Evidence as bars: how far each trigger is on its way to a proof of bad, and to one of good."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from headgate.cli.phrases import trigger_name
from headgate.cli.plot import say_evidence
from headgate.wire.status import ModelStatus, TriggerStatus

CELLS, LEAST_CELLS = 12, 6
_GAPS = 10  # between the columns, and before the numbers


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


class EvidenceTable:
    """A row per trigger with both bars; bars give way to numbers, numbers to a narrow terminal.

    Of more than `most` rows those that are nearest to a proof of bad, or lack one of good.
    """

    def __init__(self, rows: list[TriggerEvidence], most: int, *, airy: bool = True) -> None:
        nearest = sorted(rows, key=_importance)[:most]
        self._rows = [row for row in rows if row in nearest]
        self._left, self._box = len(rows) - len(self._rows), box.SIMPLE_HEAD if airy else None

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        names = max(len(row.name) for row in self._rows)
        numbers = [
            max((len(way.words) for way in ways if way is not None), default=0)
            for ways in ([row.bad for row in self._rows], [row.good for row in self._rows])
        ]
        room = options.max_width - names - _GAPS
        cells = min((room - sum(numbers)) // 2, CELLS)
        numbered = cells >= LEAST_CELLS
        cells = cells if numbered else min(max(room // 2, 1), CELLS)
        table = Table(box=self._box, padding=(0, 1))
        table.add_column("evidence", no_wrap=True)
        more = f" (+{self._left} triggers)" if self._left and numbered else ""
        table.add_column("towards bad", no_wrap=True)
        table.add_column(f"towards good{more}", no_wrap=True)
        for row in self._rows:
            bad, good = (
                _bar(way, style, cells, numbered=numbered)
                for way, style in ((row.bad, "red"), (row.good, "green"))
            )
            table.add_row(Text(row.name), bad, good)
        yield table


def _importance(row: TriggerEvidence) -> tuple[float, float]:
    """The lower, the more it is to be seen."""
    bad = row.bad.progress if row.bad is not None else 0.0
    return -bad, row.good.progress if row.good is not None else 1.0


def _bar(way: Way | None, style: str, cells: int, *, numbered: bool) -> Text:
    if way is None:
        return Text("-", "dim")
    full = int(way.progress * cells)
    bar = Text().append("█" * full, style).append("░" * (cells - full), "dim")
    if not numbered:
        return bar
    return bar.append(f" {way.words}", "" if way.progress < 1 else f"bold {style}")


def evidence_lines(rows: list[TriggerEvidence]) -> list[str]:
    """The same in words."""
    lines = []
    for row in rows:
        ways = (("bad", row.bad), ("good", row.good))
        said = [f"{way.words} to a proof of {name}" for name, way in ways if way is not None]
        lines.append(f"{row.name}: {', '.join(said)}")
    return lines
