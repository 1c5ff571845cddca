"""Counts of closed blocks as arrays. All but one are counted again at every block, so that the
arrays of the last time are kept beside the very blocks that they were counted from.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headgate.judge.sequential.samples import Take
from headgate.measure.cells import NOTHING, Cell
from headgate.measure.metrics import CallerFaults

KEPT = 64
Block = dict[str, Cell]  # counts by version
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Known:
    closed: list[Block]
    asked: tuple[object, ...]
    counts: Counts


_known: OrderedDict[int, _Known] = OrderedDict()


def count_blocks(
    blocks: list[Block], takes: tuple[Take, ...], version: str, faults: CallerFaults
) -> Counts:
    """Samples and hits of a version, shape (2, takes, blocks)."""
    asked = (takes, version, faults)
    known = _of_all_but_last(blocks, asked)
    fresh = blocks if known is None else blocks[-1:]
    counts = _counted(fresh, takes, version, faults)
    if known is not None:
        counts = np.concatenate([known, counts], -1)
    if blocks:
        _known[id(blocks[-1])] = _Known(blocks, asked, counts)
        while len(_known) > KEPT:
            _known.popitem(last=False)
    return counts


def _counted(
    blocks: list[Block], takes: tuple[Take, ...], version: str, faults: CallerFaults
) -> Counts:
    samples = [[take((block.get(version, NOTHING),), faults) for block in blocks] for take in takes]
    counts = [[[s.n for s in row] for row in samples], [[s.hits for s in row] for row in samples]]
    return np.array(counts, np.int64).reshape(2, len(takes), len(blocks))


def _of_all_but_last(blocks: list[Block], asked: tuple[object, ...]) -> Counts | None:
    """What is known of every block but the newest: the same objects, asked the same."""
    known = _known.get(id(blocks[-2])) if len(blocks) > 1 else None
    if known is None or known.asked != asked:
        return None
    before = len(blocks) - 1
    same = known.closed[-before:] == blocks[:-1]  # of the same objects no field is compared
    return known.counts[..., -before:] if same else None
