"""Design effects of a rollout: estimated anew whenever a block of stable's traffic has closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from headgate.judge.policy import Policy, Trigger
from headgate.judge.sequential.bets import BREACH
from headgate.judge.sequential.bursts import BLOCKS, design_effect
from headgate.judge.sequential.plan import plan_of
from headgate.judge.sequential.samples import Family, Sample
from headgate.judge.sequential.state import Evidence
from headgate.measure.cells import NOTHING, Cell
from headgate.measure.metrics import CallerFaults

Blocks = Mapping[int, Mapping[str, Cell]]  # start of the block in ms -> counts by version
_EXPECTED_OF = 6  # blocks: a minute
_LEAST_LIMIT = 1e-4


def with_effects(
    policy: Policy, evidence: Evidence, blocks: Blocks, *, stable: str, faults: CallerFaults
) -> Evidence:
    """The evidence with the design effects that the closed blocks tell; they hold from now on."""
    open_ms = max(blocks, default=-1)
    if open_ms <= evidence.effects_ms or not evidence.splits:
        return evidence
    closed = [blocks[start] for start in sorted(blocks) if start < open_ms][-BLOCKS:]
    effects = {
        trigger.name: _effects(trigger, evidence, closed, stable, faults)
        for trigger in policy.triggers
        if trigger.proof == "sequential" and plan_of(trigger).sampled.family is Family.RATE
    }
    return replace(evidence, effects=effects, effects_ms=open_ms)


def _effects(
    trigger: Trigger,
    evidence: Evidence,
    closed: list[Mapping[str, Cell]],
    stable: str,
    faults: CallerFaults,
) -> tuple[float, float]:
    plan, split = plan_of(trigger), evidence.splits[-1]
    take: Callable[[Cell, CallerFaults], Sample] = plan.sampled.take
    rows = [take(block.get(stable, NOTHING), faults) for block in closed]
    samples, hits = [row.n for row in rows], [row.hits for row in rows]
    expected = _expected(closed, plan.sampled.take, faults)
    rate = plan.limit if plan.limit is not None else sum(hits) / max(sum(samples), 1)
    limit = min(max(rate, _LEAST_LIMIT), 0.5)
    weights = (split.candidate, split.stable)
    mine, other = (
        design_effect(samples, hits, expected * weight / 10_000, limit, BREACH)
        for weight in weights
    )
    return mine, other


def _expected(
    closed: list[Mapping[str, Cell]],
    take: Callable[[Cell, CallerFaults], Sample],
    faults: CallerFaults,
) -> float:
    """Samples of all versions in a block, over the last minute."""
    last = closed[-_EXPECTED_OF:]
    total = sum(take(cell, faults).n for block in last for cell in block.values())
    return total / len(last) if last else 0.0
