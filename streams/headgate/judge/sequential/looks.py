"""Looks: which samples of a tick a test may count, and when a relative look closes.

An absolute look closes at every tick with new counts. A relative look stays open until both arms
have enough: when it closes may depend on how much came, never on what it says.
"""

from __future__ import annotations

from functools import lru_cache

from headgate.judge.sequential import bets
from headgate.judge.sequential.bets import BREACH, GOOD, Gain
from headgate.judge.sequential.samples import Family
from headgate.judge.sequential.sources import Source
from headgate.judge.sequential.state import OpenLook, Sample, Split
from headgate.judge.sequential.valuing import Valued

LOOK_MS = 60_000
Pair = tuple[Sample, Sample]  # of the candidate, of stable


def over(sample: Sample, value: float, *, exact: bool = False) -> Sample:
    """A sample of values as hits over `value`, without its distribution.

    Rounding never helps a proof: `hits` counts the bins entirely above `value`, `reaching` every
    bin that reaches above it. Where `value` is a bin's upper edge the two are the same (`exact`).
    """
    whole, hits, reaching = int(value), 0, 0
    for sketch in sample.sketches:
        above, above_or_in = sketch.counts_over(whole)
        hits += above
        reaching += above_or_in
    return Sample(sample.n, hits, hits if exact else reaching, sample.total)


def beyond(source: Source, reference: float, mine: Sample, stable: Sample) -> Pair:
    """Of quantiles, who is beyond which value: what a look with that reference counts."""
    tolerated = (source.relative or 1.0) * reference
    return over(mine, tolerated), over(stable, reference, exact=True)


@lru_cache(maxsize=1024)
def limit_gains(source: Source, limit: float) -> tuple[Gain, ...]:
    """What values (in wire units) win against their limit: to prove a breach, and to prove good
    where that can be proven.
    """
    unit = source.sampled.per_unit
    if source.sampled.family is Family.MEAN:
        return (bets.mean_gain(limit * unit),)
    return tuple(bets.rating_gain(limit, side, 1 / unit) for side in (BREACH, GOOD))


def beside_stable(source: Source, look: OpenLook) -> tuple[Valued, Valued]:
    """Values of both arms of a closed look against each other; a breach only."""
    mine, stable, tolerated = look.candidate, look.stable, source.relative or 0.0
    balance = stable.n / mine.n
    if source.sampled.family is Family.MEAN:
        above, below = bets.mean_gains(look.reference, tolerated, balance)
        return Valued(mine, above), Valued(stable, below, upper=True)
    unit = source.sampled.per_unit
    about = min(max(look.reference / unit, 1.001), 4.999)
    below, above = bets.rating_gains(about, tolerated, balance, 1 / unit)
    return Valued(mine, below), Valued(stable, above)


def added(look: OpenLook, mine: Sample, stable: Sample) -> OpenLook:
    """The look with new samples of both arms."""
    both = look.candidate.plus(mine), look.stable.plus(stable)
    return OpenLook(look.opened_ms, look.reference, look.effects, *both)


def is_closed(source: Source, look: OpenLook, split: Split, *, now_ms: int, current: bool) -> bool:
    """Both arms have enough, or a minute has passed or the revision ended with both not empty."""
    candidate, stable = look.candidate.n, look.stable.n
    if not candidate or not stable:
        return False
    if not current or now_ms - look.opened_ms >= LOOK_MS:
        return True
    need = source.look_samples
    if candidate < need or stable < need:
        return False
    return not split.candidate or stable >= need * (split.stable / split.candidate)
