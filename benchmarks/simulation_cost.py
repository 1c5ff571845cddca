"""What a look of `headgate simulate` costs: `python benchmarks/simulation_cost.py`.

Time of the fold, and of the world that it governs (fleet, routers, drawing), in a canary's first
step at 5 % and in its reviewed step at 50 %, where slots are drawn too. The machine's other work
slows both down alike, so that the world's time is told as a share of the fold's as well.
One JSON line each.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import time
from contextlib import suppress
from typing import Any

import numpy as np

from headgate.cli.policies import load_policy, shipped_policy
from headgate.release.fold import step
from headgate.sim import virtual
from headgate.sim.script import Script
from headgate.vocabulary import PANE_MS

WARM_UP, LOOKS, CHUNK = 448, 1_920, 64
STEPS = {"first step": {"weight": 500}, "reviewed step": {"weight": 5_000, "review": True}}


class EnoughError(Exception):
    """All looks have been measured."""


class Timed:
    """The fold with a clock; what a call leaves behind is thrown away on its own time."""

    def __init__(self) -> None:
        self.spent = 0.0
        self._kept: Any = None

    def __call__(self, *given: Any) -> Any:
        began = time.perf_counter()
        self._kept = None
        result = step(*given)
        self._kept = given, result
        self.spent += time.perf_counter() - began
        return result


def script(kind: dict[str, Any]) -> Script:
    """A long step of a canary, with as much traffic as in the scenario of two weeks."""
    start = {"type": "start_rollout", "kind": "canary", "stable": "v1", "candidate": "v2"}
    return Script.model_validate(
        {
            "name": "long",
            "lasts": "7d",
            "rate": 20,
            "daily": {"swing": 0.6, "peak_hour": 14},
            "labels_after": "1h",
            "requests": [{**start, "steps": [{"hold": "1w", **kind}]}],
        }
    )


def chunks_us(kind: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Microseconds of a look in the fold and in the world, a mean per chunk of looks."""
    policy = load_policy(shipped_policy("default"))
    simulation = virtual.Simulation(script(kind), policy, seed=1, look_ms=PANE_MS)
    timed, marks = Timed(), list[tuple[float, float]]()
    virtual.step = timed  # type: ignore[assignment]
    look = simulation._look

    def looked() -> None:
        if simulation.looks % CHUNK == 0 and simulation.looks >= WARM_UP:
            marks.append((time.perf_counter(), timed.spent))
        if simulation.looks >= WARM_UP + LOOKS:
            raise EnoughError
        look()

    simulation._look = looked  # type: ignore[method-assign]
    with suppress(EnoughError):
        simulation.run()
    whole, fold = np.diff(np.array(marks), axis=0).T / CHUNK * 1e6
    return fold.tolist(), (whole - fold).tolist()


def main() -> None:
    gc.disable()  # as a simulation does
    for name, kind in STEPS.items():
        fold, world = chunks_us(kind)
        line = {
            "figure": f"simulated_world, {name}",
            "value": round(float(np.median(world)), 1),
            "unit": "us",
            "ratios": {"of_fold": round(float(np.median(np.divide(world, fold))), 3)},
            "conditions": {
                "fold_us": round(float(np.median(fold)), 1),
                "looks": LOOKS,
                "python": platform.python_version(),
                "cpus": os.cpu_count(),
            },
        }
        print(json.dumps(line))


if __name__ == "__main__":
    main()
