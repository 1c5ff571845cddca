"""Gives every audit record of a turn its place in a chain, whose end is part of the state."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.registry.catalogue import EMPTY
from headgate.release.state import ModelState, PartitionState
from headgate.release.turn import Publish, Turn
from headgate.wire.audit import AuditRecord, ChainHead
from headgate.wire.chains import hash_of
from headgate.wire.codec import encode
from headgate.wire.registry import LifecycleSettings


def seal(turn: Turn, state: PartitionState) -> PartitionState:
    """Chain the records that the turn has made, in their order.

    A model owns a chain from when somebody names it (a version, a policy, anything registered or
    set of it); until then, and for `*`, records go into the ledger partition's chain, so that
    requests for names that nobody knows leave no state behind.
    """
    for number, effect in enumerate(turn.effects):
        if not isinstance(effect, Publish) or not isinstance(effect.message, AuditRecord):
            continue
        model = state.models.get(effect.message.model)
        owner = model if model is not None and has_chain(model) else None
        head = owner.audit if owner else state.audit
        record = replace(
            effect.message,
            chain="" if owner else f"partition-{state.ledger_partition}",
            sequence=head.sequence + 1,
            previous=head.hash,
        )
        turn.effects[number] = replace(effect, message=record)
        head = ChainHead(sequence=head.sequence + 1, hash=hash_of(encode(record)))
        state = _moved_on(turn, state, owner, head)
    return state


def has_chain(model: ModelState) -> bool:
    """Whether the model's records go into a chain of its own; once so, always so."""
    named = bool(model.versions) or model.policy is not None
    told = model.catalogue != EMPTY or model.lifecycle != LifecycleSettings()
    return named or told or model.audit.sequence > 0


def _moved_on(
    turn: Turn, state: PartitionState, owner: ModelState | None, head: ChainHead
) -> PartitionState:
    if owner is None:
        return replace(state, audit=head)
    moved = replace(owner, audit=head, changed_offset=turn.offset, changed_ms=turn.now_ms)
    return replace(state, models={**state.models, moved.model: moved})
