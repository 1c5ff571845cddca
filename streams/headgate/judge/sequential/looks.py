"""Looks: the counts of one trigger's samples turned into increments of its tests.

An absolute look closes at every tick with new counts. A relative look stays open until both arms
have enough: when it closes may depend on how much came, never on what it says.
"""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.sequential import bets
from headgate.judge.sequential.bets import BREACH, Floats
from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.samples import Family, Sample
from headgate.judge.sequential.state import OpenLook, Split
from headgate.measure.hdr import bucket_index_of, value_bounds
from headgate.measure.sketch import Sketch

LOOK_MS = 60_000
Effects = tuple[float, float]
NO_EFFECT: Effects = (1.0, 1.0)


def absolute_increment(
    plan: Plan, sample: Sample, side: int, *, at_least: float = 0.0, effect: float = 1.0
) -> Floats:
    """One arm against its limit. `at_least` raises the samples of a rate by those in flight."""
    limit = plan.limit or 0.0
    family, unit = plan.sampled.family, plan.sampled.per_unit
    if family is Family.RATE:
        samples = max(sample.n, at_least)
        return bets.rate_against_limit(sample.hits / effect, samples / effect, limit, side)
    if family is Family.QUANTILE:
        over = _over(sample.sketch, limit * unit, side)
        return bets.rate_against_limit(over, sample.n, 1 - plan.sampled.share, side)
    if family is Family.RATING:
        values = sample.sketch.indexes / unit
        return bets.rating_against_limit(values, sample.sketch.counts, limit, side)
    lower, _ = value_bounds(sample.sketch.indexes)
    return bets.mean_against_limit(lower, sample.sketch.counts, limit * unit)


def relative_increment(
    plan: Plan,
    look: OpenLook,
    side: int,
    *,
    at_least: float = 0.0,
    effects: Effects = NO_EFFECT,
) -> Floats:
    """Both arms of a closed look against each other; `at_least` as above, for the candidate."""
    family, ratio = plan.sampled.family, plan.relative or 1.0
    mine, other = look.candidate, look.stable
    if family is Family.RATE:
        allowed = ratio if side == BREACH else plan.good_ratio or ratio
        d, e = effects
        samples = max(mine.n, at_least)
        return bets.ratio_of_rates(
            mine.hits / d, samples / d, other.hits / e, other.n / e, ratio=allowed, side=side
        )
    if family is Family.QUANTILE:
        over = _over(mine.sketch, ratio * look.reference, side)
        stable_over = other.sketch.count_above(int(look.reference))
        return bets.ratio_of_rates(over, mine.n, stable_over, other.n, ratio=1.0, side=side)
    if family is Family.RATING:
        unit = plan.sampled.per_unit
        return bets.rating_against_stable(
            mine.sketch.indexes / unit,
            mine.sketch.counts,
            other.sketch.indexes / unit,
            other.sketch.counts,
            reference=min(max(look.reference / unit, 1.001), 4.999),
            margin=ratio,
        )
    lower, _ = value_bounds(mine.sketch.indexes)
    _, upper = value_bounds(other.sketch.indexes)
    counts, stable_counts = mine.sketch.counts, other.sketch.counts
    return bets.mean_against_stable(
        lower,
        counts,
        upper,
        stable_counts,
        reference=max(look.reference, 1e-9),
        ratio=ratio,
    )


def _over(sketch: Sketch, value: float, side: int) -> int:
    """Values over `value`, counted by whole bins and so that rounding never helps a proof."""
    whole = int(value)
    if side == BREACH:
        return sketch.count_above(whole)
    _, highest = value_bounds(bucket_index_of(whole))
    return sketch.count_above(whole if whole >= int(highest) else _below(whole))


def _below(value: int) -> int:
    """A value of the bin before that of `value`."""
    lowest, _ = value_bounds(bucket_index_of(value))
    return max(int(lowest) - 1, 0)


def add(look: OpenLook, candidate: Sample, stable: Sample) -> OpenLook:
    """The look with new samples of both arms."""
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
