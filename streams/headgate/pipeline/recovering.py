"""Recovery of a table that waits for records which will not come again.

Faust drops what it had fetched when a rebalance overtakes it, after aiokafka has moved on behind
those records; recovery then waits for them for ever, and with it every agent of the app.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from faust.types import TP

LOOK_EVERY_S = 1.0
log = structlog.get_logger(__name__)


class RecoveryWatch:
    """Finds partitions whose reading stands behind what recovery still lacks.

    `position` asks where the consumer reads a partition next, None where it does not know. To be
    called when nothing is being fetched: then what is neither applied nor queued was dropped.
    """

    def __init__(self, tables: Any, position: Callable[[TP], Awaitable[int | None]]) -> None:
        self._tables = tables
        self._position = position
        self._looked_s = time.monotonic()

    async def dropped(self) -> dict[TP, int]:
        """From which offset each of those partitions has to be read again; looks once a second."""
        recovery = self._tables.recovery
        now_s = time.monotonic()
        if not recovery.in_recovery or now_s - self._looked_s < LOOK_EVERY_S:
            return {}
        self._looked_s = now_s
        if not self._tables.changelog_queue.empty():
            return {}
        found = {}
        for tp, remaining in recovery.active_remaining().items():
            lacks = recovery.active_offsets[tp] + 1
            if remaining > 0:
                position = await self._position(tp)
                if position is not None and position > lacks:
                    found[tp] = max(lacks, 0)
        if found:
            log.warning(
                "recovery_reads_again", partitions={str(tp): at for tp, at in found.items()}
            )
        return found
