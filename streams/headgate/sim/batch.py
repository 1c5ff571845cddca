"""A batch: what is counted at many looks, each count an array with a number per look."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import TypeVar

from headgate.measure.cells import NOTHING, Cell
from headgate.measure.hdr import IntArray
from headgate.measure.sketch import Sketch
from headgate.measure.slots import BySlot
from headgate.sim.filled import Filled

V = TypeVar("V")
Columns = Mapping[str, IntArray]


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """The tables of cells. Each measure in `sums` was measured `measured` times; those in `filled`
    have their distributions too.
    """

    outcomes: IntArray
    requests: IntArray
    measured: IntArray
    errors: Columns = field(default_factory=dict)
    labelled: Columns = field(default_factory=dict)
    flagged: Columns = field(default_factory=dict)
    sums: Columns
    filled: Mapping[str, Filled]
    safety_request_ids: Iterable[tuple[str, ...]] = repeat(())

    def cells(self, slots: Iterable[BySlot]) -> list[Cell]:
        """A cell per look, each with its slots."""
        looks, measured = len(self.outcomes), self.measured.tolist()
        tables = (
            *(_counts(columns, looks) for columns in (self.errors, self.labelled, self.flagged)),
            _tables(self.sums, [numbers.tolist() for numbers in self.sums.values()], measured),
            [dict.fromkeys(self.sums, count) if count else {} for count in measured],
            _tables(self.filled, [f.sketches(measured) for f in self.filled.values()], measured),
        )
        counts = self.outcomes.tolist(), self.requests.tolist()
        return list(map(_cell, *counts, *tables, self.safety_request_ids, slots))


def _cell(  # noqa: PLR0917 - a row of a batch
    outcomes: int,
    requests: int,
    errors: dict[str, int],
    labelled: dict[str, int],
    flagged: dict[str, int],
    sums: dict[str, int],
    counts: dict[str, int],
    sketches: dict[str, Sketch],
    safety_request_ids: tuple[str, ...],
    slots: BySlot,
) -> Cell:
    if not outcomes:
        return NOTHING
    return Cell(
        outcomes=outcomes,
        requests=requests,
        errors=errors,
        labelled=labelled,
        flagged=flagged,
        sums=sums,
        counts=counts,
        sketches=sketches,
        safety_request_ids=safety_request_ids,
        slots=slots,
    )


def _counts(columns: Columns, looks: int) -> list[dict[str, int]]:
    """A table per look, without what it has none of."""
    tables: list[dict[str, int]] = [{} for _ in range(looks)]
    for name, numbers in columns.items():
        for table, number in zip(tables, numbers.tolist(), strict=True):
            if number:
                table[name] = number
    return tables


def _tables(
    names: Collection[str], columns: Sequence[Sequence[V]], measured: Sequence[int]
) -> list[dict[str, V]]:
    """A table per look, empty where nothing was measured."""
    rows = zip(*columns, strict=True)
    return [
        dict(zip(names, row, strict=True)) if count else {}
        for row, count in zip(rows, measured, strict=True)
    ]
