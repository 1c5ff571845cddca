"""What every closed block of stable's traffic tells beforehand: how bursty outcomes are, and the
quantiles and means that relative looks are measured by. Nothing here looks at the candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.judge.sequential.bank import bank_of
from headgate.judge.sequential.bets import BREACH
from headgate.judge.sequential.bursts import BLOCKS, design_effect, round_up
from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.samples import SAMPLED, Family, Sampled
from headgate.judge.sequential.state import Evidence
from headgate.measure.cells import NOTHING, Cell
from headgate.measure.metrics import CallerFaults
from headgate.vocabulary import BASIS_POINTS

Blocks = Mapping[int, Mapping[str, Cell]]  # start of the block in ms -> counts by version
ENOUGH = 50
_EXPECTED_OF = 6  # blocks: a minute
_LEAST_LIMIT, _HIGHEST_LIMIT = 1e-4, 0.5


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
    closed = [blocks[start] for start in usable[-BLOCKS:]]
    return replace(
        with_references(policy, evidence, recent()),
        effects=_effects(policy, evidence, closed, stable, faults),
        block_ms=open_ms,
    )


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
    closed: Sequence[Mapping[str, Cell]],
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
    closed: Sequence[Mapping[str, Cell]],
    stable: str,
    faults: CallerFaults,
    shares: tuple[float, float],
) -> list[float]:
    take = plan.sampled.take
    rows = [take(block.get(stable, NOTHING), faults) for block in closed]
    samples, hits = [row.n for row in rows], [row.hits for row in rows]
    last = closed[-_EXPECTED_OF:]
    total = sum(take(cell, faults).n for block in last for cell in block.values())
    expected = total / len(last) if last else 0.0
    limit = plan.limit
    if limit is None:  # rounded, so that the effects of one block hold for many
        limit = round_up(max(sum(hits) / max(sum(samples), 1), _LEAST_LIMIT))
    limit = min(max(limit, _LEAST_LIMIT), _HIGHEST_LIMIT)
    return [design_effect(samples, hits, expected * share, limit, BREACH) for share in shares]
