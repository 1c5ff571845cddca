"""Ledger time: two machines, the broker and a writer, must agree before it jumps."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from headgate.release import partition_alerts
from headgate.release.state import PartitionState
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Severity

TOLERANCE_MS = 5_000
QUIET_MS = 60_000
_KEEP_EVERY_MS = 30_000


class Position(Struct, frozen=True, kw_only=True):
    """Where an entry lies in its ledger partition, and the broker's timestamp."""

    offset: int
    timestamp_ms: int


def advance(state: PartitionState, at: Position, clock_ms: int | None) -> PartitionState:
    """The state at the entry's time: the running maximum of the broker's timestamp, at most 5 s
    ahead of the highest clock that a writer has carried so far (`clock_ms`, if this entry does).
    """
    highest_ms, time_ms = state.writer_clock_ms, at.timestamp_ms
    if clock_ms is not None and clock_ms > highest_ms:
        highest_ms = clock_ms
    if highest_ms and time_ms > highest_ms + TOLERANCE_MS:
        time_ms = highest_ms + TOLERANCE_MS
    time_ms = max(time_ms, state.time_ms)
    return replace(
        state,
        next_offset=at.offset + 1,
        began_ms=state.began_ms or time_ms,
        time_ms=time_ms,
        writer_clock_ms=highest_ms,
    )


def watch_clocks(
    turn: Turn, state: PartitionState, at: Position, clock_ms: int | None
) -> PartitionState:
    """Alert while a writer's clock and the broker's disagree; resolve after a quiet minute."""
    apart_ms = abs(at.timestamp_ms - clock_ms) if clock_ms is not None else 0
    if apart_ms <= TOLERANCE_MS and not state.alerts:
        return state
    kind = AlertKind.CLOCKS_DISAGREE
    if apart_ms <= TOLERANCE_MS:
        if partition_alerts.is_quiet(state, kind, QUIET_MS):
            return partition_alerts.resolve(turn, state, kind, "Over: the clocks agree again.")
        return state
    if partition_alerts.is_quiet(state, kind, _KEEP_EVERY_MS):
        return partition_alerts.keep(turn, state, kind)
    return partition_alerts.fire(
        turn,
        state,
        kind,
        Severity.WARNING,
        f"A writer's clock and the broker's are {apart_ms / 1000:.1f} s apart. "
        "Check time synchronisation on both.",
    )
