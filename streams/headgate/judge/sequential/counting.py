"""Counting blocks: of each that has closed a line, in order of time, with what tells how bursty
outcomes are. Two columns a count, samples and hits: first rates, then tails.

The distributions of a block are not kept for an hour. So its line is written when it closes, and
once more when the next one does, if more of it came late. Its rates are counted anew whenever they
changed later still and something is estimated by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headgate.judge.policy import Policy
from headgate.judge.sequential.bank import bank_of
from headgate.judge.sequential.bursts import BLOCKS
from headgate.judge.sequential.samples import Family, Take
from headgate.judge.sequential.state import BlockCounts, Evidence
from headgate.judge.sequential.tails import Pane, Tail, tail_counts, tails_of
from headgate.measure.cells import NOTHING, Cell
from headgate.measure.metrics import CallerFaults
from headgate.vocabulary import PANE_MS

Block = dict[str, Cell]  # counts by version
Blocks = dict[int, Block]  # closed ones by their start in ms, in order
Tails = dict[int, list[int]]  # samples and hits of each, by a pane's start in ms
Lines = npt.NDArray[np.int64]
BEGUN, OUTCOMES, REQUESTS, COUNTED = range(4)  # columns: a start in ms, and what is counted


class Counting(NamedTuple):
    """What is counted of the blocks of a version: rates and tails. `named` is what they are known
    by when a policy comes in the place of another.
    """

    version: str
    faults: CallerFaults
    takes: tuple[Take, ...]
    tails: tuple[Tail, ...]
    named: tuple[str, ...]

    @property
    def tails_begin(self) -> int:
        """The column from which on tails are counted."""
        return COUNTED + 2 * len(self.takes)


@lru_cache(maxsize=256)
def counting_of(policy: Policy, version: str, faults: CallerFaults) -> Counting:
    """The rates that a policy's triggers are about, each once, and the tails."""
    sampled = [plan.sampled for plan in bank_of(policy).plans]
    rates = {row.take: row.label for row in sampled if row.family is Family.RATE}
    tails = tails_of(policy)
    named = (*rates.values(), *[tail.named for tail in tails])
    return Counting(version, faults, tuple(rates), tails, named)


def with_closed(
    counting: Counting,
    evidence: Evidence,
    blocks: Blocks,
    panes: Callable[[int], Sequence[Pane]],
) -> BlockCounts:
    """The counts with the blocks that have closed since. Of another version than before, or where
    something else is counted, nothing is kept.
    """
    known = evidence.blocks
    if (known.version, known.named) != (counting.version, counting.named):
        width = counting.tails_begin + 2 * len(counting.tails)
        none = np.empty((0, width), np.int64)
        known = BlockCounts(counting.version, counting.named, none)
    tails = {
        start_ms: tail_counts(counting.tails, evidence.references, cells)
        for start_ms, cells in panes(_since_ms(evidence, known, blocks))
    }
    if evidence.block_ms < 0 or not len(known.lines):
        return _anew(counting, known, blocks, tails)
    return _with_lines(known, _lines(counting, blocks, tails, tails), tails)


def with_late(counting: Counting, known: BlockCounts, blocks: Blocks) -> BlockCounts:
    """The counts with what came late to the rates of any block."""
    now = [block.get(known.version, NOTHING).outcomes for block in blocks.values()]
    starts_ms, outcomes = known.lines[-len(now) :, :REQUESTS].T.tolist()
    if now == outcomes and list(blocks) == starts_ms:
        return known
    return _anew(counting, known, blocks, {})


def _since_ms(evidence: Evidence, known: BlockCounts, blocks: Blocks) -> int:
    """The start of the first pane to count: of the last one before, where more of it came late or
    its tails are counted beyond other values now.
    """
    since_ms = evidence.block_ms
    if since_ms > evidence.estimated_ms and len(known.lines):
        begun_ms, outcomes = known.lines[-1, :REQUESTS].tolist()
        if blocks.get(begun_ms, {}).get(known.version, NOTHING).outcomes == outcomes:
            return since_ms
    return since_ms - PANE_MS


def _anew(counting: Counting, known: BlockCounts, blocks: Blocks, tails: Tails) -> BlockCounts:
    """With all rates counted anew; the tails that are not given stay as they are."""
    begin = counting.tails_begin
    kept = {line[BEGUN]: line[begin:] for line in known.lines.tolist()}
    return _with_lines(known, _lines(counting, blocks, {**kept, **tails}, blocks), tails)


def _lines(
    counting: Counting, blocks: Blocks, tails: Tails, starts_ms: Iterable[int]
) -> list[list[int]]:
    uncounted, lines = [0] * (2 * len(counting.tails)), []
    for start_ms in starts_ms:
        cell = blocks.get(start_ms, {}).get(counting.version, NOTHING)
        line = [start_ms, cell.outcomes, cell.requests]
        for take in counting.takes:
            sample = take((cell,), counting.faults)
            line += sample.n, sample.hits
        lines.append(line + tails.get(start_ms, uncounted))
    return lines


def _with_lines(known: BlockCounts, lines: list[list[int]], tails: Tails) -> BlockCounts:
    """With such lines in the place of those from their first on; `tails` are new ones."""
    if not lines:
        return known
    kept = int(known.lines[:, BEGUN].searchsorted(lines[0][BEGUN]))
    first = max(0, kept + len(lines) - BLOCKS)
    return BlockCounts(
        known.version,
        known.named,
        np.concatenate((known.lines[first:kept], np.array(lines, np.int64))),
        min([known.tails_from_ms, *tails]),
    )
