"""CloudEvents 1.0 headers in binary mode for every record that Headgate writes."""

from __future__ import annotations

from datetime import UTC, datetime

Headers = list[tuple[str, bytes]]


def cloud_event_headers(
    *, event_id: str, event_type: str, source: str, time_ms: int, subject: str
) -> Headers:
    """`event_type` is the message's short name (`control`); `time_ms` is the event's time."""
    moment = datetime.fromtimestamp(time_ms / 1000, tz=UTC)
    fields = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_type": f"dev.headgate.{event_type}.v1",
        "ce_source": source,
        "ce_time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ce_subject": subject,
        "content-type": "application/json",
    }
    return [(name, value.encode()) for name, value in fields.items()]
