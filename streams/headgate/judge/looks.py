"""A look: what a proof may see of the two arms at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from headgate.measure.cells import Cell, Depth
from headgate.measure.metrics import CallerFaults

if TYPE_CHECKING:
    from headgate.judge.routing import Answered


class Reader(Protocol):
    """Reads a window, down to some depth: counts alone cost little."""

    def __call__(self, window_ms: int, /, *, depth: Depth = "distributions") -> Cell: ...


class Arm(Struct, frozen=True):
    """One version's part in a rollout.

    `window(window_ms)` merges what it served since the rollout began; `same_split(window_ms)`
    only what it served under the split in force, because only requests served under the same
    split can be compared with another arm's.
    """

    version: str
    window: Reader
    same_split: Reader


class Look(Struct, frozen=True):
    """One evaluation at ledger time `now_ms`. `stable` is None without a live stable arm.

    `blind` tells why nothing that the tables say can be trusted now (stale or lagging telemetry),
    `answered` how many of the candidate's last choices have outcomes, where routers report;
    `brief` spares words that nobody will be told.
    """

    now_ms: int
    candidate: Arm
    stable: Arm | None
    faults: CallerFaults
    blind: str = ""
    blind_because_lagging: bool = False
    answered: Answered | None = None
    brief: bool = False
