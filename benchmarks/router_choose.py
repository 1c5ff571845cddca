"""How long `Router.choose` takes: `python benchmarks/router_choose.py` prints one JSON line.

The median over runs of many different keys, with a bare `mmh3.hash` of the same keys timed in
turns with it in the same process.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable

import mmh3

from headgate.sdk import Router

MODEL = "customer-support-agent"
KEYS = [f"user-{number:08d}" for number in range(50_000)]
RUNS = 15


def per_key_us(call: Callable[[str], object]) -> float:
    """Microseconds per key of one pass over all keys, the loop included."""
    begun = time.perf_counter()
    for key in KEYS:
        call(key)
    return (time.perf_counter() - begun) / len(KEYS) * 1e6


def main() -> None:
    fallback = {MODEL: [("v2.4.0", 500), ("v2.3.9", 9_500)]}
    choose = Router("localhost:9092", fallback=fallback).choose
    chosen, hashed = [], []
    for _ in range(RUNS):
        chosen.append(per_key_us(lambda key: choose(MODEL, key)))
        hashed.append(per_key_us(lambda key: mmh3.hash(key, signed=False)))
    value, bare = statistics.median(chosen), statistics.median(hashed)
    line = {
        "figure": "router_choose",
        "value": round(value, 3),
        "unit": "us",
        "ratios": {"to_a_bare_mmh3_hash": round(value / bare, 2)},
        "conditions": {
            "runs": RUNS,
            "keys": len(KEYS),
            "arms": 2,
            "slowest_run_us": round(max(chosen), 3),
            "mmh3_hash_us": round(bare, 3),
            "limit_us": 2.0,
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
        },
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
