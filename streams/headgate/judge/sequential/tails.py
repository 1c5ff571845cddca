"""Tails: how many requests of each closed block were slower than the value that a quantile is held
against, so that slow spells are bursts like any other.

The distributions of a block are not kept for an hour. So its tails are counted when it closes, and
once more when the next one does, for what came late.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.judge.sequential.bank import bank_of
from headgate.judge.sequential.bets import BREACH
from headgate.judge.sequential.bursts import BLOCKS, block_sizes, correlations, effect_of
from headgate.judge.sequential.counting import Counts
from headgate.judge.sequential.looks import over
from headgate.judge.sequential.samples import Family, Sampled
from headgate.judge.sequential.state import NO_TAILS, Evidence, Tails
from headgate.measure.cells import Cell
from headgate.measure.metrics import CallerFaults
from headgate.vocabulary import BASIS_POINTS

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


def with_tails(
    policy: Policy,
    evidence: Evidence,
    version: str,
    panes: Sequence[Pane],
    faults: CallerFaults,
) -> Evidence:
    """The evidence with the tails of `version` in panes that have closed, in order of time. Of
    another version than before, or under other limits, nothing is kept.
    """
    tails = tails_of(policy)
    if not tails or not panes:
        return evidence
    known, named = evidence.tails, _named(tails)
    if (known.version, known.named) != (version, named):
        known = NO_TAILS
    starts = [start_ms for start_ms, _ in panes]
    rows = [_counted(tails, evidence, cells, faults) for _, cells in panes]
    fresh = np.array(rows, np.int64).reshape(len(panes), 2, -1).transpose(1, 2, 0)
    kept = int(known.starts_ms.searchsorted(starts[0]))
    first = max(0, kept + len(starts) - BLOCKS)
    if kept:
        fresh = np.concatenate([known.counts[..., first:kept], fresh], -1)
    starts_ms = np.concatenate([known.starts_ms[first:kept], starts])
    return replace(evidence, tails=Tails(version, named, starts_ms, fresh))


@lru_cache(maxsize=256)
def _named(tails: tuple[Tail, ...]) -> tuple[str, ...]:
    return tuple([tail.named for tail in tails])


def _counted(
    tails: Sequence[Tail], evidence: Evidence, cells: Sequence[Cell], faults: CallerFaults
) -> tuple[list[int], list[int]]:
    """Requests and samples, and hits; the requests have none."""
    samples, hits = [sum([cell.requests for cell in cells])], [0]
    for name, sampled, limit in tails:
        value = evidence.references.get(name) if limit is None else limit
        sample = sampled.take(cells, faults) if value is not None else None
        samples.append(sample.n if sample else 0)
        hits.append(over(sample, value).hits if sample and value is not None else 0)
    return samples, hits


def tail_effects(
    policy: Policy, evidence: Evidence, counts: Counts, requests_per_block: float
) -> Effects:
    """The design effects of both arms, by trigger, the larger one where it has two tests.

    `requests_per_block` is what to expect of all versions. Null hypothesis: of an arm's samples as
    many lie beyond the value as its quantile says.
    """
    tails = tails_of(policy)
    effects: Effects = {}
    if not tails or not counts.size:
        return effects
    split = evidence.splits[-1]
    shares = (split.candidate / BASIS_POINTS, split.stable / BASIS_POINTS)
    requests, *samples = counts[0].sum(-1).tolist()
    rhos = correlations(*counts)[1:]
    for (name, sampled, _), n, rho in zip(tails, samples, rhos, strict=True):
        expected = requests_per_block * min(n / max(requests, 1), 1.0)
        sizes = [block_sizes(expected * share) for share in shares]
        mine, other = (effect_of(rho, size, 1 - sampled.share, BREACH) for size in sizes)
        known = effects.get(name, (1.0, 1.0))
        effects[name] = (max(mine, known[0]), max(other, known[1]))
    return effects
