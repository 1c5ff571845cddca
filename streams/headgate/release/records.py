"""Effects to records: the same effect is the same bytes, whoever folds it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from msgspec import Struct

from headgate.release.state import PartitionState
from headgate.release.status import model_status
from headgate.release.turn import Effect, Publish, StatusDue
from headgate.vocabulary import Topic
from headgate.wire.codec import encode
from headgate.wire.headers import Headers, cloud_event_headers
from headgate.wire.messages import MESSAGE_NAMES


class OutRecord(Struct, frozen=True, kw_only=True):
    """A record to write; `event_id` names it for those who drop repeats."""

    topic: Topic
    key: bytes
    value: bytes
    headers: Headers
    event_id: str


def records_of(effects: Iterable[Effect], state: PartitionState) -> list[OutRecord]:
    """The records of a batch's effects in order, and one status per model that is due. Of a model
    that cannot be judged there is none: its last one grows old, and says so.
    """
    effects = list(effects)
    records = [_record(effect) for effect in effects if isinstance(effect, Publish)]
    due = dict.fromkeys(effect.model for effect in effects if isinstance(effect, StatusDue))
    for model in due:
        if model in state.models:
            with suppress(Exception):  # no model takes the worker from the others
                records.append(_record(_status(state, model)))
    return records


def _status(state: PartitionState, model: str) -> Publish:
    return Publish(
        topic=Topic.STATUS,
        key=model,
        message=model_status(state, state.models[model]),
        event_id=f"status-{state.ledger_partition}-{state.next_offset}-{model}",
        time_ms=state.time_ms,
    )


def _record(effect: Publish) -> OutRecord:
    return OutRecord(
        topic=effect.topic,
        key=effect.key.encode(),
        value=encode(effect.message),
        headers=cloud_event_headers(
            event_id=effect.event_id,
            event_type=MESSAGE_NAMES[effect.topic],
            source="headgate/govern",
            time_ms=effect.time_ms,
            subject=effect.key,
        ),
        event_id=effect.event_id,
    )
