"""Stable before the look: the quantiles and means that a relative look is measured by."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from headgate.judge.sequential.samples import Family, Sampled
from headgate.judge.sequential.state import Reference
from headgate.measure.cells import Cell, merge
from headgate.measure.sketch import Sketch

GENERATION = 1_000
ENOUGH = 50


class Stable:
    """Reads a reference; merged distributions are kept while it is read."""

    def __init__(self, reference: Reference) -> None:
        self._kept = reference
        self._merged: dict[str, Sketch] = {}

    def value(self, sampled: Sampled) -> float | None:
        """The quantile (an HDR bin's upper edge) or mean in wire units; None below 50 samples."""
        older, newer, measure = self._kept.older, self._kept.newer, sampled.measure
        count = older.counts.get(measure, 0) + newer.counts.get(measure, 0)
        if count < ENOUGH:
            return None
        if sampled.family is Family.QUANTILE:
            return float(self._sketch(measure).quantiles([sampled.share])[0])
        total = older.sums.get(measure, 0) + newer.sums.get(measure, 0)
        return total / count

    def _sketch(self, measure: str) -> Sketch:
        if measure not in self._merged:
            both = [cell.sketch(measure) for cell in (self._kept.older, self._kept.newer)]
            self._merged[measure] = Sketch.merge(both)
        return self._merged[measure]

    def after(self, cells: Sequence[Cell]) -> Reference:
        """The reference for the next look, with what stable served in this one."""
        if not cells:
            return self._kept
        newer = merge([self._kept.newer, *map(_light, cells)])
        if newer.requests >= GENERATION or newer.outcomes >= 4 * GENERATION:
            return Reference(older=newer)
        return replace(self._kept, newer=newer)


def _light(cell: Cell) -> Cell:
    """Only what a reference is read for: distributions of values that have quantiles."""
    kept = {name: sketch for name, sketch in cell.sketches.items() if name.endswith("_us")}
    return Cell(
        outcomes=cell.outcomes,
        requests=cell.requests,
        sums=cell.sums,
        counts=cell.counts,
        sketches=kept,
    )
