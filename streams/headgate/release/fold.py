"""The fold: one ledger entry at a time over the state of a ledger partition.

Pure and total. It reads no clock and no file; an entry that it cannot apply changes nothing and
raises an alert. The state is a function of the ledger's prefix, so any worker, and any replay,
comes to the same decisions and the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from headgate.measure.cells import Counted, cell_of
from headgate.measure.windows import MINUTE_MS, add_snapshot, forget_idle
from headgate.release import (
    distrust,
    each_model,
    lifecycles,
    partition_alerts,
    recovery,
    second_person,
    telling,
)
from headgate.release.approvals import answer_or_wait, expire
from headgate.release.chain import has_chain, seal
from headgate.release.clocks import Position, advance, watch_clocks
from headgate.release.courses import comparing
from headgate.release.everywhere import refuse, refuse_malformed
from headgate.release.freshness import (
    Blindness,
    add_progress,
    alert_blindness,
    blindness,
    watching,
)
from headgate.release.gate import forget_expired, let_in
from headgate.release.looking import look
from headgate.release.refusals import RefusedError
from headgate.release.state import ModelState, PartitionState
from headgate.release.telling import crossed
from headgate.release.turn import Effect, Turn
from headgate.release.versions import kept_in_tables
from headgate.vocabulary import ANY_MODEL, AlertKind, Severity, Topic
from headgate.wire.ledger import (
    AdmittedAck,
    AdmittedRequest,
    Entry,
    MalformedRequest,
    Progress,
    Snapshot,
    Tick,
)

MAX_UNNAMED_MODELS = 2_000
MAX_VERSIONS = 1_000
HEARTBEAT_MS = 10_000


class Unreadable(Struct, frozen=True, kw_only=True):
    """A ledger record that is no entry: which field, and which rule it broke."""

    path: str
    reason: str


def step(
    state: PartitionState, entry: Entry | Unreadable, at: Position
) -> tuple[PartitionState, list[Effect]]:
    """The state after `entry` and what is to be written; an entry seen before changes nothing."""
    if at.offset < state.next_offset:
        return state, []
    clock_ms = entry.clock_ms if isinstance(entry, (Tick, Progress)) else None
    state = advance(state, at, clock_ms)
    turn = Turn(ledger_partition=state.ledger_partition, offset=at.offset, now_ms=state.time_ms)
    if clock_ms is not None or state.alerts:
        state = watch_clocks(turn, state, at, clock_ms)
    made = len(turn.effects)
    try:
        state = seal(turn, _APPLY[type(entry)](turn, state, entry))
    except Exception as error:
        del turn.effects[made:]
        _not_applied(turn, entry, error)
    return state, turn.effects


def _not_applied(turn: Turn, entry: Entry | Unreadable, error: Exception) -> None:
    kind = type(entry).__name__
    turn.warn(
        AlertKind.ENTRY_NOT_APPLIED,
        f"The ledger entry at {turn.place} ({kind}) could not be applied and changed nothing: "
        f"{error}",
        entry=kind,
        error=type(error).__name__,
    )


def _unreadable(turn: Turn, state: PartitionState, entry: Unreadable) -> PartitionState:
    raise ValueError(f"{entry.path}: {entry.reason}")


def _model(turn: Turn, state: PartitionState, model: str) -> ModelState:
    found = state.models.get(model)
    return found or ModelState(model=model, born_ms=turn.now_ms, mode=state.mode)


def _with_model(turn: Turn, state: PartitionState, model: ModelState) -> PartitionState:
    """The state with a model's new state, and what follows where rollout or versions changed."""
    before = state.models.get(model.model)
    if before is model:
        return state
    return _stamped(turn, state, comparing.with_last(before, lifecycles.woken(before, model)))


def _stamped(
    turn: Turn, state: PartitionState, model: ModelState, **changes: Any
) -> PartitionState:
    """The state with a model's new state, stamped with the entry that changed it."""
    model = replace(model, changed_offset=turn.offset, changed_ms=turn.now_ms, **changes)
    return replace(state, models={**state.models, model.model: model})


def _snapshot(turn: Turn, state: PartitionState, entry: Snapshot) -> PartitionState:
    model = _model(turn, state, entry.model)
    if _is_full(state, model, entry.version):
        return partition_alerts.fire(
            turn,
            state,
            AlertKind.TABLES_FULL,
            Severity.WARNING,
            f"Too many models or versions that nobody named: {entry.model} {entry.version} and "
            "others are not counted in the tables. Who publishes them?",
        )
    tables = add_snapshot(
        model.tables,
        row=(entry.version, entry.revision),
        source_partition=entry.source_partition,
        pane_start_ms=entry.pane_start_ms,
        first_offset=entry.first_offset,
        last_offset=entry.last_offset,
        cell=cell_of(entry),
    )
    if tables is model.tables:
        return state
    return _stamped(turn, state, model, tables=tables)


def _is_full(state: PartitionState, model: ModelState, version: str) -> bool:
    """Whether the tables have no room for one more name that no operator gave."""
    if version in model.tables.totals or version in model.versions:
        return False
    if model.model not in state.models and len(state.models) >= MAX_UNNAMED_MODELS:
        return True
    return len(model.tables.totals) >= MAX_VERSIONS


def _first_time(
    state: PartitionState, kind: Topic, entry: AdmittedRequest | MalformedRequest | AdmittedAck
) -> PartitionState | None:
    """The state that remembers the entry's source, or None if it was applied before."""
    source = f"{kind}-{entry.source_partition}"
    if entry.source_offset <= state.seen.get(source, -1):
        return None
    return replace(state, seen={**state.seen, source: entry.source_offset})


def _request(turn: Turn, state: PartitionState, entry: AdmittedRequest) -> PartitionState:
    fresh = _first_time(state, Topic.REQUESTS, entry)
    if fresh is None:
        return state
    try:
        fresh = let_in(turn, fresh, entry)
    except RefusedError as refusal:
        refuse(turn, fresh, entry.request, refusal)
        return fresh
    if entry.request.model == ANY_MODEL:
        return second_person.answer_or_wait(turn, fresh, entry.request)
    before = _model(turn, fresh, entry.request.model)
    after = answer_or_wait(turn, fresh.keys, before, entry.request, blindness(fresh))
    if after is before:
        return fresh
    fresh = _with_model(turn, fresh, after)
    telling.at_once(turn, after.model)
    return fresh


def _malformed(turn: Turn, state: PartitionState, entry: MalformedRequest) -> PartitionState:
    fresh = _first_time(state, Topic.REQUESTS, entry)
    if fresh is None:
        return state
    refuse_malformed(turn, entry)
    return fresh


def _ack(turn: Turn, state: PartitionState, entry: AdmittedAck) -> PartitionState:
    fresh = _first_time(state, Topic.ACKS, entry)
    if fresh is None:
        return state
    model = state.models.get(entry.ack.model)
    if model is None:
        return fresh
    heard = recovery.hear(turn, model, entry.ack)
    if model.recovery is not None and heard.recovery is None:
        telling.at_once(turn, model.model)
    return _stamped(turn, fresh, heard)


def _tick(turn: Turn, state: PartitionState, _: Tick) -> PartitionState:
    """Time has passed: look at every rollout, act on deadlines, beat the heart.

    What is due every so often is counted from the tick before: other entries let time pass too.
    """
    before_ms, began = state.ticked_ms, state.models
    state = second_person.expire(turn, replace(state, ticked_ms=turn.now_ms))
    blind = blindness(state)
    state = alert_blindness(turn, state, blind)
    every_minute = crossed(before_ms, turn.now_ms, MINUTE_MS)
    judged = partial(_tick_model, blind=blind)
    state = each_model.follow(turn, state, (judged, _live) if every_minute else (judged,))
    if every_minute:
        state = _forget(turn, state)
    if crossed(before_ms, turn.now_ms, HEARTBEAT_MS):
        turn.publish(Topic.ALERTS, f"watching-{state.ledger_partition}", watching(state))
    telling.by_the_clock(turn, state, before_ms)
    telling.new_splits(turn, began, state.models)
    return state


def _tick_model(
    turn: Turn, state: PartitionState, model: ModelState, blind: Blindness
) -> PartitionState:
    looked = recovery.check(turn, look(turn, expire(turn, model), blind))
    return _with_model(turn, state, looked)


def _live(turn: Turn, state: PartitionState, model: ModelState) -> PartitionState:
    return _with_model(turn, state, lifecycles.follow(turn, distrust.settle(turn, model)))


def _forget(turn: Turn, state: PartitionState) -> PartitionState:
    """Let go of expired requests, and of what nobody named or set and nothing is heard of."""
    state = forget_expired(turn, state)
    for model in tuple(state.models.values()):
        kept_names = kept_in_tables(model)
        tables = forget_idle(model.tables, now_ms=turn.now_ms, keep=kept_names)
        kept = recovery.forget_routers(model, turn.now_ms)
        kept = kept if tables is kept.tables else replace(kept, tables=tables)
        is_unnamed = not has_chain(kept) and kept.mode is state.mode
        if is_unnamed and not kept.tables.totals:
            left = {name: other for name, other in state.models.items() if name != model.model}
            state = replace(state, models=left)
        else:
            state = _with_model(turn, state, kept)
    full = len(state.models) >= MAX_UNNAMED_MODELS or any(
        len(model.tables.totals) >= MAX_VERSIONS for model in state.models.values()
    )
    if full:
        return state
    over = "Over: the tables have room again."
    return partition_alerts.resolve(turn, state, AlertKind.TABLES_FULL, over)


_APPLY: dict[type, Callable[[Turn, PartitionState, Any], PartitionState]] = {
    Unreadable: _unreadable,
    Snapshot: _snapshot,
    Counted: _snapshot,
    Progress: add_progress,
    Tick: _tick,
    AdmittedRequest: _request,
    MalformedRequest: _malformed,
    AdmittedAck: _ack,
}
