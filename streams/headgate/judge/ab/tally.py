"""All that an A/B test counts of one arm since its start."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from headgate.measure.cells import NOTHING, Cell, merge

# Distributions that a criterion may be about.
_KEPT = frozenset({"latency_us", "ttft_us", "tokens", "cost_microusd", "rating_tenths"})


class ArmTally(Struct, frozen=True, omit_defaults=True):
    """The counts of an arm under the test's split: sums, distributions, and 32 slots of the bucket.

    All integers, so that tallies are the same in any order of adding. Below 30 kB, however long
    the test takes.
    """

    cell: Cell = NOTHING

    def add(self, cell: Cell) -> ArmTally:
        """With what came since; `cell` counts outcomes that carry a revision of the test alone."""
        sketches = {name: kept for name, kept in cell.sketches.items() if name in _KEPT}
        return ArmTally(merge([self.cell, replace(cell, sketches=sketches, safety_request_ids=())]))

    @property
    def requests(self) -> int:
        """How many requests the arm has served."""
        return self.cell.requests
