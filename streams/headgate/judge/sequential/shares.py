"""The candidate's share of the traffic, where outcomes carry no revision and bucket to prove it.

Two e-processes per split, to alert only. Users come back, so that shares are bursty: the design
effect is estimated from the closed blocks of the split itself, before the look.
"""

from __future__ import annotations

from math import log

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from headgate.judge.sequential.bets import BREACH, GOOD, Floats, rate_against_limit
from headgate.judge.sequential.budget import phase_budget
from headgate.judge.sequential.bursts import BLOCKS, design_effect
from headgate.judge.sequential.process import advance, empty, log_e_value

TOLERANCE, TEST_TOLERANCE = 0.3, 0.1  # beside the weight; an A/B test is misled by less
ALPHA = 0.001
BLOCKS_BEFORE = 12  # two minutes tell how bursty a share is
_HIGHEST = 0.999


class Shares(Struct, frozen=True, omit_defaults=True):
    """One split's tests: `over` and `under` are logarithms of wealth, `blocks` (requests, the
    candidate's) by block, the last one open; `effects` the design effects of both tests.
    """

    revision: int
    requests: int = 0
    over: tuple[float, ...] = ()
    under: tuple[float, ...] = ()
    block_ms: int = -1
    blocks: tuple[tuple[int, int], ...] = ()
    effects: tuple[float, float] = (1.0, 1.0)


def observe_share(
    known: Shares,
    requests: int,
    mine: int,
    *,
    weight: float,
    block_ms: int,
    planned: int,
    tolerance: float = TOLERANCE,
) -> Shares:
    """The tests after `requests` of all arms, `mine` of them the candidate's, which has `weight`.

    Null hypotheses: the share is at most 1 + `tolerance` times the weight, and at least 1 less it.
    """
    if not requests or not 0 < weight < 1:
        return known
    limits = (min((1 + tolerance) * weight, _HIGHEST), (1 - tolerance) * weight)
    wealth, sides = (known.over, known.under), (BREACH, GOOD)
    if len(known.blocks) > BLOCKS_BEFORE:
        now = known.requests + requests
        over, under = (
            _grown(
                kept,
                rate_against_limit(mine / effect, requests / effect, limit, side),
                float(phase_budget(planned, known.requests, now, not kept)),
            )
            for kept, effect, limit, side in zip(wealth, known.effects, limits, sides, strict=True)
        )
        known = replace(known, over=over, under=under)
    known = replace(known, requests=known.requests + requests)
    return _with_block(known, requests, mine, block_ms, limits)


def _grown(kept: tuple[float, ...], increment: Floats, budget: float) -> tuple[float, ...]:
    wealth = np.array(kept) if kept else empty()
    return tuple(advance(wealth, increment, budget).tolist())


def _with_block(
    known: Shares, requests: int, mine: int, block_ms: int, limits: tuple[float, float]
) -> Shares:
    """Add to the open block, or close it and estimate the design effects anew."""
    if block_ms == known.block_ms and known.blocks:
        n, s = known.blocks[-1]
        blocks = (*known.blocks[:-1], (n + requests, s + mine))
        effects = known.effects
    else:
        blocks = (*known.blocks[-BLOCKS:], (requests, mine))
        effects = _effects(known.blocks, limits) if len(known.blocks) > 1 else known.effects
    return replace(known, block_ms=block_ms, blocks=blocks, effects=effects)


def _effects(
    blocks: tuple[tuple[int, int], ...], limits: tuple[float, float]
) -> tuple[float, float]:
    samples, hits = zip(*blocks, strict=True)
    expected = sum(samples) / len(samples)
    over, under = (
        design_effect(samples, hits, expected, limit, side)
        for limit, side in zip(limits, (BREACH, GOOD), strict=True)
    )
    return over, under


def is_off(known: Shares) -> bool:
    """Whether the share is proven to lie outside what the weight tolerates."""
    needed = log(1 / ALPHA)
    return any(
        bool(wealth) and float(log_e_value(np.array(wealth))) >= needed
        for wealth in (known.over, known.under)
    )
