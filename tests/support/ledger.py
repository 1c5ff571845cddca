"""A ledger in memory: feeds entries to the fold and keeps what comes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from headgate.measure.hdr import BUCKETS, bucket_index, bucket_index_of, encode_counts
from headgate.release.clocks import Position
from headgate.release.fold import Unreadable, step
from headgate.release.records import OutRecord, records_of
from headgate.release.state import ModelState, PartitionState
from headgate.release.turn import Publish
from headgate.vocabulary import PANE_MS, Topic
from headgate.wire.acks import Ack
from headgate.wire.alerts import Alert, Watching
from headgate.wire.audit import AuditRecord
from headgate.wire.control import Command
from headgate.wire.ledger import (
    SLOTS,
    AdmittedAck,
    AdmittedRequest,
    Entry,
    PartitionProgress,
    Progress,
    Slots,
    Snapshot,
    Tick,
)
from headgate.wire.requests import AnyRequest
from headgate.wire.rollout_requests import Adopt, StartRollout

START_MS = 1_700_000_000_000
MODEL = "support"
POLICIES = Path(__file__).resolve().parents[2] / "config" / "policies"


def policy_content(name: str = "default") -> dict[str, Any]:
    """A policy file's content as the command line sends it."""
    content: dict[str, Any] = yaml.safe_load((POLICIES / f"{name}.yaml").read_text())
    return content


def by_one_person(content: dict[str, Any]) -> dict[str, Any]:
    """The policy under which nobody waits for a second person: most promotions in tests are only
    the way to something else.
    """
    canary = {**content.get("canary", {}), "early_promotion": "allowed"}
    return {**content, "canary": canary}


def same_but_audit(model: ModelState, before: ModelState) -> bool:
    """Whether nothing of a model is another object but the end of its chain, and its stamp."""
    stamped = {"audit", "changed_offset", "changed_ms"}
    names = set(ModelState.__struct_fields__) - stamped
    return all(getattr(model, name) is getattr(before, name) for name in names)


@dataclass
class Traffic:
    """What one version serves per half second; rates per request, latency in ms."""

    requests: int = 50
    error_rate: float = 0.01
    error_type: str = "timeout"
    latency_ms: float = 800.0
    rating: float | None = None
    hallucination_rate: float | None = None
    safety_violations: int = 0
    unsafe_request: str = ""  # who violated safety; by default another request each time
    tokens: int | None = None
    cost_usd: float | None = None
    buckets: tuple[int, int] | None = None  # from, to
    slotted: bool = False  # whether its outcomes carry buckets, so that slots are counted
    revision: int | None = None  # of its outcomes; by default that of the split in force


@dataclass
class _Pane:
    first_offset: int
    outcomes: int = 0
    errors: int = 0
    latency: Any = field(default_factory=lambda: np.zeros(BUCKETS, np.int64))
    ratings: Any = field(default_factory=lambda: np.zeros(BUCKETS, np.int64))
    tokens: Any = field(default_factory=lambda: np.zeros(BUCKETS, np.int64))
    cost: Any = field(default_factory=lambda: np.zeros(BUCKETS, np.int64))
    buckets: Any = field(default_factory=lambda: np.zeros(BUCKETS, np.int64))
    labelled: dict[str, int] = field(default_factory=dict)
    flagged: dict[str, int] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    unsafe: list[str] = field(default_factory=list)
    slots: dict[str, dict[str, Any]] = field(default_factory=dict)

    def slot(self, table: str, name: str, slots: Any, values: Any) -> None:
        """Add values to their slots."""
        rows = self.slots.setdefault(table, {})
        known = rows.get(name, np.zeros(SLOTS, np.int64))
        rows[name] = known + np.bincount(slots, values, minlength=SLOTS).astype(np.int64)


@dataclass
class LedgerBench:
    """One ledger partition: `feed` appends an entry; `records` holds every output so far."""

    seed: int = 1
    state: PartitionState = field(default_factory=lambda: PartitionState(ledger_partition=0))
    now_ms: int = START_MS
    entries: list[tuple[Entry | Unreadable, Position]] = field(default_factory=list)
    published: list[Publish] = field(default_factory=list)
    records: list[OutRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self._sources = {Topic.REQUESTS: 0, Topic.ACKS: 0}
        self._panes: dict[tuple[str, int, int], _Pane] = {}
        self.outcome_offset = 0

    def feed(self, entry: Entry | Unreadable) -> None:
        """Append one entry at the present time."""
        at = Position(offset=len(self.entries), timestamp_ms=self.now_ms)
        self.entries.append((entry, at))
        self.state, effects = step(self.state, entry, at)
        said = [effect for effect in effects if isinstance(effect, Publish)]
        self.published.extend(said)
        self.records.extend(records_of(said, self.state))

    def replayed(self) -> list[OutRecord]:
        """What a second fold of the same entries gives."""
        state, out = PartitionState(ledger_partition=0), []
        for entry, at in self.entries:
            state, effects = step(state, entry, at)
            said = [effect for effect in effects if isinstance(effect, Publish)]
            out.extend(records_of(said, state))
        return out

    # What came out

    def messages(self, kind: type) -> list[Any]:
        """Every published message of one type, in order."""
        return [effect.message for effect in self.published if isinstance(effect.message, kind)]

    @property
    def commands(self) -> list[Command]:
        return self.messages(Command)

    @property
    def alerts(self) -> list[Alert]:
        return self.messages(Alert)

    @property
    def audit(self) -> list[AuditRecord]:
        return self.messages(AuditRecord)

    @property
    def heartbeats(self) -> list[Watching]:
        return self.messages(Watching)

    @property
    def model(self) -> ModelState:
        return self.state.models[MODEL]

    # What goes in

    def tick(self, seconds: float = 0.5) -> None:
        """Let time pass and write a tick."""
        self.now_ms += int(seconds * 1000)
        self.feed(Tick(worker="w", clock_ms=self.now_ms))

    def progress(self, *, lag: int = 0) -> None:
        """Ingest reports that it has read all but `lag` outcomes."""
        row = PartitionProgress(
            source_partition=0,
            next_offset=self.outcome_offset,
            end_offset=self.outcome_offset + lag,
            pane_time_ms=self.now_ms,
        )
        self.feed(Progress(worker="w", clock_ms=self.now_ms, partitions=(row,)))

    def request(self, kind: type, /, **fields: Any) -> AuditRecord:
        """Send an operator's request; the audit record that answers it."""
        offset = self._sources[Topic.REQUESTS]
        common = {"request_id": f"q{offset}", "model": MODEL, "operator": "ann"}
        return self.admit(kind(**{**common, "issued_at_ms": self.now_ms, **fields}))

    def admit(
        self, request: AnyRequest, headers: dict[str, str] | None = None, first_key: str = ""
    ) -> AuditRecord:
        """What admit appends for a request; the audit record that answers it."""
        before = len(self.audit)
        self.feed(
            AdmittedRequest(
                source_partition=0,
                source_offset=self._next_source(Topic.REQUESTS),
                request=request,
                headers=headers or {},
                first_key=first_key,
            )
        )
        answers = [r for r in self.audit[before:] if r.request_id == request.request_id]
        assert len(answers) == 1
        return answers[0]

    def ack(self, router_id: str = "r1", **fields: Any) -> None:
        """A router says which split it obeys; by default the newest one."""
        command = self.model.command
        known = {
            "revision": command.revision if command else 0,
            "decision_id": command.decision_id if command else "",
        }
        ack = Ack(router_id=router_id, model=MODEL, **{**known, **fields})
        offset = self._next_source(Topic.ACKS)
        self.feed(AdmittedAck(source_partition=0, source_offset=offset, ack=ack))

    def _next_source(self, topic: Topic) -> int:
        self._sources[topic] += 1
        return self._sources[topic] - 1

    def adopt(self, policy: dict[str, Any] | None = None, version: str = "v1") -> None:
        """Bring the first version into production."""
        self.tick()
        self.request(Adopt, version=version, policy=policy or by_one_person(policy_content()))

    def start(self, weight: int = 5000, candidate: str = "v2", **fields: Any) -> AuditRecord:
        """Start a rollout beside v1."""
        asked = {"stable": "v1", "candidate": candidate, "weight": weight}
        return self.request(StartRollout, **{**asked, **fields})

    def serve(self, seconds: float, **arms: Traffic) -> None:
        """Serve traffic for a while: cumulative snapshots, progress, acks and ticks."""
        for number in range(int(seconds * 2)):
            for version, traffic in arms.items():
                self._serve_half_a_second(version, traffic)
            if number % 4 == 0:
                self.progress()
                self.ack()
            self.tick()

    def _serve_half_a_second(self, version: str, traffic: Traffic) -> None:
        command = self.model.command
        revision = command.revision if command else 0
        revision = traffic.revision if traffic.revision is not None else revision
        pane_ms = self.now_ms // PANE_MS * PANE_MS
        self._panes = {key: pane for key, pane in self._panes.items() if key[2] == pane_ms}
        first = min([pane.first_offset for pane in self._panes.values()] or [self.outcome_offset])
        pane = self._panes.setdefault((version, revision, pane_ms), _Pane(first_offset=first))
        self.outcome_offset += traffic.requests
        self._add(pane, traffic)
        self.feed(
            Snapshot(
                model=MODEL,
                version=version,
                revision=revision,
                source_partition=0,
                pane_start_ms=pane_ms,
                first_offset=first,
                last_offset=self.outcome_offset - 1,
                outcomes=pane.outcomes,
                requests=pane.outcomes,
                errors={traffic.error_type: pane.errors} if pane.errors else {},
                labelled=dict(pane.labelled),
                flagged=dict(pane.flagged),
                sums=dict(pane.sums),
                counts=dict(pane.counts),
                sketches=_sketches(pane),
                safety_request_ids=tuple(pane.unsafe[:8]),
                slots=_slots(pane),
            )
        )

    def _add(self, pane: _Pane, traffic: Traffic) -> None:
        count = traffic.requests
        pane.outcomes += count
        errors = int(self.rng.binomial(count, traffic.error_rate))
        pane.errors += errors
        median_us = np.log(traffic.latency_ms * 1000)
        latency = np.rint(self.rng.lognormal(median_us, 0.4, count - errors)).astype(np.int64)
        pane.latency += np.bincount(bucket_index(latency), minlength=BUCKETS)
        _total(pane, "latency_us", int(latency.sum()), count - errors)
        slots = self.rng.integers(0, SLOTS, count)
        if traffic.slotted:
            pane.slot("counts", "requests", slots, np.ones(count))
            pane.slot("errors", traffic.error_type, slots[:errors], np.ones(errors))
            pane.slot("counts", "latency_us", slots[errors:], np.ones(count - errors))
            pane.slot("sums", "latency_bins", slots[errors:], bucket_index(latency))
        if traffic.rating is not None:
            stars = self.rng.binomial(4, (traffic.rating - 1) / 4, count) + 1
            tenths = (stars * 10).astype(np.int64)
            pane.ratings += np.bincount(bucket_index(tenths), minlength=BUCKETS)
            _total(pane, "rating_tenths", int(tenths.sum()), count)
            if traffic.slotted:
                pane.slot("counts", "rating_tenths", slots, np.ones(count))
                pane.slot("sums", "rating_tenths", slots, tenths)
        if traffic.hallucination_rate is not None:
            bad = int(self.rng.binomial(count, traffic.hallucination_rate))
            _label(pane, "hallucination", count, bad)
        if traffic.buckets is not None:
            low, high = traffic.buckets
            buckets = self.rng.integers(low, high + 1, count)
            pane.buckets += np.bincount(bucket_index(buckets), minlength=BUCKETS)
            _total(pane, "bucket", int(buckets.sum()), count)
        if traffic.safety_violations:
            _label(pane, "safety_violation", count, traffic.safety_violations)
            name = traffic.unsafe_request or f"request-{self.outcome_offset}"
            pane.unsafe = list(dict.fromkeys([*pane.unsafe, name]))
        if traffic.tokens is not None:
            _total(pane, "tokens", traffic.tokens * count, count)
            pane.tokens[bucket_index_of(traffic.tokens)] += count
        if traffic.cost_usd is not None:
            micro = int(traffic.cost_usd * 1_000_000)
            _total(pane, "cost_microusd", micro * count, count)
            pane.cost[bucket_index_of(micro)] += count


def _slots(pane: _Pane) -> Slots:
    filled = {
        table: {name: tuple(row.tolist()) for name, row in rows.items() if row.any()}
        for table, rows in pane.slots.items()
    }
    return Slots(**{table: rows for table, rows in filled.items() if rows})


def _sketches(pane: _Pane) -> dict[str, str]:
    dense = {
        "latency_us": pane.latency,
        "rating_tenths": pane.ratings,
        "tokens": pane.tokens,
        "cost_microusd": pane.cost,
        "bucket": pane.buckets,
    }
    return {name: encode_counts(counts) for name, counts in dense.items() if counts.any()}


def _total(pane: _Pane, measure: str, total: int, count: int) -> None:
    pane.sums[measure] = pane.sums.get(measure, 0) + total
    pane.counts[measure] = pane.counts.get(measure, 0) + count


def _label(pane: _Pane, label: str, count: int, flagged: int) -> None:
    pane.labelled[label] = pane.labelled.get(label, 0) + count
    if flagged:
        pane.flagged[label] = pane.flagged.get(label, 0) + flagged


def sentences(rows: Iterable[Any]) -> str:
    """All sentences, to look for words in."""
    return "\n".join(row.sentence for row in rows)
