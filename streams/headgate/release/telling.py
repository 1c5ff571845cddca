"""Telling: when a model's status is due. By the clock, and at once where somebody would look.

What is due is the last effect of an entry: ids of the others count the effects before them.
"""

from __future__ import annotations

from collections.abc import Mapping

from headgate.release.state import ModelState, PartitionState
from headgate.release.turn import StatusDue, Turn

STATUS_MS = 2_000
IDLE_STATUS_MS = 10_000


def crossed(before_ms: int, now_ms: int, every_ms: int) -> bool:
    """Whether a multiple of `every_ms` lies between two moments."""
    return before_ms // every_ms != now_ms // every_ms


def by_the_clock(turn: Turn, state: PartitionState, before_ms: int) -> None:
    """Every 2 s of what is busy, every 10 s of all."""
    if not crossed(before_ms, turn.now_ms, STATUS_MS):
        return
    idle_too = crossed(before_ms, turn.now_ms, IDLE_STATUS_MS)
    for model in state.models.values():
        busy = model.rollout is not None or turn.now_ms - model.changed_ms <= STATUS_MS
        if busy or idle_too or before_ms - model.changed_ms <= STATUS_MS:
            at_once(turn, model.model)


def new_splits(
    turn: Turn, before: Mapping[str, ModelState], models: Mapping[str, ModelState]
) -> None:
    """Of every model whose split Headgate changed by itself."""
    for name, model in models.items():
        was = before.get(name)
        if was is not None and was.command is not model.command:
            at_once(turn, name)


def at_once(turn: Turn, model: str) -> None:
    """Whoever looks just after a change sees it."""
    turn.effects.append(StatusDue(model=model))
