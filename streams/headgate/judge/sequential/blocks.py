"""What every closed block of stable's traffic tells beforehand: how bursty outcomes are, and the
quantiles and means that relative looks are measured by. Nothing here looks at the candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.judge.sequential.bank import KINDS, Kind, bank_of
from headgate.judge.sequential.bets import BREACH
from headgate.judge.sequential.bursts import block_sizes, correlations, effect_of, round_up
from headgate.judge.sequential.columns import columns_of
from headgate.judge.sequential.counting import (
    BEGUN,
    COUNTED,
    REQUESTS,
    Block,
    Blocks,
    Counting,
    Lines,
    counting_of,
    with_closed,
    with_late,
)
from headgate.judge.sequential.samples import SAMPLED, Family, Sampled, Take
from headgate.judge.sequential.state import BlockCounts, Evidence
from headgate.judge.sequential.tails import Effects, Pane, tail_effects
from headgate.measure.cells import Cell
from headgate.measure.compiled import compiled
from headgate.measure.metrics import CallerFaults
from headgate.vocabulary import BASIS_POINTS, PANE_MS

ENOUGH = 50
OWN_AGE_MS = 300_000
ESTIMATED_BY = 20  # blocks: with an hour of them, what they tell is estimated every three minutes
_EXPECTED_OF = 6  # blocks: a minute
_ODD = 9.0  # variances from its mean
_LEAST_LIMIT, _HIGHEST_LIMIT = 1e-4, 0.5


class Telling(NamedTuple):
    """The blocks of the phase that tell how bursty rates are, and those that tell it of tails."""

    rates: Lines
    tails: Lines


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
    counting = counting_of(policy, stable, faults)
    counts = with_closed(counting, evidence, blocks, panes)
    telling = _telling(evidence, counts, blocks, open_ms)
    if not is_first and not _is_due(counting, evidence, telling, open_ms):
        return replace(evidence, blocks=counts, block_ms=open_ms)
    counts = with_late(counting, counts, blocks)
    telling = _telling(evidence, counts, blocks, open_ms)
    effects = _effects(policy, counting, evidence, telling, _last(evidence, blocks))
    if not is_first:
        evidence = with_references(policy, evidence, recent())
    return replace(evidence, effects=effects, blocks=counts, block_ms=open_ms, estimated_ms=open_ms)


def _is_due(counting: Counting, evidence: Evidence, telling: Telling, open_ms: int) -> bool:
    """Whether it is time to estimate, or the newest block is unlike those before it: bursts are
    heeded at once.
    """
    waited = (open_ms - evidence.estimated_ms) // PANE_MS
    if waited * ESTIMATED_BY >= len(telling.rates):
        return True
    begin, end = counting.tails_begin, telling.tails.shape[1]
    return is_odd(telling.rates, COUNTED, begin) or is_odd(telling.tails, begin, end)


def is_odd(lines: Lines, begin: int, end: int) -> bool:
    """Whether any count of the last line, in these columns, is far from what it is in all."""
    return bool(len(lines)) and _is_odd(lines, begin, end, _ODD)


@compiled("b1(Array(i8, 2, 'C', True), i8, i8, f8)")
def _is_odd(lines: Lines, begin: int, end: int, most: float) -> bool:
    for column in range(begin, end, 2):
        total = hits = 0
        for line in range(len(lines)):
            total += lines[line, column]
            hits += lines[line, column + 1]
        n, s, rate = lines[-1, column], lines[-1, column + 1], hits / max(total, 1)
        if (s - n * rate) ** 2 > most * n * rate * (1 - rate):
            return True
    return False


def _telling(evidence: Evidence, counts: BlockCounts, blocks: Blocks, open_ms: int) -> Telling:
    rates_from_ms = next(iter(blocks), 0)
    return Telling(
        _from(rates_from_ms, evidence, counts.lines, open_ms),
        _from(counts.tails_from_ms, evidence, counts.lines, open_ms),
    )


def _from(start_ms: int, evidence: Evidence, lines: Lines, open_ms: int) -> Lines:
    """The blocks from `start_ms` on; a version's own without the last five minutes.

    A version that turns bad would seem bursty, and hide itself. Until there are enough older ones,
    what was known at the beginning holds.
    """
    starts = lines[:, BEGUN]
    first = int(starts.searchsorted(max(start_ms, evidence.blocks_from_ms)))
    if evidence.splits[-1].stable:
        return lines[first:]
    older = max(int(starts.searchsorted(open_ms - OWN_AGE_MS)), first)
    if older - first >= _EXPECTED_OF:
        return lines[first:older]
    return lines[first:first] if evidence.effects else lines[first:]


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
    counting: Counting,
    evidence: Evidence,
    telling: Telling,
    last: Sequence[Block],
) -> Effects:
    """The effects with those that the blocks tell now; `last` says how many samples come."""
    split, begin = evidence.splits[-1], counting.tails_begin
    if not (split.stable or len(telling.rates) or not evidence.effects):
        return evidence.effects
    shares = (split.candidate / BASIS_POINTS, split.stable / BASIS_POINTS)
    requests = int(telling.tails[:, REQUESTS].sum())
    tails = tail_effects(
        counting.tails, telling.tails[:, begin:], requests, _requests(last), shares
    )
    rates = _rate_effects(policy, counting, telling.rates[:, COUNTED:begin], last, shares)
    return {**evidence.effects, **rates, **tails, **_leaning(policy, evidence)}


def _last(evidence: Evidence, blocks: Blocks) -> list[Block]:
    """The last blocks of the phase."""
    starts = list(blocks)[-_EXPECTED_OF:]
    return [blocks[start_ms] for start_ms in starts if start_ms >= evidence.blocks_from_ms]


def _rate_effects(
    policy: Policy,
    counting: Counting,
    counts: Lines,
    last: Sequence[Block],
    shares: tuple[float, float],
) -> Effects:
    takes, bank = counting.takes, bank_of(policy)
    effects: Effects = {}
    if not takes:
        return effects
    samples, hits = counts.T[::2], counts.T[1::2]
    rates = (hits.sum(-1) / np.maximum(samples.sum(-1), 1)).tolist()
    told = {}
    for take, rhos, rate in zip(takes, correlations(samples, hits), rates, strict=True):
        expected = _expected(last, take, counting.faults)
        told[take] = rhos, rate, [block_sizes(expected * share) for share in shares]
    for trigger, plan in zip(bank.triggers, bank.plans, strict=True):
        if plan.sampled.take not in told:
            continue
        rhos, rate, sizes = told[plan.sampled.take]
        limit = plan.limit if plan.limit is not None else round_up(rate)
        limit = min(max(limit, _LEAST_LIMIT), _HIGHEST_LIMIT)
        mine, other = (effect_of(rhos, size, limit, BREACH) for size in sizes)
        effects[trigger.name] = (mine, other)
    return effects


def _leaning(policy: Policy, evidence: Evidence) -> dict[str, tuple[float, float]]:
    """The effects that stay as they are: where nobody else's blocks tell, and the evidence leans
    towards a breach.
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


def _expected(last: Sequence[Block], take: Take, faults: CallerFaults) -> float:
    """How many samples of all versions a block of the last minute had."""
    total = sum(take([*block.values()], faults).n for block in last)
    return total / len(last) if last else 0.0


def _requests(last: Sequence[Block]) -> float:
    """How many requests of all versions a block of the last minute had."""
    total = sum([cell.requests for block in last for cell in block.values()])
    return total / len(last) if last else 0.0
