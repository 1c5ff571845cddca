"""Turns: when each trigger looks. What may act within a minute looks at every tick. Seconds do not
matter to a warning, nor where a rollback waits for minutes: these take turns, so that no tick looks
at everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from headgate.judge.policy import Trigger

EVERY_MS = 8_000
SOON_MS = 60_000


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
    metrics = list(dict.fromkeys(row.metric for row in triggers if not _acts_soon(row)))
    turns = {name: Turn(at * EVERY_MS // len(metrics)) for at, name in enumerate(metrics)}
    return tuple(None if _acts_soon(row) else turns[row.metric] for row in triggers)


def _acts_soon(trigger: Trigger) -> bool:
    return trigger.can_roll_back and trigger.act_within < SOON_MS
