"""Freshness: can the tables be trusted now, or has telemetry gone stale or fallen behind?"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from headgate.judge.durations import say_duration
from headgate.release import partition_alerts
from headgate.release.state import STALE_MS, PartitionState, SourceProgress
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Severity
from headgate.wire.alerts import SourceLag, Watching
from headgate.wire.ledger import PartitionProgress, Progress


class Blindness(Struct, frozen=True):
    """Why verdicts are unknown now; an empty sentence means that the view is fresh."""

    sentence: str = ""
    lagging: bool = False


def add_progress(turn: Turn, state: PartitionState, entry: Progress) -> PartitionState:
    """Join what one ingest worker reports; entries of a source partition join by higher offsets."""
    progress = dict(state.progress)
    for row in entry.partitions:
        known = progress.get(row.source_partition)
        progress[row.source_partition] = _join(known, row, turn.now_ms)
    return replace(state, progress=progress)


def _join(known: SourceProgress | None, row: PartitionProgress, now_ms: int) -> SourceProgress:
    next_offset = max(row.next_offset, known.next_offset if known else 0)
    end_offset = max(row.end_offset, known.end_offset if known else 0)
    reached = known is None or next_offset >= known.goal_offset
    return SourceProgress(
        next_offset=next_offset,
        end_offset=end_offset,
        pane_time_ms=max(row.pane_time_ms, known.pane_time_ms if known else 0),
        heard_ms=now_ms,
        goal_offset=end_offset if known is None or reached else known.goal_offset,
        goal_ms=now_ms if known is None or reached else known.goal_ms,
    )


def blindness(state: PartitionState) -> Blindness:
    """Whether any source partition is without progress, or behind, for 15 s."""
    if not state.progress:
        return Blindness("Telemetry is stale: no ingest worker has reported yet.")
    silent = [
        (state.time_ms - source.heard_ms, partition)
        for partition, source in state.progress.items()
        if state.time_ms - source.heard_ms > STALE_MS
    ]
    if silent:
        age_ms, partition = max(silent)
        return Blindness(
            f"Telemetry is stale: {_partitions(len(silent))} of outcomes had no progress, "
            f"partition {partition} for {say_duration(age_ms)}."
        )
    behind = [
        (state.time_ms - source.goal_ms, partition)
        for partition, source in state.progress.items()
        if source.next_offset < source.goal_offset and state.time_ms - source.goal_ms > STALE_MS
    ]
    if behind:
        age_ms, partition = max(behind)
        return Blindness(
            f"Ingest lags: {_partitions(len(behind))} of outcomes behind, "
            f"partition {partition} by more than {say_duration(age_ms)}.",
            lagging=True,
        )
    return Blindness()


def _partitions(count: int) -> str:
    return f"{count} partition" if count == 1 else f"{count} partitions"


def alert_blindness(turn: Turn, state: PartitionState, blind: Blindness) -> PartitionState:
    """Fire when the view goes blind, resolve when it is fresh again.

    Nobody is woken where there is no model to watch, or while ingest may be starting still.
    """
    if not blind.sentence and not state.alerts:
        return state
    starting = not state.progress and state.time_ms - state.began_ms <= STALE_MS
    if not state.models or starting:
        return state
    current = None
    if blind.sentence:
        current = AlertKind.INGEST_LAGGING if blind.lagging else AlertKind.TELEMETRY_STALE
    for kind in (AlertKind.TELEMETRY_STALE, AlertKind.INGEST_LAGGING):
        if kind is not current:
            over = "Over: telemetry is fresh again."
            state = partition_alerts.resolve(turn, state, kind, over)
    if current is None:
        return state
    sentence = f"{blind.sentence} Verdicts are unknown: no promotion and no rollback until then."
    return partition_alerts.fire(turn, state, current, Severity.CRITICAL, sentence)


def watching(state: PartitionState) -> Watching:
    """The heartbeat: how far this ledger partition sees."""
    newest_ms = max((source.pane_time_ms for source in state.progress.values()), default=0)
    return Watching(
        ledger_partition=state.ledger_partition,
        at_ms=state.time_ms,
        models=len(state.models),
        newest_pane_age_ms=max(state.time_ms - newest_ms, 0) if newest_ms else None,
        sources=tuple(
            SourceLag(
                source_partition=partition,
                lag=max(source.end_offset - source.next_offset, 0),
                silent_ms=max(state.time_ms - source.heard_ms, 0),
            )
            for partition, source in sorted(state.progress.items())
        ),
    )
