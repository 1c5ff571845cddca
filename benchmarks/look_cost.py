"""What a look over all triggers of the default policy costs: `python benchmarks/look_cost.py`.

Processor time of one look, from fresh cells to verdicts, as the fold takes it: with errors,
latency, tokens and cost on every request, with ratings and judge verdicts on every one besides, and
with nothing new. One JSON line each; `ok` says whether the limit is met.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import time
from collections.abc import Callable

import numpy as np

from decision_rollouts import FAULTS, Rollout, Served, cell, healthy
from headgate.judge.sequential.arms import Observed
from headgate.judge.sequential.observing import observe
from headgate.judge.sequential.verdicts import assess_sequential

LIMIT_US = 200.0
LOOKS, WARM_UP = 600, 100
Serve = Callable[[np.random.Generator, int], tuple[Served, Served]]


def measured_only(rng: np.random.Generator, _: int) -> tuple[Served, Served]:
    """Errors, latency, tokens and cost; no labels."""
    return (
        Served(50, int(rng.binomial(50, 0.01)), slower=1.0),
        Served(450, int(rng.binomial(450, 0.01)), slower=1.0),
    )


def looks_us(serve: Serve) -> list[float]:
    """Microseconds of processor time of each look."""
    rollout = Rollout(seed=1, serve=serve, ticks=0)
    evidence, spent = rollout.evidence, []
    for number in range(LOOKS):
        arms = serve(rollout.rng, number)
        names = (("v2", 1), ("v1", 1))
        fresh = {name: cell(rollout.rng, served) for name, served in zip(names, arms, strict=True)}
        rollout.now_ms += 500
        seen = Observed(rollout.now_ms, fresh, "v2", "v1", FAULTS)
        began = time.thread_time()
        evidence = observe(rollout.policy, evidence, seen)
        assess_sequential(rollout.policy, evidence, brief=True)
        spent.append((time.thread_time() - began) * 1e6)
    return spent[WARM_UP:]


def idle_us() -> list[float]:
    """The same where no outcome came in."""
    rollout = Rollout(seed=1, serve=healthy, ticks=0)
    seen = Observed(rollout.now_ms + 500, {}, "v2", "v1", FAULTS)
    assess_sequential(rollout.policy, rollout.evidence, brief=True)
    began = time.thread_time()
    for _ in range(LOOKS):
        evidence = observe(rollout.policy, rollout.evidence, seen)
        assess_sequential(rollout.policy, evidence, brief=True)
    return [(time.thread_time() - began) * 1e6 / LOOKS]


def main() -> None:
    gc.set_threshold(100_000, 20, 20)  # as a worker does
    cases: dict[str, Callable[[], list[float]]] = {
        "measures on every request": lambda: looks_us(measured_only),
        "measures and labels on every request": lambda: looks_us(healthy),
        "nothing new": idle_us,
    }
    for name, run in cases.items():
        spent = run()
        value = float(np.median(spent))
        line = {
            "figure": f"look_over_all_triggers, {name}",
            "value": round(value, 1),
            "unit": "us",
            "ok": value <= LIMIT_US,
            "ratios": {},
            "conditions": {
                "p95_us": round(float(np.quantile(spent, 0.95)), 1),
                "limit_us": LIMIT_US,
                "python": platform.python_version(),
                "cpus": os.cpu_count(),
            },
        }
        print(json.dumps(line))


if __name__ == "__main__":
    main()
