"""Looks: which samples of a tick a test may count, and when a relative look closes.

An absolute look closes at every tick with new counts. A relative look stays open until both arms
have enough: when it closes may depend on how much came, never on what it says.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from msgspec.structs import replace

from headgate.judge.sequential import bets
from headgate.judge.sequential.bets import BREACH, GOOD, Floats
from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.samples import Family
from headgate.judge.sequential.state import OpenLook, Sample, Split
from headgate.measure.hdr import IntArray, coarse, count_over, lowest_values

LOOK_MS = 60_000
Pair = tuple[Sample, Sample]  # of the candidate, of stable


def over(sample: Sample, value: float, *, exact: bool = False) -> Sample:
    """A sample of values as hits over `value`, without its distribution.

    Rounding never helps a proof: `hits` counts the bins entirely above `value`, `reaching` every
    bin that reaches above it. Where `value` is a bin's upper edge the two are the same (`exact`).
    """
    if not sample.sketches:
        return sample
    hits, reaching = count_over(*sample.distribution(), int(value))
    return Sample(sample.n, hits, hits if exact else reaching, sample.total)


def absolute_increments(plan: Plan, sample: Sample) -> tuple[Floats, Floats | None]:
    """Values of one arm against their limit (hits are counted in the table): what they are worth
    to prove a breach and to prove good, None where that cannot be proven.
    """
    limit, unit = plan.limit or 0.0, plan.sampled.per_unit
    indexes, counts = sample.distribution()
    if plan.sampled.family is Family.MEAN:
        return bets.mean_against_limit(lowest_values(indexes), counts, limit * unit), None
    worth = _worth_of_ratings(limit, unit).take(indexes, 0, mode="clip")
    both: Floats = counts.astype(np.float64) @ worth
    return both[: bets.BETS], both[bets.BETS :]


@lru_cache(maxsize=256)
def _worth_of_ratings(limit: float, unit: int) -> Floats:
    """What one rating is worth to prove a breach and to prove good, by bin: shape (bins, 2 x 8)."""
    stars = _stars(unit)
    one = np.eye(len(stars))
    sides = [bets.rating_against_limit(stars, one, limit, side) for side in (BREACH, GOOD)]
    return np.concatenate(sides, axis=1)


@lru_cache(maxsize=16)
def _stars(unit: int) -> Floats:
    """Ratings by bin, up to the highest; what lies outside the scale counts as its end, so that no
    bet is ruined and none wins more than it could.
    """
    values = lowest_values(np.arange(int(bets.HIGHEST_RATING * unit) + 1)) / unit
    stars: Floats = np.clip(values, bets.LOWEST_RATING, bets.HIGHEST_RATING)
    return stars


def relative_increment(plan: Plan, look: OpenLook) -> Floats:
    """Values of both arms of a closed look against each other; a breach only."""
    mine, stable, allowed = look.candidate.distribution(), look.stable.distribution(), plan.relative
    if plan.sampled.family is Family.RATING:
        unit = plan.sampled.per_unit
        (stars, counts), (stable_stars, stable_counts) = (
            _rated(*arm, unit) for arm in (mine, stable)
        )
        return bets.rating_against_stable(
            stars,
            counts,
            stable_stars,
            stable_counts,
            reference=min(max(look.reference / unit, 1.001), 4.999),
            margin=allowed or 0.0,
        )
    (lowest, _, counts), (_, highest, stable_counts) = coarse(*mine), coarse(*stable)
    return bets.mean_against_stable(
        lowest, counts, highest, stable_counts, reference=look.reference, ratio=allowed or 1.0
    )


def _rated(indexes: IntArray, counts: IntArray, unit: int) -> tuple[Floats, Floats]:
    """Ratings and how often each came."""
    stars = _stars(unit)
    came = np.bincount(np.minimum(indexes, len(stars) - 1), counts, len(stars))
    return stars, came.astype(np.float64, copy=False)


def beyond(plan: Plan, reference: float, pair: Pair) -> Pair:
    """Of quantiles, who is beyond which value: what a look with that reference counts."""
    if plan.sampled.family is not Family.QUANTILE:
        return pair
    candidate, stable = pair
    return over(candidate, (plan.relative or 1.0) * reference), over(stable, reference, exact=True)


def added(look: OpenLook, pair: Pair) -> OpenLook:
    """The look with new samples of both arms."""
    candidate, stable = pair
    return replace(look, candidate=look.candidate.plus(candidate), stable=look.stable.plus(stable))


def is_closed(plan: Plan, look: OpenLook, split: Split, *, now_ms: int, current: bool) -> bool:
    """Both arms have enough, or a minute has passed or the revision ended with both not empty."""
    candidate, stable = look.candidate.n, look.stable.n
    if not candidate or not stable:
        return False
    if not current or now_ms - look.opened_ms >= LOOK_MS:
        return True
    share = split.stable / split.candidate if split.candidate else 1.0
    need = plan.look_samples
    return candidate >= need and stable >= max(need, need * share)
