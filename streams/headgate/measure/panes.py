"""One pane of one source partition: what its records add up to, read as snapshots.

Adding is in offset order and gives the same result in any batches, so that whoever reads the
pane again from the record that opened it builds the same snapshots.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter

from headgate.measure.columns import BadRecord
from headgate.measure.measures import (
    BUCKET,
    LABELS,
    MAX_ERROR_TYPES,
    MAX_SAFETY_IDS,
    OTHER_ERRORS,
    SKETCHED,
)
from headgate.measure.slots import LATENCY_BINS, slot_of
from headgate.measure.slots import REQUESTS as REQUESTED
from headgate.measure.tallies import (
    BINS,
    COUNTS,
    FLAGGED,
    LABELLED,
    OUTCOMES,
    REQUESTS,
    SUMS,
    VALUES,
    Tallies,
)
from headgate.wire.codec import BadValueError
from headgate.wire.ledger import NO_SLOTS, SLOTS, Slots, Snapshot
from headgate.wire.outcomes import Outcome

# Revisions come from clients too: rows beyond this many per allowed pair are refused.
REVISIONS_PER_PAIR = 4
_BATCH_PAYS_FROM = 32
_KEY = attrgetter("model", "version", "revision")

# (table, name) of `Slots` -> column of a row.
_MEANS = ("tokens", "cost_microusd", "rating_tenths")
_JUDGED = ("hallucination", "task_success")
_SLOTTED = (
    {("counts", REQUESTED): REQUESTS, ("sums", LATENCY_BINS): BINS}
    | {("counts", name): COUNTS + VALUES.index(name) for name in ("latency_us", *_MEANS)}
    | {("sums", name): SUMS + VALUES.index(name) for name in _MEANS}
    | {("labelled", name): LABELLED + LABELS.index(name) for name in _JUDGED}
    | {("flagged", name): FLAGGED + LABELS.index(name) for name in _JUDGED}
)


class Pane:
    """Everything of one source partition from the pane's first offset to its last so far."""

    def __init__(
        self, partition: int, start_ms: int, first_offset: int, max_pairs: int, capacity: int = 16
    ) -> None:
        self.partition = partition
        self.start_ms = start_ms
        self.first_offset = first_offset
        self.last_offset = first_offset
        self._max_pairs = max_pairs
        self._tallies = Tallies(capacity)
        self._keys: list[tuple[str, str, int]] = []
        self._row_of: dict[tuple[str, str, int | None], int] = {}
        self._pairs: set[tuple[str, str]] = set()
        self._errors: list[dict[str, list[int]]] = []  # by type and slot
        self._safety_ids: list[list[str]] = []
        self._published: list[int] = []
        self._encoded: dict[tuple[int, int], tuple[int, str]] = {}

    @property
    def rows(self) -> int:
        """How many (model, version, revision) the pane has seen."""
        return len(self._keys)

    def add(
        self, outcomes: Sequence[Outcome], recorded_ms: Sequence[int], last_offset: int
    ) -> list[BadRecord]:
        """Add the outcomes of records that end at `last_offset`, be the last ones good or bad.

        Returns those beyond a cap, by their place in `outcomes`; they do not count.
        """
        self.last_offset = last_offset
        found = list(map(self._row_of.get, map(_KEY, outcomes)))
        refused = self._resolve(outcomes, found) if None in found else []
        rows = [row for row in found if row is not None]
        if refused:
            good = [place for place, row in enumerate(found) if row is not None]
            outcomes = [outcomes[place] for place in good]
            recorded_ms = [recorded_ms[place] for place in good]
        error_types = [outcome.error_type for outcome in outcomes]
        unsafe = self._tallies.flagged("safety_violation")
        if len(rows) < _BATCH_PAYS_FROM:
            for row, outcome, at_ms in zip(rows, outcomes, recorded_ms, strict=True):
                self._tallies.add_one(row, outcome, at_ms)
        else:
            self._tallies.add_many(rows, outcomes, error_types, recorded_ms)
        self._count_errors(rows, outcomes, error_types)
        if self._tallies.flagged("safety_violation") > unsafe:
            self._keep_safety_ids(rows, outcomes)
        return refused

    def snapshots(self, *, final: bool) -> list[Snapshot]:
        """Rows that changed since the last call; every row of a pane that has closed."""
        seen = self._tallies.outcomes()
        changed = [row for row, count in enumerate(seen) if final or count != self._published[row]]
        self._published = seen
        return [self._snapshot(row, final) for row in changed]

    def _resolve(self, outcomes: Sequence[Outcome], found: list[int | None]) -> list[BadRecord]:
        """Fill in the rows of new keys, in offset order, as far as the caps allow."""
        refused = []
        for place, outcome in enumerate(outcomes):
            if found[place] is None:
                row = self._row(outcome)
                if isinstance(row, BadValueError):
                    refused.append(BadRecord(place, row))
                else:
                    found[place] = row
        return refused

    def _row(self, outcome: Outcome) -> int | BadValueError:
        key = (outcome.model, outcome.version, outcome.revision or 0)
        row = self._row_of.get(key)
        if row is None:
            if key[:2] not in self._pairs and len(self._pairs) >= self._max_pairs:
                cap = f"over {self._max_pairs} (model, version) pairs in one pane"
                return BadValueError("$.version", cap)
            if self.rows >= REVISIONS_PER_PAIR * self._max_pairs:
                return BadValueError("$.revision", f"over {self.rows} revisions in one pane")
            row = self._new_row(key)
        self._row_of[outcome.model, outcome.version, outcome.revision] = row
        return row

    def _new_row(self, key: tuple[str, str, int]) -> int:
        row = self._row_of[key] = self._tallies.add_row()
        self._pairs.add(key[:2])
        self._keys.append(key)
        self._errors.append({})
        self._safety_ids.append([])
        self._published.append(0)
        return row

    def _count_errors(
        self, rows: Sequence[int], outcomes: Sequence[Outcome], error_types: list[str | None]
    ) -> None:
        """Per row and error type; types beyond the cap, in offset order, count as others."""
        if error_types.count(None) == len(error_types):
            return
        found = Counter(
            (rows[place], kind, slot_of(outcomes[place].bucket))
            for place, kind in enumerate(error_types)
            if kind is not None
        )
        for (row, kind, slot), count in found.items():
            errors = self._errors[row]
            known = kind in errors or len(errors) < MAX_ERROR_TYPES
            name = kind if known else OTHER_ERRORS
            errors.setdefault(name, [0] * (SLOTS + 1))[slot] += count

    def _keep_safety_ids(self, rows: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        flagged = [place for place, o in enumerate(outcomes) if o.safety_violation is True]
        for place in flagged:
            kept, name = self._safety_ids[rows[place]], outcomes[place].request_id
            if len(kept) < MAX_SAFETY_IDS and name not in kept:
                kept.append(name)

    def _snapshot(self, row: int, final: bool) -> Snapshot:
        model, version, revision = self._keys[row]
        numbers = self._tallies.numbers(row)
        counts = dict(zip(VALUES, numbers[COUNTS:BINS], strict=True))
        sums = dict(zip(VALUES, numbers[SUMS:COUNTS], strict=True))
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
            errors={kind: sum(by_slot) for kind, by_slot in self._errors[row].items()},
            labelled={name: count for name, count in labelled.items() if count},
            flagged={name: count for name, count in flagged.items() if count},
            sums={name: total for name, total in sums.items() if counts[name]},
            counts={name: count for name, count in counts.items() if count},
            sketches=self._sketches(row, counts),
            safety_request_ids=tuple(self._safety_ids[row]),
            slots=self._slots(row) if revision and counts[BUCKET] else NO_SLOTS,
        )

    def _slots(self, row: int) -> Slots:
        """What A/B tests need by slot of the bucket."""
        found = self._tallies.slots(row, list(_SLOTTED.values()))
        tables: dict[str, dict[str, tuple[int, ...]]] = {}
        for (table, name), numbers in zip(_SLOTTED, found, strict=True):
            if any(numbers):
                tables.setdefault(table, {})[name] = numbers
        errors = {kind: tuple(slots[:SLOTS]) for kind, slots in self._errors[row].items()}
        return Slots(errors={k: slots for k, slots in errors.items() if any(slots)}, **tables)

    def _sketches(self, row: int, counts: dict[str, int]) -> dict[str, str]:
        """The filled sketches; one whose count has not changed is not encoded again."""
        sketches = {}
        for place, measure in enumerate(SKETCHED):
            count = counts[measure.name]
            if count:
                known, text = self._encoded.get((row, place), (0, ""))
                if known != count:
                    text = self._tallies.sketch(row, place)
                    self._encoded[row, place] = (count, text)
                sketches[measure.name] = text
        return sketches
