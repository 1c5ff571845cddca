"""Many runs of one script, each from a seed of its own, in several processes, and their sum."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from headgate.sim.script import Script
from headgate.sim.telling import Told
from headgate.sim.virtual import Simulation
from headgate.vocabulary import PANE_MS

QUANTILES = (0.05, 0.5, 0.95)
DAY_MS = 86_400_000
FINE_LOOK_MS = 500


class Ended(Struct, frozen=True, kw_only=True):
    """How many runs ended in one way; quantiles of when, and of whom the candidate was met by."""

    ending: str
    runs: int
    share: float
    ended_ms: tuple[float, ...]
    requests_met: tuple[float, ...]
    users_met: tuple[float, ...]
    triggers: dict[str, int]


class Summary(Struct, frozen=True, kw_only=True):
    """Many runs; `as_expected` is the share that ended as the script expects, if it does."""

    runs: int
    as_expected: float | None
    endings: tuple[Ended, ...]


def look_ms_of(script: Script) -> int:
    """How often one looks by default: as in production, or at every pane of a long script."""
    return PANE_MS if script.lasts > DAY_MS else FINE_LOOK_MS


def run_one(
    script: Script,
    policy: dict[str, Any],
    seed: int,
    *,
    look_ms: int,
    progress: Callable[[float], None] | None = None,
) -> Told:
    """One run from its seed."""
    with _rare_collections():
        return Simulation(script, policy, seed=seed, look_ms=look_ms).run(progress)


def run_many(
    script: Script, policy: dict[str, Any], seeds: Sequence[int], *, look_ms: int, processes: int
) -> Iterator[Told]:
    """A run per seed as they end, without their timelines."""
    run = partial(_run_quietly, script, policy, look_ms)
    if processes <= 1 or len(seeds) == 1:
        yield from map(run, seeds)
        return
    # Not forked: this process may have threads of Kafka's client.
    with get_context("spawn").Pool(min(processes, len(seeds))) as pool:
        yield from pool.imap_unordered(run, seeds)


def _run_quietly(script: Script, policy: dict[str, Any], look_ms: int, seed: int) -> Told:
    told = run_one(script, policy, seed, look_ms=look_ms)
    return replace(told, timeline=(), weights=())


@contextmanager
def _rare_collections() -> Iterator[None]:
    """As a worker does: the state is large, and nothing in it goes round in circles."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def summary_of(told: Sequence[Told], expect: str | None) -> Summary:
    """The distribution of many runs."""
    endings = sorted({run.ending for run in told})
    good = sum(run.ending == expect for run in told) / len(told) if expect else None
    return Summary(
        runs=len(told),
        as_expected=good,
        endings=tuple(_ended(name, told) for name in endings),
    )


def _ended(ending: str, told: Sequence[Told]) -> Ended:
    mine = [run for run in told if run.ending == ending]
    triggers = sorted({run.trigger for run in mine if run.trigger})
    return Ended(
        ending=ending,
        runs=len(mine),
        share=len(mine) / len(told),
        ended_ms=_quantiles([run.ended_ms - run.turned_ms for run in mine]),
        requests_met=_quantiles([run.met_bad.requests for run in mine]),
        users_met=_quantiles([run.met_bad.users for run in mine]),
        triggers={name: sum(run.trigger == name for run in mine) for name in triggers},
    )


def _quantiles(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in np.quantile(values, QUANTILES))
