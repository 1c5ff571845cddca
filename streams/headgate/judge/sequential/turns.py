"""Turns: when each trigger looks. What acts at once looks at every tick. Nobody waits seconds for a
warning, or where a rollback waits for minutes: these take turns, so that no tick looks at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from headgate.judge.policy import Trigger

EVERY_MS = 8_000


class Turn(NamedTuple):
    """One look every eight seconds of the clock, from `offset_ms` on."""

    offset_ms: int

    def after(self, last_ms: int) -> int:
        """When the next look is due, after one at `last_ms`."""
        return ((last_ms - self.offset_ms) // EVERY_MS + 1) * EVERY_MS + self.offset_ms


def turns_of(triggers: Sequence[Trigger]) -> tuple[Turn | None, ...]:
    """The turn of each trigger; None for those that look at every tick.

    Triggers of one metric share a turn, and with it what they count.
    """
    at_once = [row.can_roll_back and not row.act_within for row in triggers]
    rows = zip(triggers, at_once, strict=True)
    metrics = list(dict.fromkeys(row.metric for row, urgent in rows if not urgent))
    turns = {name: Turn(at * EVERY_MS // len(metrics)) for at, name in enumerate(metrics)}
    rows = zip(triggers, at_once, strict=True)
    return tuple(None if urgent else turns[row.metric] for row, urgent in rows)
