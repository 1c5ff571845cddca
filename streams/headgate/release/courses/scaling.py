"""Scaling: which versions were ordered scaled down, until they serve again.

Headgate orders on audit; it starts and stops nothing itself.
"""

from __future__ import annotations

from msgspec.structs import replace

from headgate.measure.reading import read_window
from headgate.release.state import ModelState
from headgate.release.turn import Turn

_HEARD_MS = 300_000


def scale_down(turn: Turn, state: ModelState, why: str) -> ModelState:
    """Order, once, that the version on standby is scaled down."""
    standby = state.standby
    if standby is None:
        return state
    turn.audit(
        state.model,
        "scale_down",
        f"Scale {standby.version} of {state.model} down: {why}.",
        details={"version": standby.version},
        before={"standby": standby.version},
        after={"standby": "scaled down"},
    )
    return replace(_marked(state, standby.version, down=True), standby=None)


def is_scaled_down(state: ModelState, version: str) -> bool:
    """Whether its scale-down was ordered, and it has not served since."""
    record = state.versions.get(version)
    return record is not None and record.scaled_down


def serves(state: ModelState, version: str, now_ms: int) -> bool:
    """Whether it is heard to answer what the split in force gives it."""
    command = state.command
    if command is None or not any(row.version == version and row.weight for row in command.weights):
        return False
    heard = read_window(
        state.tables,
        version,
        now_ms=now_ms,
        window_ms=_HEARD_MS,
        from_ms=command.issued_at_ms,
        since_revision=state.split_since_revision,
        depth="counts",
    )
    return heard.requests > sum(heard.errors.values())


def forget(state: ModelState, now_ms: int) -> ModelState:
    """What serves again is scaled down no more. Callers who pinned a version do not count: they
    meet the last of it while it is stopped.
    """
    for row in state.command.weights if state.command is not None else ():
        if is_scaled_down(state, row.version) and serves(state, row.version, now_ms):
            state = started(state, row.version)
    return state


def started(state: ModelState, version: str) -> ModelState:
    """The version is scaled down no more."""
    return _marked(state, version, down=False) if is_scaled_down(state, version) else state


def _marked(state: ModelState, version: str, *, down: bool) -> ModelState:
    record = state.versions.get(version)
    if record is None:
        return state
    marked = replace(record, scaled_down=down)
    return replace(state, versions={**state.versions, version: marked})
