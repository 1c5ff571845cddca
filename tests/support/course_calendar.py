"""Calendars of random rollouts, and when they are closed, reckoned apart from the code."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from headgate.release.state import ModelState

FROZEN: dict[str, Any] = {
    "freezes": [{"since": "2000-01-01T00:00", "until": "2100-01-01T00:00", "reason": "fair"}]
}
OFFICE: dict[str, Any] = {"business_hours": {"since": "06:00", "until": "22:00"}}
OPEN: dict[str, Any] = {}


def is_closed(model: ModelState, now_ms: int) -> bool:
    """Whether the calendar of the policy in force lets nothing advance."""
    calendar = model.policy.content.get("calendar", OPEN) if model.policy else OPEN
    if calendar == FROZEN:
        return True
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    return calendar == OFFICE and not (now.weekday() < 5 and 6 <= now.hour < 22)
