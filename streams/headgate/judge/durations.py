"""Durations as people write them in a policy: `30s`, `15m`, `1h 30m`, `1w`, `0`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

_UNITS_MS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}
LONGEST_WEEKS = 53
_PART = re.compile(r"(\d+)\s*(ms|s|m|h|d|w)\s*")


def parse_duration_ms(text: object) -> int:
    """Milliseconds in `text`; a bare 0 is allowed. Raises `ValueError` for anything else."""
    if type(text) is int and not text:
        return 0
    if not isinstance(text, str):
        raise ValueError("write a duration with its unit, such as 30s, 15m or 1h")
    if text == "0":
        return 0
    parts = _PART.findall(text)
    if not parts or "".join(_PART.split(text)[::3]).strip():
        raise ValueError(f"{text!r} is no duration; write 30s, 15m, 1h or 1h 30m")
    return sum(int(count) * _UNITS_MS[unit] for count, unit in parts)


def say_duration(duration_ms: float) -> str:
    """A duration for people: the largest two units that matter (`1 h 30 min`, `12 s`)."""
    if duration_ms < 1_000:
        return f"{duration_ms:.0f} ms"
    if duration_ms < 60_000:
        return f"{duration_ms / 1000:.3g} s"
    whole_s = round(duration_ms / 1000)
    units = ((604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    said = []
    for size, name in units:
        count, whole_s = divmod(whole_s, size)
        if count:
            said.append(f"{count} {name}")
    return " ".join(said[:2])


def _not_too_long(duration_ms: int) -> int:
    if duration_ms > LONGEST_WEEKS * _UNITS_MS["w"]:
        raise ValueError(f"too long; at most {LONGEST_WEEKS}w")
    return duration_ms


def write_duration(duration_ms: int) -> str:
    """A duration as commands and policies take it, in the largest unit that fits: `90s`, `1m`."""
    whole = (unit for unit, ms in reversed(_UNITS_MS.items()) if duration_ms % ms == 0)
    unit = next(whole)
    return f"{duration_ms // _UNITS_MS[unit]}{unit}"


DurationMs = Annotated[
    int,
    BeforeValidator(parse_duration_ms),
    AfterValidator(_not_too_long),
    WithJsonSchema({"type": "string", "examples": ["30s", "15m", "1h"]}),
]
