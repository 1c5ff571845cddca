"""The open pane of one source partition: what its records add up to, published as snapshots.

Pane time is the running maximum of the record timestamps, so a pane is a contiguous range of
offsets, and the record that opened it is all that a successor needs to build it again: folding
the same records in any batches gives the same snapshots.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from headgate.measure.columns import BadRecord, decode_values
from headgate.measure.measures import LABELS, MAX_ERROR_TYPES, MAX_SAFETY_IDS, OTHER_ERRORS, SKETCHED
from headgate.measure.tallies import COUNTS, FLAGGED, LABELLED, OUTCOMES, REQUESTS, SUMS, Tallies
from headgate.measure.tallies import VALUES as VALUE_NAMES
from headgate.vocabulary import PANE_MS
from headgate.wire.codec import BadValueError
from headgate.wire.fields import MAX_INT
from headgate.wire.ledger import Snapshot
from headgate.wire.outcomes import Outcome

# Revisions come from clients too: rows beyond this many per allowed pair are refused.
REVISIONS_PER_PAIR = 4
_BATCH_PAYS_FROM = 48
_key_of = attrgetter("model", "version", "revision")


class Pane:
    """Everything of one source partition between its first and its last offset so far."""

    def __init__(
        self, partition: int, start_ms: int, first_offset: int, max_pairs: int, capacity: int = 16
    ) -> None:
        self.partition = partition
        self.start_ms = start_ms
        self.first_offset = first_offset
        self.last_offset = first_offset - 1
        self._max_pairs = max_pairs
        self._tallies = Tallies(capacity)
        self._keys: list[tuple[str, str, int]] = []
        self._row_of: dict[tuple[str, str, int | None], int] = {}
        self._pairs: set[tuple[str, str]] = set()
        self._errors: list[dict[str, int]] = []
        self._safety_ids: list[list[str]] = []
        self._published: list[int] = []
        self._encoded: dict[tuple[int, int], tuple[int, str]] = {}

    @property
    def rows(self) -> int:
        return len(self._keys)

    def add(
        self, outcomes: Sequence[Outcome | None], recorded_ms: Sequence[int], last_offset: int
    ) -> list[BadRecord]:
        """Fold records that end at `last_offset`; None stands for one that was bad already.

        Returns those beyond the cap on (model, version) pairs, which do not count.
        """
        self.last_offset = last_offset
        rows = [None if o is None else self._row_of.get(_key_of(o)) for o in outcomes]
        refused = self._resolve(outcomes, rows) if None in rows else []
        if refused or None in rows:
            good = [place for place, row in enumerate(rows) if row is not None]
            outcomes = [outcomes[place] for place in good]
            recorded_ms = [recorded_ms[place] for place in good]
            rows = [rows[place] for place in good]
        self._count(rows, outcomes, recorded_ms)  # type: ignore[arg-type]  # no None is left
        return refused

    def snapshots(self, *, final: bool) -> list[Snapshot]:
        """Rows that changed since the last call, or every row of a pane that has closed."""
        seen = self._tallies.outcomes()
        changed = [row for row, count in enumerate(seen) if final or count != self._published[row]]
        self._published = seen
        return [self._snapshot(row, final) for row in changed]

    def _resolve(
        self, outcomes: Sequence[Outcome | None], rows: list[int | None]
    ) -> list[BadRecord]:
        """Fill in the rows of new keys, in offset order, as far as the caps allow."""
        refused = []
        for place, outcome in enumerate(outcomes):
            if outcome is not None and rows[place] is None:
                found = self._row(outcome)
                if isinstance(found, BadValueError):
                    refused.append(BadRecord(place, found))
                else:
                    rows[place] = found
        return refused

    def _row(self, outcome: Outcome) -> int | BadValueError:
        key = (outcome.model, outcome.version, outcome.revision or 0)
        row = self._row_of.get(key)
        if row is None:
            pair = key[:2]
            if pair not in self._pairs and len(self._pairs) >= self._max_pairs:
                cap = f"over {self._max_pairs} (model, version) pairs in one pane"
                return BadValueError("$.version", cap)
            if self.rows >= REVISIONS_PER_PAIR * self._max_pairs:
                return BadValueError("$.revision", f"over {self.rows} revisions in one pane")
            row = self._tallies.add_row()
            self._pairs.add(pair)
            self._keys.append(key)
            self._errors.append({})
            self._safety_ids.append([])
            self._published.append(0)
        self._row_of[key] = row
        self._row_of[outcome.model, outcome.version, outcome.revision] = row
        return row

    def _count(
        self, rows: Sequence[int], outcomes: Sequence[Outcome], recorded_ms: Sequence[int]
    ) -> None:
        if len(rows) < _BATCH_PAYS_FROM:
            for row, outcome, at_ms in zip(rows, outcomes, recorded_ms, strict=True):
                self._tallies.add_one(row, outcome, at_ms)
        else:
            self._tallies.add_many(rows, outcomes, recorded_ms)
        failures = Counter(
            (row, outcome.error_type)
            for row, outcome in zip(rows, outcomes, strict=True)
            if outcome.error_type is not None
        )
        for (row, error_type), count in failures.items():
            self._count_error(self._errors[row], error_type, count)
        for row, outcome in zip(rows, outcomes, strict=True):
            if outcome.safety_violation is True and len(self._safety_ids[row]) < MAX_SAFETY_IDS:
                self._safety_ids[row].append(outcome.request_id)

    @staticmethod
    def _count_error(errors: dict[str, int], error_type: str, count: int) -> None:
        if error_type not in errors and len(errors) >= MAX_ERROR_TYPES:
            error_type = OTHER_ERRORS
        errors[error_type] = errors.get(error_type, 0) + count

    def _snapshot(self, row: int, final: bool) -> Snapshot:
        model, version, revision = self._keys[row]
        numbers = self._tallies.numbers(row)
        counts = dict(zip(VALUE_NAMES, numbers[COUNTS:], strict=True))
        sums = dict(zip(VALUE_NAMES, numbers[SUMS:COUNTS], strict=True))
        labelled = dict(zip(LABELS, numbers[LABELLED:FLAGGED], strict=True))
        flagged = dict(zip(LABELS, numbers[FLAGGED:SUMS], strict=True))
        return Snapshot(
            model=model,
            version=version,
            revision=revision,
            source_partition=self.partition,
            pane_start_ms=self.start_ms,
            first_offset=self.first_offset,
            last_offset=self.last_offset,
            final=final,
            outcomes=numbers[OUTCOMES],
            requests=numbers[REQUESTS],
            errors=dict(self._errors[row]),
            labelled={name: count for name, count in labelled.items() if count},
            flagged={name: count for name, count in flagged.items() if count},
            sums={name: total for name, total in sums.items() if counts[name]},
            counts={name: count for name, count in counts.items() if count},
            sketches=self._sketches(row, counts),
            safety_request_ids=tuple(self._safety_ids[row]),
        )

    def _sketches(self, row: int, counts: dict[str, int]) -> dict[str, str]:
        """The filled sketches; one whose count has not changed is not encoded again."""
        sketches = {}
        for place, measure in enumerate(SKETCHED):
            count = counts[measure.name]
            if not count:
                continue
            known, text = self._encoded.get((row, place), (0, ""))
            if known != count:
                text = self._tallies.sketch(row, place)
                self._encoded[row, place] = (count, text)
            sketches[measure.name] = text
        return sketches


@dataclass(frozen=True, slots=True)
class Folded:
    """What one batch did: bad records by their place in it, and the panes that it closed."""

    outcomes: int = 0
    bytes: int = 0
    bad: list[BadRecord] = field(default_factory=list)
    closed: list[Pane] = field(default_factory=list)


class SourcePartition:
    """Pane time and the one open pane of a partition of the outcomes topic."""

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
        """Add records in offset order; `offsets` must ascend and start at `next_offset` or above.

        Bad records never stop the others: they open and end panes like any record.
        """
        if not offsets:
            return Folded()
        decoded = decode_values(values)
        bad = list(decoded.bad)
        closed: list[Pane] = []
        for first, end, start_ms in self._segments(timestamps_ms):
            if self.open is None or self.open.start_ms != start_ms:
                closed += [self.open] if self.open else []
                self.open = self._new_pane(start_ms, offsets[first])
            whole = first == 0 and end == len(offsets)
            refused = self.open.add(
                decoded.outcomes if whole else decoded.outcomes[first:end],
                timestamps_ms if whole else timestamps_ms[first:end],
                offsets[end - 1],
            )
            bad += [BadRecord(first + record.index, record.error) for record in refused]
        self.next_offset = offsets[-1] + 1
        return Folded(len(offsets) - len(bad), decoded.bytes, bad, closed)

    def _new_pane(self, start_ms: int, first_offset: int) -> Pane:
        rows = self.open.rows if self.open else 0
        return Pane(self.partition, start_ms, first_offset, self._max_pairs, max(16, rows))

    def _segments(self, timestamps_ms: Sequence[int]) -> Iterator[tuple[int, int, int]]:
        """(first, end, pane start) of each run of records in one pane; moves the pane time."""
        first, end_ms = 0, self.pane_time_ms - self.pane_time_ms % PANE_MS + PANE_MS
        if max(timestamps_ms) >= end_ms:
            for place, at_ms in enumerate(timestamps_ms):
                if at_ms >= end_ms:
                    if place > first or self.open is None and place:
                        yield first, place, end_ms - PANE_MS
                    first, self.pane_time_ms = place, min(at_ms, MAX_INT)
                    end_ms = self.pane_time_ms - self.pane_time_ms % PANE_MS + PANE_MS
        self.pane_time_ms = max(self.pane_time_ms, min(max(timestamps_ms[first:]), MAX_INT))
        yield first, len(timestamps_ms), end_ms - PANE_MS
