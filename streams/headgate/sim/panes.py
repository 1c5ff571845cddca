"""The pane that ingest would have open: cumulative snapshots of what was drawn so far in it."""

from __future__ import annotations

from collections.abc import Iterator

from headgate.measure.cells import Cell, Counted, merge
from headgate.measure.windows import Row
from headgate.vocabulary import PANE_MS
from headgate.wire.ledger import PartitionProgress

SOURCE = 0


class OpenPane:
    """One source partition of outcomes whose every outcome has been read."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._start_ms = -1
        self._first_offset = 0
        self._rows: dict[Row, Cell] = {}
        self._changed: dict[Row, None] = {}
        self.next_offset = 0

    def add(self, row: Row, cell: Cell, at_ms: int) -> None:
        """Outcomes of one version and revision that came by `at_ms`."""
        if not cell.outcomes:
            return
        start_ms = (at_ms - 1) // PANE_MS * PANE_MS  # what came up to its end belongs to a pane
        if start_ms > self._start_ms:
            self._start_ms, self._first_offset = start_ms, self.next_offset
            self._rows = {}
        known = self._rows.get(row)
        self._rows[row] = cell if known is None else merge((known, cell))
        self._changed[row] = None
        self.next_offset += cell.outcomes

    def snapshots(self) -> Iterator[Counted]:
        """The rows that changed since the last call."""
        for row in self._changed:
            cell = self._rows[row]
            yield Counted(
                model=self._model,
                version=row[0],
                revision=row[1],
                source_partition=SOURCE,
                pane_start_ms=self._start_ms,
                first_offset=self._first_offset,
                last_offset=self.next_offset - 1,
                outcomes=cell.outcomes,
                cell=cell,
            )
        self._changed = {}

    def progress(self, at_ms: int, *, unread: int = 0) -> PartitionProgress:
        """How far it has been read."""
        return PartitionProgress(
            source_partition=SOURCE,
            next_offset=self.next_offset,
            end_offset=self.next_offset + unread,
            pane_time_ms=at_ms,
        )
