"""Each model by itself: a step that fails for one is told, and takes nothing from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headgate.judge.listing import listed
from headgate.release import partition_alerts
from headgate.release.state import ModelState, PartitionState
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Severity

Step = Callable[[Turn, PartitionState, ModelState], PartitionState]


def follow(turn: Turn, state: PartitionState, steps: Sequence[Step]) -> PartitionState:
    """The state after the steps, one after the other of all models. One that fails changes nothing
    of its model; the alert of that is open until all of them succeed.
    """
    failed: dict[str, str] = {}
    for step in steps:
        for model in tuple(state.models.values()):
            made = len(turn.effects)
            try:
                state = step(turn, state, model)
            except Exception as error:
                del turn.effects[made:]
                failed.setdefault(model.model, f"{type(error).__name__}: {error}")
    kind = AlertKind.MODEL_NOT_JUDGED
    if not failed:
        return partition_alerts.resolve(turn, state, kind, "Over: all models are judged again.")
    sentence = (
        f"{listed(failed)} can't be judged, so that nothing about it is decided or rolled back: "
        f"{next(iter(failed.values()))}. All other models are judged."
    )
    return partition_alerts.fire(turn, state, kind, Severity.CRITICAL, sentence)
