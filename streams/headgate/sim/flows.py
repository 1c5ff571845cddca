"""Flows: which part of the model's traffic goes to each version, router by router."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headgate.measure.windows import Row
from headgate.sdk.split import SplitTable
from headgate.sim.routers import Loads, Routers, SimulatedRouter
from headgate.sim.users import Users


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """What `routers` send to one arm of a split, each so many `seconds` of the model's traffic."""

    table: SplitTable
    arm: int
    row: Row
    routers: tuple[SimulatedRouter, ...]
    seconds: tuple[float, ...]


class Flows:
    """Works them out anew only when the routers do not go on as they did."""

    def __init__(self, routers: Routers, users: Users) -> None:
        self._routers, self._users = routers, users
        self._loads: Loads = {}
        self._flows: list[Flow] = []

    def take(self, at_ms: int) -> list[Flow]:
        """What has flown since the last call."""
        loads = self._routers.take_loads(at_ms)
        if loads is not self._loads:
            self._loads, self._flows = loads, list(self._of(loads))
        return self._flows

    def _of(self, loads: Loads) -> Iterator[Flow]:
        for revision, served in loads.items():
            table = self._routers.tables[revision]
            for arm, share in enumerate(self._users.arms(table)):
                if share:
                    seconds = tuple(load * share for load in served.values())
                    yield Flow(table, arm, (table.versions[arm], revision), tuple(served), seconds)
