"""Checkpoints: immutable hints that save folding a ledger from its beginning.

A model's state is kept under (model, offset of the last entry that changed it, digest), cut into
parts; a marker under (ledger partition, next offset) lists the states that together are the fold
of everything below that offset. Nothing is ever overwritten, so a former owner that wakes late,
a table that recovers last-wins or a crash between two writes can spoil nothing.

Keys carry a tag, because a changelog record of an untracked partition may reach another table.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, get_origin

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from headgate.measure.cells import Cell
from headgate.measure.piles import Pile
from headgate.measure.rings import Ring
from headgate.measure.sketch import Sketch
from headgate.measure.slots import BySlot
from headgate.measure.summed import Summed
from headgate.measure.windows import Row, put_in_order
from headgate.release.state import ModelState, PartitionState
from headgate.wire.ledger import Slots

TAG = "headgate-checkpoint-7"
PART_BYTES = 500_000
KEEP_MARKERS = 2
_Panes = dict[int, dict[Row, Pile]]
_PARTITION = ""  # the partition's own state lies beside its models under the empty name


class StateKey(Struct, frozen=True, array_like=True, tag=f"{TAG}-state"):
    """Names one part of one state for ever."""

    ledger_partition: int
    model: str
    changed_offset: int
    digest: str
    part: int
    parts: int


class MarkerKey(Struct, frozen=True, array_like=True, tag=f"{TAG}-marker"):
    """Names the fold of everything below `next_offset`."""

    ledger_partition: int
    next_offset: int


class StateName(Struct, frozen=True, array_like=True):
    """A whole state: all its parts are needed."""

    model: str
    changed_offset: int
    digest: str
    parts: int


class Marker(Struct, frozen=True):
    """The states that make up a checkpoint; `time_ms` is its ledger time."""

    states: tuple[StateName, ...]
    time_ms: int


def _to_wire(value: object) -> object:
    if isinstance(value, Sketch):
        return [value.indexes.astype("<i4").tobytes(), value.counts.astype("<i8").tobytes()]
    if isinstance(value, np.ndarray):
        little = value.astype(value.dtype.newbyteorder("<"))
        return [little.dtype.str, little.shape, little.tobytes()]
    if isinstance(value, Summed):
        return value.whole()
    if isinstance(value, BySlot):
        return value.on_the_wire()
    if isinstance(value, Pile):
        return value.cell
    if isinstance(value, Ring):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be kept in a checkpoint")


def _from_wire(kind: type, value: Any) -> Any:
    if kind is Sketch:
        indexes, counts = value
        return Sketch(
            np.frombuffer(indexes, "<i4").astype(np.int64),
            np.frombuffer(counts, "<i8").astype(np.int64),
        )
    if get_origin(kind) is np.ndarray:
        dtype, shape, raw = value
        return np.frombuffer(raw, dtype).reshape(shape).astype(np.dtype(dtype).newbyteorder("="))
    if kind is BySlot:
        return BySlot.of(msgspec.convert(value, Slots))
    if kind is Pile:
        return Pile(msgspec.convert(value, Cell, dec_hook=_from_wire))
    if get_origin(kind) is Ring:
        return Ring.of(msgspec.convert(value, _Panes, dec_hook=_from_wire))
    raise TypeError(f"{kind.__name__} is in no checkpoint")


_encoder = msgspec.msgpack.Encoder(enc_hook=_to_wire)
_decode_model = msgspec.msgpack.Decoder(ModelState, dec_hook=_from_wire).decode
_decode_partition = msgspec.msgpack.Decoder(PartitionState, dec_hook=_from_wire).decode
_key_encoder = msgspec.json.Encoder()
_decode_key = msgspec.json.Decoder(StateKey | MarkerKey).decode
_decode_marker = msgspec.json.Decoder(Marker).decode


def encode_key(key: StateKey | MarkerKey) -> bytes:
    """The key as the table holds it."""
    return _key_encoder.encode(key)


def read_keys(keys: Iterable[bytes], ledger_partition: int) -> list[StateKey | MarkerKey]:
    """The keys of this table and partition among `keys`; whatever else lies there is passed by."""
    found = []
    for raw in keys:
        try:
            key = _decode_key(raw)
        except msgspec.MsgspecError:
            continue
        if key.ledger_partition == ledger_partition:
            found.append(key)
    return found


def freeze(state: PartitionState, model: str) -> tuple[StateName, dict[bytes, bytes]]:
    """One state as parts of at most 500 kB; `model` "" is the partition's own."""
    if model == _PARTITION:
        kept: ModelState | PartitionState = replace(state, models={})
        changed_offset = state.next_offset
    else:
        kept = state.models[model]
        changed_offset = state.models[model].changed_offset
    raw = _encoder.encode(kept)
    digest = hashlib.sha256(raw).hexdigest()[:16]
    packed = zlib.compress(raw, level=1)
    cuts = range(0, len(packed), PART_BYTES)
    name = StateName(model, changed_offset, digest, len(cuts))
    parts = {
        encode_key(_part_key(state.ledger_partition, name, number)): packed[at : at + PART_BYTES]
        for number, at in enumerate(cuts)
    }
    return name, parts


def _part_key(ledger_partition: int, name: StateName, part: int) -> StateKey:
    return StateKey(
        ledger_partition, name.model, name.changed_offset, name.digest, part, name.parts
    )


def freeze_marker(state: PartitionState, names: Iterable[StateName]) -> tuple[bytes, bytes]:
    """The marker that makes a checkpoint of states that are written already."""
    key = MarkerKey(state.ledger_partition, state.next_offset)
    marker = Marker(states=tuple(names), time_ms=state.time_ms)
    return encode_key(key), msgspec.json.encode(marker)


class Loaded(Struct, frozen=True):
    """A partition's state out of a checkpoint, and the names under which it lies there."""

    state: PartitionState
    names: dict[str, StateName]


def thaw_newest(
    table: Mapping[bytes, bytes], ledger_partition: int, *, before_ms: int | None = None
) -> Loaded | None:
    """The newest checkpoint whose parts are all there; None if there is none.

    `before_ms` passes by those whose ledger time is not below it.
    """
    keys = read_keys(table, ledger_partition)
    markers = sorted(
        (key for key in keys if isinstance(key, MarkerKey)),
        key=lambda key: key.next_offset,
        reverse=True,
    )
    for key in markers:
        marker = _decode_marker(table[encode_key(key)])
        if before_ms is not None and marker.time_ms >= before_ms:
            continue
        loaded = _thaw(table, ledger_partition, marker)
        if loaded is not None and loaded.state.next_offset == key.next_offset:
            return loaded
    return None


def _thaw(table: Mapping[bytes, bytes], ledger_partition: int, marker: Marker) -> Loaded | None:
    models: dict[str, ModelState] = {}
    state: PartitionState | None = None
    for name in marker.states:
        raw = _join_parts(table, ledger_partition, name)
        if raw is None:
            return None
        if name.model == _PARTITION:
            state = _decode_partition(raw)
        else:
            model = _decode_model(raw)
            tables = put_in_order(model.tables)
            models[name.model] = model if tables is model.tables else replace(model, tables=tables)
    if state is None:
        return None
    names = {name.model: name for name in marker.states}
    return Loaded(replace(state, models=models), names)


def _join_parts(
    table: Mapping[bytes, bytes], ledger_partition: int, name: StateName
) -> bytes | None:
    parts = []
    for number in range(name.parts):
        part = table.get(encode_key(_part_key(ledger_partition, name, number)))
        if part is None:
            return None
        parts.append(part)
    try:
        raw = zlib.decompress(b"".join(parts))
    except zlib.error:
        return None
    return raw if hashlib.sha256(raw).hexdigest()[:16] == name.digest else None


def outdated(table: Mapping[bytes, bytes], ledger_partition: int) -> list[bytes]:
    """What the newest two markers do not need: older markers, and states below their names."""
    keys = read_keys(table, ledger_partition)
    markers = sorted(
        (key for key in keys if isinstance(key, MarkerKey)),
        key=lambda key: key.next_offset,
        reverse=True,
    )
    if len(markers) < KEEP_MARKERS:
        return []
    floor = markers[KEEP_MARKERS - 1].next_offset
    needed = {
        (name.model, name.changed_offset, name.digest)
        for key in markers[:KEEP_MARKERS]
        for name in _decode_marker(table[encode_key(key)]).states
    }
    stale: list[bytes] = [encode_key(key) for key in markers[KEEP_MARKERS:]]
    for key in keys:
        if not isinstance(key, StateKey) or key.changed_offset > floor:
            continue
        if (key.model, key.changed_offset, key.digest) not in needed:
            stale.append(encode_key(key))
    return stale
