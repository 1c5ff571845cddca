"""`ledger`: the ordered log of everything that may influence a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from headgate.wire.acks import Ack
from headgate.wire.fields import Count, Name, Offset, TimestampMs
from headgate.wire.requests import AnyRequest

SLOTS = 32
PerSlot = Annotated[tuple[int, ...], Meta(min_length=SLOTS, max_length=SLOTS)]


class Slots(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Counts and sums by slot of the router's bucket (`bucket` modulo 32): 32 integers each.

    A user's requests share a slot, so that the spread between slots tells how much they are alike.
    Only outcomes with a bucket and a revision count here. Names are those of the snapshot's own
    tables; `counts` has `requests` too, and `sums` has `latency_bins`: of successes, the numbers of
    their latencies' HDR buckets, a logarithmic scale. A name is there if any slot is not 0.
    """

    errors: Mapping[str, PerSlot] = {}
    labelled: Mapping[str, PerSlot] = {}
    flagged: Mapping[str, PerSlot] = {}
    sums: Mapping[str, PerSlot] = {}
    counts: Mapping[str, PerSlot] = {}


NO_SLOTS = Slots()
MAX_TOLD = 256
Told = Annotated[str, Meta(max_length=MAX_TOLD)]


class Snapshot(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="snapshot"
):
    """Everything one source partition has seen of one (version, revision) in one pane so far.

    Cumulative: it starts at the pane's first record, and a snapshot with a higher `last_offset`
    replaces a lower one. `first_offset` and `last_offset` are those of the *pane*, so that
    all snapshots of a publication join alike. `revision` 0 stands for outcomes without one.

    `labelled` and `flagged` count, per boolean label, the outcomes that carry it and those where it
    is true. `sums` and `counts` are integers per measure in its wire unit (latency_us, ttft_us,
    tokens, input_tokens, output_tokens, cost_microusd, rating_tenths, bucket, delay_ms).
    `sketches` are HDR histograms (V2 compressed, base64) of the same units. `slots` divides some of
    it by the router's bucket.
    """

    model: Name
    version: Name
    revision: Count
    source_partition: Count
    pane_start_ms: TimestampMs
    first_offset: Offset
    last_offset: Offset
    final: bool = False
    outcomes: Count
    requests: Count = 0
    errors: dict[str, int] = {}
    labelled: dict[str, int] = {}
    flagged: dict[str, int] = {}
    sums: dict[str, int] = {}
    counts: dict[str, int] = {}
    sketches: dict[str, str] = {}
    safety_request_ids: tuple[str, ...] = ()
    slots: Slots = NO_SLOTS


class PartitionProgress(Struct, frozen=True, kw_only=True):
    """How far ingest has read one partition of the outcomes topic, and where that ends."""

    source_partition: Count
    next_offset: Offset
    end_offset: Offset
    pane_time_ms: TimestampMs


class Progress(Struct, frozen=True, kw_only=True, tag_field="type", tag="progress"):
    """Every 2 s from each ingest worker to every ledger partition."""

    worker: Name
    clock_ms: TimestampMs
    partitions: tuple[PartitionProgress, ...]


class Tick(Struct, frozen=True, kw_only=True, tag_field="type", tag="tick"):
    """Makes time pass; written twice a second by the worker that owns the ledger partition."""

    worker: Name
    clock_ms: TimestampMs


class AdmittedRequest(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="request"
):
    """An operator's request with where it came from; `headers` keep its signature.

    `first_key` is the fingerprint that admit's configuration names for the very first key: it
    travels with each `apply_keys`, so that the fold and every replay know it from the ledger.
    """

    source_partition: Count
    source_offset: Count
    request: AnyRequest
    headers: dict[str, str] = {}
    first_key: str = ""


class AdmittedAck(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="ack"
):
    source_partition: Count
    source_offset: Count
    ack: Ack


class MalformedRequest(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="malformed_request"
):
    """A record on `requests` that is no request, with what can be read of it.

    `path` and `reason` name the field and the rule; `sha256` is of the value, which lies on
    `dead-letters` as a whole.
    """

    source_partition: Count
    source_offset: Count
    model: Name
    path: Told
    reason: Told
    sha256: str
    request_id: str = ""
    operator: str = ""


Entry = Snapshot | Progress | Tick | AdmittedRequest | AdmittedAck | MalformedRequest
Evidence = dict[str, Any]
