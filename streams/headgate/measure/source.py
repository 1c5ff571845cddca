"""A partition of the outcomes topic, read in offset order: its pane time and its one open pane.

Pane time is the running maximum of the record timestamps, so a pane is a contiguous range of
offsets, and the record that opened it is all that a successor needs to go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from headgate.measure.columns import BadRecord, decode_values
from headgate.measure.panes import Pane
from headgate.vocabulary import PANE_MS
from headgate.wire.fields import MAX_INT


@dataclass(frozen=True, slots=True)
class Folded:
    """What one batch did: bad records by their place in it, and the panes that it closed."""

    outcomes: int = 0
    bytes: int = 0
    bad: list[BadRecord] = field(default_factory=list)
    closed: list[Pane] = field(default_factory=list)


class SourcePartition:
    """State of one source partition; `next_offset` is the first one not folded yet."""

    def __init__(self, partition: int, max_pairs: int) -> None:
        self.partition = partition
        self.next_offset = 0
        self.pane_time_ms = 0
        self.open: Pane | None = None
        self._max_pairs = max_pairs

    def fold(
        self,
        values: Sequence[bytes | None],
        offsets: Sequence[int],
        timestamps_ms: Sequence[int],
    ) -> Folded:
        """Add records; `offsets` ascend from `next_offset` or above.

        Bad records never stop the others: they open and close panes like any record.
        """
        if not offsets:
            return Folded()
        decoded = decode_values(values)
        bad = list(decoded.bad)
        closed: list[Pane] = []
        for first, end, start_ms in self._runs(timestamps_ms):
            if self.open is None or self.open.start_ms != start_ms:
                rows = self.open.rows if self.open else 0
                closed += [self.open] if self.open else []
                self.open = Pane(
                    self.partition, start_ms, offsets[first], self._max_pairs, max(16, rows)
                )
            places: Sequence[int] = range(first, end)
            if decoded.bad:
                places = [place for place in places if decoded.outcomes[place] is not None]
            refused = self.open.add(
                [outcome for outcome in decoded.outcomes[first:end] if outcome is not None],
                [timestamps_ms[place] for place in places],
                offsets[end - 1],
            )
            bad += [BadRecord(places[record.index], record.error) for record in refused]
        self.next_offset = offsets[-1] + 1
        return Folded(len(offsets) - len(bad), decoded.bytes, bad, closed)

    def _runs(self, timestamps_ms: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """(first, end, pane start) of each run of records in one pane; moves the pane time."""
        first, end_ms = 0, self._pane_end_ms()
        if max(timestamps_ms) >= end_ms:
            for place, at_ms in enumerate(timestamps_ms):
                if at_ms >= end_ms:
                    if place > first:
                        yield first, place, end_ms - PANE_MS
                    first, self.pane_time_ms = place, min(at_ms, MAX_INT)
                    end_ms = self._pane_end_ms()
        self.pane_time_ms = max(self.pane_time_ms, min(max(timestamps_ms[first:]), MAX_INT))
        yield first, len(timestamps_ms), end_ms - PANE_MS

    def _pane_end_ms(self) -> int:
        return self.pane_time_ms - self.pane_time_ms % PANE_MS + PANE_MS
