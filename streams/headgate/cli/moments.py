"""Moments as people want them: in UTC, the same on every machine, and how far away they are."""

from __future__ import annotations

from datetime import UTC, datetime

from headgate.judge.durations import say_duration


def minute(at_ms: int) -> str:
    """`2026-01-31 09:30 UTC`."""
    return f"{bare_minute(at_ms)} UTC"


def bare_minute(at_ms: int) -> str:
    """The same for a table whose heading says that it is UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def second(at_ms: int) -> str:
    """`2026-01-31 09:30:12 UTC`."""
    return f"{bare_second(at_ms)} UTC"


def bare_second(at_ms: int) -> str:
    """The same for a table whose heading says that it is UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def when(at_ms: int, now_ms: int) -> str:
    """A moment to come with its distance: `in 3 d 4 h (2026-01-31 09:30 UTC)`."""
    if at_ms <= now_ms:
        return "now"
    return f"{countdown(at_ms, now_ms)} ({minute(at_ms)})"


def ago(at_ms: int, now_ms: int) -> str:
    """`3 min ago`."""
    return f"{say_duration(max(1_000, round(now_ms - at_ms, -3)))} ago"


def countdown(deadline_ms: int, now_ms: int) -> str:
    """How far away a deadline is."""
    left_ms = deadline_ms - now_ms
    if left_ms <= 0:
        return "now"
    return f"in {say_duration(max(1_000, round(left_ms, -3)))}"
