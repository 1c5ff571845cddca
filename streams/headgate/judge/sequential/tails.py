"""Tails: how many requests of each closed block were slower than the value that a quantile is held
against, so that slow spells are bursts like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headgate.judge.policy import Policy
from headgate.judge.sequential.bank import bank_of
from headgate.judge.sequential.bets import BREACH
from headgate.judge.sequential.bursts import block_sizes, correlations, effect_of
from headgate.judge.sequential.samples import Family, Sampled
from headgate.measure.cells import Cell

Pane = tuple[int, Sequence[Cell]]  # its start in ms, and its cells
Effects = dict[str, tuple[float, float]]


class Tail(NamedTuple):
    """What a trigger counts: samples beyond `limit` (in wire units), or where that is None beyond
    stable's quantile.
    """

    name: str
    sampled: Sampled
    limit: float | None

    @property
    def named(self) -> str:
        """What it is known by when a policy comes in the place of another."""
        return f"{self.name} {self.sampled.measure} {self.sampled.share} {self.limit}"


@lru_cache(maxsize=256)
def tails_of(policy: Policy) -> tuple[Tail, ...]:
    """The tails that a policy's triggers are about: one a test."""
    bank = bank_of(policy)
    found: list[Tail] = []
    for trigger, plan in zip(bank.triggers, bank.plans, strict=True):
        if plan.sampled.family is not Family.QUANTILE:
            continue
        if plan.limit is not None:
            limit = plan.limit * plan.sampled.per_unit
            found.append(Tail(trigger.name, plan.sampled, limit))
        if plan.relative is not None:
            found.append(Tail(trigger.name, plan.sampled, None))
    return tuple(found)


def tail_counts(
    tails: Sequence[Tail], references: Mapping[str, float], cells: Sequence[Cell]
) -> list[int]:
    """Samples and hits of each; none where nothing is known of stable yet."""
    counts: list[int] = []
    for name, sampled, limit in tails:
        value = references.get(name) if limit is None else limit
        samples = hits = 0
        for cell in cells:
            sketch = cell.sketches.get(sampled.measure)
            if sketch is not None and value is not None:
                samples += sketch.total
                hits += sketch.counts_over(int(value))[0]
        counts += samples, hits
    return counts


def tail_effects(
    tails: Sequence[Tail],
    counts: npt.NDArray[np.int64],
    requests: int,
    requests_per_block: float,
    shares: tuple[float, float],
) -> Effects:
    """The design effects of both arms, by trigger, the larger one where it has two tests.

    `counts` are samples and hits of each by block, of so many `requests`; `requests_per_block` is
    what to expect of all versions, and `shares` what the arms have of it. Null hypothesis: of an
    arm's samples as many lie beyond the value as its quantile says.
    """
    effects: Effects = {}
    if not counts.size:
        return effects
    samples, hits = counts.T[::2], counts.T[1::2]
    totals, rhos = samples.sum(-1).tolist(), correlations(samples, hits)
    for (name, sampled, _), n, rho in zip(tails, totals, rhos, strict=True):
        expected = requests_per_block * min(n / max(requests, 1), 1.0)
        sizes = [block_sizes(expected * share) for share in shares]
        mine, other = (effect_of(rho, size, 1 - sampled.share, BREACH) for size in sizes)
        known = effects.get(name, (1.0, 1.0))
        effects[name] = (max(mine, known[0]), max(other, known[1]))
    return effects
