"""Dead letters as records: bad input from any topic, kept with the reason."""

from __future__ import annotations

from typing import Any

from faust.types import TP

from headgate.config import Settings
from headgate.pipeline.sending import Record
from headgate.vocabulary import Topic
from headgate.wire.codec import BadValueError, encode
from headgate.wire.deadletters import dead_letter
from headgate.wire.headers import cloud_event_headers


def letter_record(settings: Settings, tp: TP, record: Any, error: BadValueError) -> Record:
    """A bad record with its reason; its id is its place, so that a repeat is known."""
    place = f"{tp.topic}-{tp.partition}"
    letter = dead_letter(
        tp.topic,
        tp.partition,
        record.offset,
        record.value,
        path=error.path,
        reason=error.reason,
    )
    return Record(
        topic=settings.topic(Topic.DEAD_LETTERS),
        key=place.encode(),
        value=encode(letter),
        headers=cloud_event_headers(
            event_id=f"{place}-{record.offset}",
            event_type="dead-letter",
            source=f"headgate/{settings.worker_id}",
            time_ms=max(record.timestamp, 0),
            subject=place,
        ),
    )
