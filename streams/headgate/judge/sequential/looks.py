"""Looks: which samples of a tick a test may count, and when a relative look closes.

An absolute look closes at every tick with new counts. A relative look stays open until both arms
have enough: when it closes may depend on how much came, never on what it says.
"""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from headgate.judge.sequential import bets
from headgate.judge.sequential.bets import Floats
from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.samples import Family
from headgate.judge.sequential.state import OpenLook, Sample, Split
from headgate.measure.hdr import IntArray, highest_values, lowest_values

LOOK_MS = 60_000
Pair = tuple[Sample, Sample]  # of the candidate, of stable


def over(sample: Sample, value: float, *, exact: bool = False) -> Sample:
    """A sample of values as hits over `value`, without its distribution.

    Rounding never helps a proof: `hits` counts the bins entirely above `value`, `reaching` every
    bin that reaches above it. Where `value` is a bin's upper edge the two are the same (`exact`).
    """
    whole, hits, reaching = int(value), 0, 0
    for sketch in sample.sketches:
        above = sketch.count_above(whole)
        hits += above
        reaching += above if exact else sketch.count_reaching(whole)
    return Sample(sample.n, hits, reaching, sample.total) if sample.n else sample


def absolute_increment(plan: Plan, sample: Sample, side: int) -> Floats:
    """Values of one arm against their limit (rates are counted in the bank)."""
    limit, unit = plan.limit or 0.0, plan.sampled.per_unit
    indexes, counts = sample.distribution()
    if plan.sampled.family is Family.RATING:
        return bets.rating_against_limit(_stars(indexes, unit), counts, limit, side)
    return bets.mean_against_limit(lowest_values(indexes), counts, limit * unit)


def _stars(indexes: IntArray, unit: int) -> Floats:
    """Ratings as values; what lies outside the scale counts as its end, so that no bet is ruined
    and none wins more than it could.
    """
    stars: Floats = np.minimum(np.maximum(indexes / unit, bets.LOWEST_RATING), bets.HIGHEST_RATING)
    return stars


def relative_increment(plan: Plan, look: OpenLook) -> Floats:
    """Values of both arms of a closed look against each other; a breach only."""
    indexes, counts = look.candidate.distribution()
    stable_indexes, stable_counts = look.stable.distribution()
    allowed = plan.relative or 1.0
    if plan.sampled.family is Family.RATING:
        unit = plan.sampled.per_unit
        return bets.rating_against_stable(
            _stars(indexes, unit),
            counts,
            _stars(stable_indexes, unit),
            stable_counts,
            reference=min(max(look.reference / unit, 1.001), 4.999),
            margin=allowed,
        )
    return bets.mean_against_stable(
        lowest_values(indexes),
        counts,
        highest_values(stable_indexes),
        stable_counts,
        reference=look.reference,
        ratio=allowed,
    )


def beyond(plan: Plan, reference: float, candidate: Sample, stable: Sample) -> Pair:
    """Of quantiles, who is beyond which value: what a look with that reference counts."""
    if plan.sampled.family is not Family.QUANTILE:
        return candidate, stable
    return over(candidate, (plan.relative or 1.0) * reference), over(stable, reference, exact=True)


def added(look: OpenLook, candidate: Sample, stable: Sample) -> OpenLook:
    """The look with new samples of both arms."""
    if not look.candidate.n and not look.stable.n:
        return OpenLook(look.opened_ms, look.reference, look.effects, candidate, stable)
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


def is_rate_like(plan: Plan) -> bool:
    """Whether the test counts hits among samples."""
    return plan.sampled.family in {Family.RATE, Family.QUANTILE}
