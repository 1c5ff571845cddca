"""A trigger as tests: which null hypotheses stand behind one row of the policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from headgate.judge.sequential.samples import SAMPLED, Family, Sampled

if TYPE_CHECKING:
    from headgate.judge.policy import Trigger

GOOD_RATIO = 2.0  # proven good beside stable: the rate's ratio is under this
_LOOK_SAMPLES, _LOOK_RATINGS = 20, 5


@dataclass(frozen=True, slots=True)
class Plan:
    """The tests of one trigger.

    `limit` is the absolute one (a share for rates; ms, rating, tokens or dollars for values), None
    without an absolute test. `relative` is the tolerated ratio to stable, or for ratings the margin
    below it, None without a relative test. `good_ratio` is what *proven good* beside stable must
    stay under; None where it is not provable. `look_samples` of each arm close a relative look.
    `counts_hits`: the tests count hits among samples.
    """

    sampled: Sampled
    limit: float | None
    relative: float | None
    good_ratio: float | None
    look_samples: int
    counts_hits: bool

    @property
    def needs_both(self) -> bool:
        """Whether, beside a live stable arm, both tests must prove a breach."""
        return self.limit is not None and self.relative is not None

    @property
    def provable(self) -> bool:
        """Whether it can be proven good at all; means of unbounded measures can't."""
        return self.sampled.family is not Family.MEAN


@lru_cache(maxsize=32_768)
def plan_of(trigger: Trigger) -> Plan:
    """The tests of a trigger whose proof is sequential; raises `ValueError` where none fits."""
    sampled = SAMPLED.get(trigger.metric)
    if sampled is None:
        known = ", ".join(SAMPLED)
        raise ValueError(f"{trigger.metric} has no sequential proof; these have: {known}")
    limit, relative = _limits(trigger, sampled.family)
    return Plan(
        sampled=sampled,
        limit=limit,
        relative=relative,
        good_ratio=_good_ratio(sampled.family, relative),
        look_samples=_LOOK_RATINGS if sampled.family is Family.RATING else _LOOK_SAMPLES,
        counts_hits=sampled.family in (Family.RATE, Family.QUANTILE),
    )


def _limits(trigger: Trigger, family: Family) -> tuple[float | None, float | None]:
    given, beside = trigger.limit, trigger.beside_stable
    if family is Family.RATING:
        if given.below is None and given.below_stable_by is None:
            raise ValueError(f"{trigger.metric} needs `below` or `below_stable_by` as its limit")
        if given.below is not None and not 1 < given.below < 5:
            raise ValueError("a limit of ratings lies between 1 and 5")
        margin = given.below_stable_by or (beside.below_margin if beside else None)
        if beside is not None and margin is None:
            raise ValueError(f"beside stable, {trigger.metric} needs `below_margin`")
        return given.below, margin
    if given.above is None and given.above_stable_times is None:
        raise ValueError(f"{trigger.metric} needs `above` or `above_stable_times` as its limit")
    if given.above is not None and given.above <= 0:
        raise ValueError("a sequential limit is above 0")
    if family is Family.RATE and given.above is not None and given.above >= 1:
        raise ValueError("a limit of rates lies between 0 and 1")
    times = given.above_stable_times or (beside.above_times if beside else None)
    if beside is not None and times is None:
        raise ValueError(f"beside stable, {trigger.metric} needs `above_times`")
    if family is not Family.RATE and beside is not None:
        raise ValueError("`beside_stable` goes with rates and ratings only")
    return given.above, times


def _good_ratio(family: Family, relative: float | None) -> float | None:
    if relative is None or family in {Family.RATING, Family.MEAN}:
        return None
    return max(GOOD_RATIO, relative) if family is Family.RATE else relative
