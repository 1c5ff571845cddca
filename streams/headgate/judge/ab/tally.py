"""All that an A/B test counts of one arm since its start."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.measure.cells import Cell
from headgate.measure.piles import Pile

# Distributions that a criterion may be about.
_KEPT = frozenset({"latency_us", "ttft_us", "tokens", "cost_microusd", "rating_tenths"})


def tallied(known: Pile | None, cell: Cell) -> Pile:
    """What is known of an arm, with what came since: sums, distributions, 32 slots of the bucket.

    `cell` counts outcomes that carry a revision of the test alone. All integers, so that tallies
    are the same in any order of adding. Added up they stay below 30 kB, however long the test
    takes.
    """
    if not cell.sketches.keys() <= _KEPT or cell.safety_request_ids:
        sketches = {name: kept for name, kept in cell.sketches.items() if name in _KEPT}
        cell = replace(cell, sketches=sketches, safety_request_ids=())
    return Pile(cell) if known is None else known.plus(cell)
