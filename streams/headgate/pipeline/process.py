"""What every agent of a worker process is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headgate.config import Settings

Fatal = Callable[[str, BaseException | None], None]


@dataclass(frozen=True, slots=True)
class Process:
    """Settings, the ledger's size, the clock, and `fatal`: it ends the process and never returns.

    `fatal` takes what happened, in words, and the error behind it, if any.
    """

    settings: Settings
    ledger_partitions: int
    now_ms: Callable[[], int]
    fatal: Fatal
