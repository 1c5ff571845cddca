"""What every closed block of stable's traffic tells beforehand: how bursty outcomes are, and the
quantiles and means that relative looks are measured by. Nothing here looks at the candidate.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.judge.sequential.bank import KINDS, Kind, bank_of
from headgate.judge.sequential.bets import BREACH
from headgate.judge.sequential.bursts import BLOCKS, block_sizes, correlations, effect_of, round_up
from headgate.judge.sequential.columns import columns_of
from headgate.judge.sequential.counting import Block, Counts, count_blocks
from headgate.judge.sequential.samples import SAMPLED, Family, Sampled, Take
from headgate.judge.sequential.state import Evidence
from headgate.judge.sequential.tails import Pane, tail_effects, with_tails
from headgate.measure.cells import Cell
from headgate.measure.compiled import compiled
from headgate.measure.metrics import CallerFaults
from headgate.vocabulary import BASIS_POINTS, PANE_MS

Blocks = dict[int, Block]  # closed ones by their start in ms, in order
ENOUGH = 50
OWN_AGE_MS = 300_000
ESTIMATED_BY = 20  # blocks: with an hour of them, what they tell is estimated every three minutes
_EXPECTED_OF = 6  # blocks: a minute
_ODD = 9.0  # variances from its mean
_LEAST_LIMIT, _HIGHEST_LIMIT = 1e-4, 0.5


class Closed(NamedTuple):
    """Those blocks that tell how bursty outcomes are, and the last ones, how many come."""

    telling: list[Block]
    last: list[Block]


def with_block(
    policy: Policy,
    evidence: Evidence,
    blocks: Blocks,
    recent: Callable[[], Cell],
    panes: Callable[[int], Sequence[Pane]],
    *,
    open_ms: int,
    stable: str,
    faults: CallerFaults,
) -> Evidence:
    """The evidence with what the blocks tell that closed before `open_ms`, for the looks to come.

    An hour of blocks tells much the same after one more, so that the more there are the more may
    close between two estimates; one that is unlike the others is heeded at once.

    `recent` reads stable's last requests, about 2,000 of them where there are so many, `panes` its
    closed panes from a moment on, of the last minutes.
    """
    if open_ms <= evidence.block_ms or not evidence.splits:
        return evidence
    is_first = evidence.block_ms < 0
    if is_first:
        evidence = with_references(policy, evidence, recent())
    evidence = with_tails(policy, evidence, stable, panes(evidence.block_ms - PANE_MS), faults)
    closed = _closed(evidence, blocks, open_ms)
    counts = count_blocks(closed.telling, _takes(policy), stable, faults)
    tails = _told_tails(evidence, open_ms)
    waited = (open_ms - evidence.estimated_ms) // PANE_MS
    soon = waited * ESTIMATED_BY < len(closed.telling)
    if not is_first and soon and not is_odd(counts) and not is_odd(tails):
        return replace(evidence, block_ms=open_ms)
    effects = evidence.effects
    if evidence.splits[-1].stable or closed.telling or not effects:
        found = _effects(policy, evidence, closed, counts, faults)
        found |= tail_effects(policy, evidence, tails, _requests(closed.last))
        effects = {**effects, **found, **_leaning(policy, evidence)}
    if not is_first:
        evidence = with_references(policy, evidence, recent())
    return replace(
        evidence,
        effects=effects,
        block_ms=open_ms,
        estimated_ms=open_ms,
    )


def _closed(evidence: Evidence, blocks: Blocks, open_ms: int) -> Closed:
    """The blocks of the phase."""
    counted, first, end = list(blocks.values()), 0, len(blocks)
    if next(iter(blocks), 0) < evidence.blocks_from_ms:
        first = bisect_left(list(blocks), evidence.blocks_from_ms)
    stable = evidence.splits[-1].stable
    told = end if stable else _end_of_own(evidence, list(blocks), first, open_ms)
    begin, last = max(first, told - BLOCKS), counted[max(first, end - _EXPECTED_OF) : end]
    return Closed(counted if not begin and told == end else counted[begin:told], last)


def _end_of_own(evidence: Evidence, starts: list[int], first: int, open_ms: int) -> int:
    """Where the blocks end that say how bursty a version's own outcomes are: without the last five
    minutes.

    A version that turns bad would seem bursty, and hide itself. Until there are enough older ones,
    what was known at the beginning holds.
    """
    end = len(starts)
    older = bisect_left(starts, open_ms - OWN_AGE_MS, min(first, end), end)
    if older - first >= _EXPECTED_OF:
        return older
    return first if evidence.effects else end


def _told_tails(evidence: Evidence, open_ms: int) -> Counts:
    """The tails of the blocks of the phase, as `_closed` has them."""
    starts = evidence.tails.starts_ms
    first, end = int(starts.searchsorted(evidence.blocks_from_ms)), len(starts)
    if not evidence.splits[-1].stable:
        end = _end_of_own(evidence, starts.tolist(), first, open_ms)
    return evidence.tails.counts[..., first:end]


def _leaning(policy: Policy, evidence: Evidence) -> dict[str, tuple[float, float]]:
    """For the same reason, the effects that stay as they are: where nobody else's blocks tell, and
    the evidence leans towards a breach.
    """
    if evidence.splits[-1].stable:
        return {}
    bank = bank_of(policy)
    absolute = columns_of(bank, evidence).log_e[Kind.ABSOLUTE :: KINDS].tolist()
    return {
        name: evidence.effects[name]
        for name, log_e in zip(bank.names, absolute, strict=True)
        if name in evidence.effects and log_e >= 0
    }


def is_odd(counts: Counts) -> bool:
    """Whether the newest block is unlike those before it: bursts are heeded at once."""
    return bool(counts.shape[-1]) and _is_odd(counts, _ODD)


@compiled("b1(Array(i8, 3, 'A', True), f8)")
def _is_odd(counts: Counts, most: float) -> bool:
    for row in range(counts.shape[1]):
        total = hits = 0
        for block in range(counts.shape[2]):
            total += counts[0, row, block]
            hits += counts[1, row, block]
        n, s, rate = counts[0, row, -1], counts[1, row, -1], hits / max(total, 1)
        if (s - n * rate) ** 2 > most * n * rate * (1 - rate):
            return True
    return False


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
    counts: Counts,
    faults: CallerFaults,
) -> dict[str, tuple[float, float]]:
    bank, split = bank_of(policy), evidence.splits[-1]
    shares = (split.candidate / BASIS_POINTS, split.stable / BASIS_POINTS)
    takes = _takes(policy)
    found = dict(zip(takes, correlations(*counts), strict=True)) if takes else {}
    totals = {take: counts[:, row].sum(-1) for row, take in enumerate(takes)}
    sizes = {}
    for take in takes:
        expected = _expected(closed.last, take, faults)
        sizes[take] = [block_sizes(expected * share) for share in shares]
    effects = {}
    for trigger, plan in zip(bank.triggers, bank.plans, strict=True):
        take = plan.sampled.take
        if take not in found:
            continue
        samples, hits = totals[take]
        rate = plan.limit if plan.limit is not None else round_up(hits / max(samples, 1))
        limit = min(max(rate, _LEAST_LIMIT), _HIGHEST_LIMIT)
        mine, other = (effect_of(found[take], size, limit, BREACH) for size in sizes[take])
        effects[trigger.name] = (mine, other)
    return effects


@lru_cache(maxsize=256)
def _takes(policy: Policy) -> tuple[Take, ...]:
    """The rates that the policy's triggers are about, each once."""
    rates = (plan.sampled for plan in bank_of(policy).plans if plan.sampled.family is Family.RATE)
    return tuple(dict.fromkeys(sampled.take for sampled in rates))


def _expected(last: Sequence[Block], take: Take, faults: CallerFaults) -> float:
    """How many samples of all versions a block of the last minute had."""
    total = sum(take([*block.values()], faults).n for block in last)
    return total / len(last) if last else 0.0


def _requests(last: Sequence[Block]) -> float:
    """How many requests of all versions a block of the last minute had."""
    total = sum([cell.requests for block in last for cell in block.values()])
    return total / len(last) if last else 0.0
