"""What every closed block of stable's traffic tells beforehand: how bursty outcomes are, and the
quantiles and means that relative looks are measured by. Nothing here looks at the candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.judge.sequential.bank import Kind, bank_of
from headgate.judge.sequential.bets import BREACH
from headgate.judge.sequential.bursts import BLOCKS, design_effect
from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.samples import SAMPLED, Family, Sampled
from headgate.judge.sequential.state import Evidence
from headgate.measure.cells import NOTHING, Cell
from headgate.measure.metrics import CallerFaults
from headgate.vocabulary import BASIS_POINTS

Blocks = Mapping[int, Mapping[str, Cell]]  # start of the block in ms -> counts by version
ENOUGH = 50
OWN_AGE_MS = 300_000
_EXPECTED_OF = 6  # blocks: a minute
_LEAST_LIMIT, _HIGHEST_LIMIT = 1e-4, 0.5


class Closed(NamedTuple):
    """Closed blocks: those that tell how bursty outcomes are, and the last ones, how many come."""

    telling: Sequence[Mapping[str, Cell]]
    last: Sequence[Mapping[str, Cell]]


def with_block(
    policy: Policy,
    evidence: Evidence,
    blocks: Blocks,
    recent: Callable[[], Cell],
    *,
    stable: str,
    faults: CallerFaults,
) -> Evidence:
    """The evidence with what the blocks that have closed tell; it holds for the looks to come.

    `recent` reads stable's last requests, about 2,000 of them where there are so many.
    """
    open_ms = max(blocks, default=-1)
    if open_ms <= evidence.block_ms or not evidence.splits:
        return evidence
    usable = [at for at in sorted(blocks) if evidence.blocks_from_ms <= at < open_ms]
    last = [blocks[at] for at in usable[-_EXPECTED_OF:]]
    beside = evidence.splits[-1].stable > 0
    telling = usable if beside else _own(evidence, usable, open_ms)
    effects = evidence.effects
    if beside or telling or not effects:
        closed = Closed([blocks[at] for at in telling[-BLOCKS:]], last)
        found = _effects(policy, evidence, closed, stable, faults)
        effects = {**found, **_leaning(policy, evidence)}
    return replace(
        with_references(policy, evidence, recent()),
        effects=effects,
        block_ms=open_ms,
    )


def _own(evidence: Evidence, usable: list[int], open_ms: int) -> list[int]:
    """The blocks that say how bursty a version's own outcomes are: without the last five minutes.

    A version that turns bad would seem bursty, and hide itself. Until there are enough older ones,
    what was known at the beginning holds.
    """
    older = [at for at in usable if at < open_ms - OWN_AGE_MS]
    if len(older) >= _EXPECTED_OF:
        return older
    return [] if evidence.effects else usable


def _leaning(policy: Policy, evidence: Evidence) -> dict[str, tuple[float, float]]:
    """For the same reason, the effects that stay as they are: where nobody else's blocks tell, and
    the evidence leans towards a breach.
    """
    bank = bank_of(policy)
    if evidence.splits[-1].stable or len(evidence.log_e) != len(bank):
        return {}
    return {
        name: evidence.effects[name]
        for name, row in bank.row_of.items()
        if name in evidence.effects and evidence.log_e[row][Kind.ABSOLUTE] >= 0
    }


def with_references(policy: Policy, evidence: Evidence, stable: Cell) -> Evidence:
    """The evidence with stable's quantiles and means; what is too rare keeps its last value."""
    bank = bank_of(policy)
    found = {
        trigger.name: value
        for trigger, plan in zip(bank.triggers, bank.plans, strict=True)
        if plan.relative is not None and (value := reference(plan.sampled, stable))
    }
    p99_us = reference(SAMPLED["latency_p99_ms"], stable)
    return replace(
        evidence,
        references={**evidence.references, **found},
        p99_ms=evidence.p99_ms if p99_us is None else int(p99_us / 1000) + 1,
    )


def reference(sampled: Sampled, cell: Cell) -> float | None:
    """The quantile (an HDR bin's upper edge) or mean in wire units; None below 50 samples."""
    count = cell.counts.get(sampled.measure, 0)
    if count < ENOUGH:
        return None
    if sampled.family is Family.QUANTILE:
        return float(cell.sketch(sampled.measure).quantiles([sampled.share])[0])
    return cell.sums.get(sampled.measure, 0) / count


def _effects(
    policy: Policy,
    evidence: Evidence,
    closed: Closed,
    stable: str,
    faults: CallerFaults,
) -> dict[str, tuple[float, float]]:
    bank, split = bank_of(policy), evidence.splits[-1]
    shares = (split.candidate / BASIS_POINTS, split.stable / BASIS_POINTS)
    effects = {}
    for trigger, plan in zip(bank.triggers, bank.plans, strict=True):
        if plan.sampled.family is Family.RATE:
            mine, other = _of_rate(plan, closed, stable, faults, shares)
            effects[trigger.name] = (mine, other)
    return effects


def _of_rate(
    plan: Plan,
    closed: Closed,
    stable: str,
    faults: CallerFaults,
    shares: tuple[float, float],
) -> list[float]:
    take = plan.sampled.take
    rows = [take(block.get(stable, NOTHING), faults) for block in closed.telling]
    samples, hits = [row.n for row in rows], [row.hits for row in rows]
    last = closed.last
    total = sum(take(cell, faults).n for block in last for cell in block.values())
    expected = total / len(last) if last else 0.0
    rate = plan.limit if plan.limit is not None else sum(hits) / max(sum(samples), 1)
    limit = min(max(rate, _LEAST_LIMIT), _HIGHEST_LIMIT)
    return [design_effect(samples, hits, expected * share, limit, BREACH) for share in shares]
