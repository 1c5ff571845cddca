"""Arms: the fresh counts of a tick, sorted by arm and by the split that they were served under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from headgate.judge.sequential.samples import Sampled, Take
from headgate.judge.sequential.state import Evidence, Sample
from headgate.measure.cells import NOTHING, Cell
from headgate.measure.metrics import CallerFaults
from headgate.measure.windows import Row


@dataclass(frozen=True, slots=True)
class Observed:
    """What came in since the last tick, by version and revision; `stable` is "" when not live.

    `ended` names the triggers whose outage hold is over: their evidence starts anew.
    """

    now_ms: int
    fresh: Mapping[Row, Cell]
    candidate: str
    stable: str
    faults: CallerFaults
    ended: frozenset[str] = frozenset()


class Fresh:
    """Fresh cells of one arm. What triggers of one metric count of them is worked out once."""

    __slots__ = ("_samples", "cells", "faults")

    def __init__(self, cells: list[Cell], faults: CallerFaults) -> None:
        self.cells = cells
        self.faults = faults
        self._samples: dict[Take, Sample] = {}

    def sample(self, sampled: Sampled) -> Sample:
        """What a metric counts."""
        found = self._samples.get(sampled.take)
        if found is None:
            found = self._samples[sampled.take] = sampled.take(self.cells, self.faults)
        return found


class Arms(Struct, frozen=True):
    """The fresh cells: all of the candidate's for absolute looks; for relative ones both arms',
    candidate first, by revision.
    """

    candidate: Fresh
    pairs: dict[int, tuple[Fresh, Fresh]]


def arms_of(evidence: Evidence, seen: Observed) -> Arms:
    """Sort the cells of a tick: a relative look joins arms of one revision only.

    Outcomes without a revision belong to the split in force once every router obeys it and what
    was in flight has come; before that they count in absolute looks alone.
    """
    candidate: list[Cell] = []
    pairs: dict[int, tuple[list[Cell], list[Cell]]] = {}
    known = {split.revision for split in evidence.splits}
    for (version, revision), cell in seen.fresh.items():
        if not version or version not in (seen.candidate, seen.stable):
            continue
        if version == seen.candidate and (revision in known or not revision):
            candidate.append(cell)
        split, counts = (revision, cell) if revision else _placed(evidence, seen, cell)
        if split in known:
            pairs.setdefault(split, ([], []))[version == seen.stable].append(counts)
    mine = Fresh(candidate, seen.faults)
    return Arms(mine, {revision: _pair(mine, *pair) for revision, pair in pairs.items()})


def _pair(candidate: Fresh, mine: list[Cell], stable: list[Cell]) -> tuple[Fresh, Fresh]:
    """Both arms of a revision; the candidate's usually have all of its cells."""
    same = mine == candidate.cells  # of the same objects no field is compared
    return candidate if same else Fresh(mine, candidate.faults), Fresh(stable, candidate.faults)


def _placed(evidence: Evidence, seen: Observed, cell: Cell) -> tuple[int, Cell]:
    """The split that outcomes without a revision belong to, and what of them does; 0 if none."""
    if not evidence.splits or evidence.settled_ms is None or seen.now_ms < evidence.settled_ms:
        return 0, NOTHING
    current = evidence.splits[-1]
    if seen.now_ms - current.since_ms < evidence.label_delay_ms:
        cell = _without_labels(cell)
    return current.revision, cell


def _without_labels(cell: Cell) -> Cell:
    sketches = {name: kept for name, kept in cell.sketches.items() if name != "rating_tenths"}
    return replace(cell, labelled={}, flagged={}, sketches=sketches)


def label_delay_ms(evidence: Evidence, seen: Observed) -> int:
    """The longest that a label came after its revision had ended."""
    longest = evidence.label_delay_ms
    for split, following in zip(evidence.splits, evidence.splits[1:], strict=False):
        for version in (seen.candidate, seen.stable):
            cell = seen.fresh.get((version, split.revision), NOTHING)
            if cell.outcomes > cell.requests:
                longest = max(longest, seen.now_ms - following.since_ms)
    return longest
