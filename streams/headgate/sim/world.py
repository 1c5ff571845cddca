"""The world that a script describes: how much comes at a moment, and how each version behaves."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from math import cos, pi

from headgate.sim.arms import Behaviour
from headgate.sim.script import BEHAVIOUR, Change, Fault, Script

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_STEPS = 50  # of a change that comes little by little


class World:
    """Everything that is true of the fleet; `at_ms` counts from the start of the script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._starts_ms = script.starts_ms
        self._changes = sorted(script.changes, key=lambda change: change.at)
        self._behaviour = lru_cache(maxsize=4096)(self._mixed)

    def rate(self, at_ms: int) -> float:
        """Requests per second of the whole model."""
        daily = self.script.daily
        if not daily.swing:
            return self.script.rate
        hour = (self._starts_ms + at_ms) % _DAY_MS / _HOUR_MS
        return self.script.rate * (1 + daily.swing * cos((hour - daily.peak_hour) / 12 * pi))

    def behaviour(self, version: str, at_ms: int) -> Behaviour:
        """How a version behaves."""
        progress = [
            _progress(change, at_ms) if not change.arms or version in change.arms else 0
            for change in self._changes
        ]
        return self._behaviour(version, tuple(progress))

    def faults(self, at_ms: int) -> tuple[Fault, ...]:
        """What is broken."""
        return tuple([fault for fault in self.script.faults if fault.is_on(at_ms)])

    def turns_ms(self, version: str) -> int:
        """When a version first becomes other than it began; the start, if it never does."""
        mine = [c.at for c in self._changes if c.arms and version in c.arms]
        return min(mine, default=0)

    def _mixed(self, version: str, progress: tuple[int, ...]) -> Behaviour:
        fields = asdict(self.script.behaviour(version))
        for change, steps in zip(self._changes, progress, strict=True):
            if steps:
                fields |= {
                    name: _between(fields[name], value, steps / _STEPS)
                    for name, value in change.set.items()
                }
        return BEHAVIOUR.validate_python(fields)


def _progress(change: Change, at_ms: int) -> int:
    """How far a change has come, in steps."""
    if not change.is_on(at_ms):
        return 0
    if at_ms - change.at >= change.over:
        return _STEPS
    return (at_ms - change.at) * _STEPS // change.over


def _between(before: float | str, after: float | str, share: float) -> float | str:
    if isinstance(before, str) or isinstance(after, str):
        return after
    return before + (after - before) * share
