"""Arms: the fresh counts of a tick, sorted by arm and by the split that they were served under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from headgate.judge.sequential.samples import Take
from headgate.judge.sequential.state import Evidence
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
    """Fresh cells of one arm, and what each source counts of them, by its number of `takes`."""

    __slots__ = ("cells", "samples")

    def __init__(self, cells: list[Cell], takes: tuple[Take, ...], faults: CallerFaults) -> None:
        self.cells = cells
        self.samples = [take(cells, faults) for take in takes]


class Arms(Struct, frozen=True):
    """The fresh cells: all of the candidate's for absolute looks; for relative ones both arms',
    candidate first, by revision.
    """

    candidate: Fresh
    pairs: dict[int, tuple[Fresh, Fresh]]


def arms_of(evidence: Evidence, seen: Observed, takes: tuple[Take, ...]) -> Arms:
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
    all_mine, arms = Fresh(candidate, takes, seen.faults), {}
    for revision, (mine, stable) in pairs.items():
        same = mine == candidate  # it usually has all of them; of the same objects no field is read
        one = all_mine if same else Fresh(mine, takes, seen.faults)
        arms[revision] = one, Fresh(stable, takes, seen.faults)
    return Arms(all_mine, arms)


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
