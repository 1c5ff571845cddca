"""The checkpoint table: a Faust table, written with confirmation and never overwritten."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from headgate.release.checkpoints import (
    Loaded,
    StateName,
    freeze,
    freeze_marker,
    outdated,
    read_keys,
    thaw_newest,
)
from headgate.release.state import PartitionState

TABLE = "checkpoints"
CONFIRM_TIMEOUT_S = 60.0

log = structlog.get_logger(__name__)


class CheckpointStore:
    """Keeps and finds the checkpoints of the ledger partitions that this worker owns."""

    def __init__(self, app: Any, *, ledger_partitions: int) -> None:
        self._ledger_partitions = ledger_partitions
        self._table = app.Table(
            TABLE,
            key_type=bytes,
            value_type=bytes,
            partitions=ledger_partitions,
            recovery_buffer_size=16,
        )

    def load(self, ledger_partition: int) -> Loaded | None:
        """The newest checkpoint whose parts are all there, as Faust recovered it."""
        return thaw_newest(self._table.data, ledger_partition)

    async def save(
        self, state: PartitionState, known: Mapping[str, StateName]
    ) -> dict[str, StateName]:
        """Write what changed since `known`, then the marker; returns when all is confirmed.

        The caller has confirmed every output of the entries below `state.next_offset`.
        """
        names: dict[str, StateName] = {}
        for model in ("", *state.models):
            before = known.get(model)
            unchanged = model and before is not None
            if unchanged and before and before.changed_offset == state.models[model].changed_offset:
                names[model] = before
                continue
            names[model], parts = freeze(state, model)
            await self._write(state.ledger_partition, parts)
            await asyncio.sleep(0)
        key, marker = freeze_marker(state, names.values())
        await self._write(state.ledger_partition, {key: marker})
        await self._delete(
            state.ledger_partition, outdated(self._table.data, state.ledger_partition)
        )
        return names

    def forget_all_but(self, ledger_partitions: Iterable[int]) -> None:
        """Drop the keys of partitions that are another worker's now.

        Faust forgets only keys that it recovered, not those that this worker wrote itself.
        """
        kept = set(ledger_partitions)
        for lost in set(range(self._ledger_partitions)) - kept:
            self._drop(lost)

    def _drop(self, ledger_partition: int) -> None:
        keys = [key for key in self._table.data if read_keys([key], ledger_partition)]
        for key in keys:
            del self._table.data[key]

    async def _write(self, ledger_partition: int, values: Mapping[bytes, bytes]) -> None:
        sent = [
            self._table.send_changelog(ledger_partition, key, value)
            for key, value in values.items()
        ]
        await asyncio.wait_for(asyncio.gather(*sent), CONFIRM_TIMEOUT_S)
        for key, value in values.items():
            self._table.data[key] = value

    async def _delete(self, ledger_partition: int, keys: Iterable[bytes]) -> None:
        keys = list(keys)
        # The raw serializer writes a real tombstone; any other would write a null value's bytes.
        sent = [
            self._table.send_changelog(ledger_partition, key, None, value_serializer="raw")
            for key in keys
        ]
        if sent:
            await asyncio.wait_for(asyncio.gather(*sent), CONFIRM_TIMEOUT_S)
        for key in keys:
            self._table.data.pop(key, None)
