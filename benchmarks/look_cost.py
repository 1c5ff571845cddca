"""What a look over all triggers of the default policy costs: `python benchmarks/look_cost.py`.

Processor time of one look, from fresh cells to verdicts and holds, as the fold takes it: with
errors, latency, tokens and cost on every request, with ratings and judge verdicts on every one
besides, and with nothing new. Beside the median stands the mean. Of several passes over the same
looks the best counts, since other processes take their share.
One JSON line each; `ok` says whether the median is within the limit.
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
from headgate.judge.looks import Look
from headgate.judge.policy import Policy
from headgate.judge.sequential.arms import Observed
from headgate.judge.sequential.holds import over, with_holds
from headgate.judge.sequential.observing import observe
from headgate.judge.sequential.state import Evidence
from headgate.judge.sequential.verdicts import assess_sequential

LIMIT_US = 200.0
LOOKS, WARM_UP, PASSES = 400, 40, 7
TICK_MS = 500
Serve = Callable[[np.random.Generator, int], tuple[Served, Served]]


def measured_only(rng: np.random.Generator, _: int) -> tuple[Served, Served]:
    """Errors, latency, tokens and cost; no labels."""
    return (
        Served(50, int(rng.binomial(50, 0.01)), slower=1.0),
        Served(450, int(rng.binomial(450, 0.01)), slower=1.0),
    )


def looks_us(serve: Serve) -> list[float]:
    """Microseconds of processor time of each look, the best of all passes."""
    rollout = Rollout(seed=1, serve=serve, ticks=0)
    seen = []
    for number in range(LOOKS):
        arms = zip((("v2", 1), ("v1", 1)), serve(rollout.rng, number), strict=True)
        fresh = {name: cell(rollout.rng, served) for name, served in arms}
        now_ms = rollout.now_ms + TICK_MS * (number + 1)
        seen.append(Observed(now_ms, fresh, "v2", "v1", FAULTS))
    passes = [one_pass(rollout, seen) for _ in range(PASSES)]
    return [min(times) for times in zip(*passes, strict=True)][WARM_UP:]


def one_pass(rollout: Rollout, seen: list[Observed]) -> list[float]:
    """Microseconds of each look of a rollout from its beginning."""
    evidence, arms, spent = rollout.evidence, rollout.arms(), list[float]()
    for fresh in seen:
        began = time.thread_time()
        evidence = look(rollout.policy, evidence, fresh, arms)
        spent.append((time.thread_time() - began) * 1e6)
    return spent


def look(policy: Policy, evidence: Evidence, seen: Observed, arms: Look) -> Evidence:
    """One look and its verdicts."""
    assert not over(policy, evidence, arms)
    evidence = with_holds(policy, observe(policy, evidence, seen), arms)
    assess_sequential(policy, evidence, brief=True)
    return evidence


def idle_us() -> list[float]:
    """The same where no outcome came in."""
    rollout = Rollout(seed=1, serve=healthy, ticks=0)
    seen = Observed(rollout.now_ms + TICK_MS, {}, "v2", "v1", FAULTS)
    arms = rollout.arms()
    look(rollout.policy, rollout.evidence, seen, arms)
    began = time.thread_time()
    for _ in range(LOOKS):
        look(rollout.policy, rollout.evidence, seen, arms)
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
        value, mean = float(np.median(spent)), float(np.mean(spent))
        line = {
            "figure": f"look_over_all_triggers, {name}",
            "value": round(value, 1),
            "unit": "us",
            "ok": value <= LIMIT_US,
            "ratios": {},
            "conditions": {
                "mean_us": round(mean, 1),
                "limit_us": LIMIT_US,
                "best_of": PASSES,
                "python": platform.python_version(),
                "cpus": os.cpu_count(),
            },
        }
        print(json.dumps(line))


if __name__ == "__main__":
    main()
