"""Replay: fold the recorded ledger again and compare with what was published.

Control, alerts and audit are compared by record id, byte for byte. A published record that the
fold does not give again, or gives with other bytes, means that somebody else wrote it, that the
ledger was changed, or that another release decides differently.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from headgate.config import Settings
from headgate.measure.compiled import make_ready
from headgate.release.checkpoints import Loaded, thaw_newest
from headgate.release.clocks import Position
from headgate.release.fold import Unreadable, step
from headgate.release.records import OutRecord, records_of
from headgate.release.state import PartitionState
from headgate.release.turn import Publish
from headgate.replay.reading import TopicReader, TopicReadError
from headgate.vocabulary import Topic
from headgate.wire.codec import BadValueError
from headgate.wire.ledger import Entry
from headgate.wire.messages import ENTRY

COMPARED = (Topic.CONTROL, Topic.ALERTS, Topic.AUDIT)
SHOWN = 20

Recorded = dict[str, set[bytes]]


@dataclass
class ReplayReport:
    """What a replay found; `ok` if every published record came out byte for byte.

    `from_offsets` is where each ledger partition was folded from, `to_offsets` where it ended when
    it was read; what govern publishes of later entries meanwhile is not looked at. `pending`
    counts records of the newest entries that no worker has published yet; `compacted` those that
    the control topic has let go of because a newer split replaced them.
    """

    partitions: int = 0
    entries: int = 0
    from_offsets: dict[int, int] = field(default_factory=dict)
    to_offsets: dict[int, int] = field(default_factory=dict)
    compared: dict[str, int] = field(default_factory=dict)
    different: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    pending: int = 0
    compacted: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing differs, is missing or is there without a reason."""
        return not (self.different or self.missing or self.unexpected)


def replay(settings: Settings, since_ms: int | None = None) -> ReplayReport:
    """Fold the ledger from its beginning, or from the newest checkpoint before `since_ms`.

    Raises `TopicReadError` where the ledger's beginning is gone and no checkpoint covers it, and
    `MissingExtraError`.
    """
    make_ready()
    report = ReplayReport()
    with TopicReader(settings) as reader:
        ledger = settings.topic(Topic.LEDGER)
        partitions = reader.partitions(ledger)
        report.partitions = len(partitions)
        table = _read_checkpoints(settings, reader) if since_ms is not None else {}
        replayed: list[tuple[int, OutRecord]] = []
        for partition in partitions:
            loaded = thaw_newest(table, partition, before_ms=since_ms) if table else None
            replayed.extend(_fold(settings, reader, partition, loaded, report))
        for topic in COMPARED:
            recorded, newest = _read_recorded(settings, reader, topic)
            _compare(topic, replayed, recorded, newest, report)
    return report


def _fold(
    settings: Settings,
    reader: TopicReader,
    partition: int,
    loaded: Loaded | None,
    report: ReplayReport,
) -> Iterator[tuple[int, OutRecord]]:
    """Every compared record of one ledger partition with the offset of its entry."""
    ledger = settings.topic(Topic.LEDGER)
    state = loaded.state if loaded else PartitionState(ledger_partition=partition)
    low, high = reader.bounds(ledger, partition)
    if low > state.next_offset:
        raise TopicReadError(
            f"partition {partition} of {ledger} begins at {low}, after {state.next_offset}: "
            "replay from a checkpoint with --since"
        )
    report.from_offsets[partition] = state.next_offset
    report.to_offsets[partition] = high
    for message in reader.read(ledger, {partition: state.next_offset}, {partition: high}):
        state, effects = step(state, _entry(message), _position(message))
        report.entries += 1
        compared = [e for e in effects if isinstance(e, Publish) and e.topic in COMPARED]
        for record in records_of(compared, state):
            yield message.offset(), record


def _entry(message: Any) -> Entry | Unreadable:
    try:
        return ENTRY.decode(message.value())
    except BadValueError as error:
        return Unreadable(path=error.path, reason=error.reason)


def _position(message: Any) -> Position:
    return Position(offset=message.offset(), timestamp_ms=message.timestamp()[1])


def _read_checkpoints(settings: Settings, reader: TopicReader) -> dict[bytes, bytes]:
    """Every checkpoint that the changelog still has, those that govern has deleted included.

    Govern keeps two, half a minute of them. A checkpoint is never overwritten, so an older one
    that compaction has not reached yet is as good.
    """
    topic = f"{settings.group_prefix}govern-checkpoints-changelog"
    kept = (message for message in _read_all(reader, topic) if message.value() is not None)
    return {message.key(): message.value() for message in kept}


def _read_all(reader: TopicReader, topic: str) -> Iterator[Any]:
    bounds = {p: reader.bounds(topic, p) for p in reader.partitions(topic)}
    starts = {p: low for p, (low, _) in bounds.items()}
    yield from reader.read(topic, starts, {p: high for p, (_, high) in bounds.items()})


def _read_recorded(
    settings: Settings, reader: TopicReader, topic: Topic
) -> tuple[Recorded, dict[bytes, str]]:
    """What govern published, by record id, and the newest record id of each key."""
    recorded: Recorded = defaultdict(set)
    newest: dict[bytes, str] = {}
    for message in _read_all(reader, settings.topic(topic)):
        headers = dict(message.headers() or ())
        if headers.get("ce_source") != b"headgate/govern":
            continue
        event_id = (headers.get("ce_id") or b"").decode(errors="replace")
        recorded[event_id].add(message.value())
        newest[message.key()] = event_id
    return recorded, newest


def _compare(
    topic: Topic,
    replayed: list[tuple[int, OutRecord]],
    recorded: Recorded,
    newest: dict[bytes, str],
    report: ReplayReport,
) -> None:
    mine = [(offset, record) for offset, record in replayed if record.topic is topic]
    last = _last_published(mine, recorded)
    report.compared[str(topic)] = 0
    for offset, record in mine:
        name = f"{topic} {record.event_id}"
        values = recorded.get(record.event_id)
        if values is not None:
            report.compared[str(topic)] += 1
            if values != {record.value}:
                report.different.append(name)
        elif topic is Topic.CONTROL and newest.get(record.key, record.event_id) != record.event_id:
            report.compacted += 1
        elif offset > last.get(_partition_of(record), -1):
            report.pending += 1
        else:
            report.missing.append(name)
    known = {record.event_id for _, record in mine}
    report.unexpected.extend(
        f"{topic} {event_id}"
        for event_id in recorded
        if event_id not in known and _is_in_range(event_id, report)
    )


def _last_published(mine: list[tuple[int, OutRecord]], recorded: Recorded) -> dict[int, int]:
    """Per ledger partition the newest entry of which anything was published."""
    last: dict[int, int] = {}
    for offset, record in mine:
        if record.event_id in recorded:
            partition = _partition_of(record)
            last[partition] = max(last.get(partition, -1), offset)
    return last


def _partition_of(record: OutRecord) -> int:
    return _place(record.event_id)[0]


def _place(event_id: str) -> tuple[int, int]:
    """Ledger partition and offset out of a record id such as `d-2-1043-9f3a`."""
    partition, offset = event_id.split("-")[1:3]
    return int(partition), int(offset)


def _is_in_range(event_id: str, report: ReplayReport) -> bool:
    """Whether the entry that an id names was folded; an id that names none is nobody's."""
    try:
        partition, offset = _place(event_id)
    except ValueError:
        return True
    begin, end = report.from_offsets.get(partition, 0), report.to_offsets.get(partition)
    return offset >= begin and (end is None or offset < end)
