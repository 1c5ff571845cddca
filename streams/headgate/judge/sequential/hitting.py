"""Hitting: what the hits of a look are worth, absolute ones and those beside stable: both are the
sum of what a bet wins on a hit and on another outcome.
"""

from __future__ import annotations

import numpy as np

from headgate.judge.sequential.bank import Bank
from headgate.judge.sequential.bets import Flags, Floats
from headgate.measure.compiled import compiled

# Of one look for one trigger: the numbers of its tests for a breach and for *proven good*, the
# latter -1 where it proves none; of the candidate hits, hits with those that rounding may have
# missed, samples, and at least how many were sent; hits and samples of stable, none in an absolute
# look; the design effects of both arms, each of which divides its arm's figures.
FIGURES = 10
_BREACH, _GOOD, _HITS, _REACHING, _SAMPLES, _SENT = range(6)
_STABLE_HITS, _STABLE_SAMPLES, _EFFECT, _STABLE_EFFECT = range(6, FIGURES)


def add_hits(worth: Floats, looked: Flags, figures: list[float], bank: Bank) -> None:
    """Add what looks are worth to the eight bets of their tests, and mark these as looked at; by a
    test's number, shapes (tests, 8) and (tests,). `figures` are those of one look after another.

    See `bets.rate_against_limit` and `bets.ratio_of_rates`.
    """
    looks = np.fromiter(figures, np.float64, len(figures)).reshape(-1, FIGURES)
    _add(worth, looked, looks, bank.on_hit, bank.on_other, bank.excess, bank.ratios)


@compiled("(f8[:,::1], b1[::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1], f8[::1])")
def _add(  # noqa: PLR0917 - machine code is called by position
    worth: Floats,
    looked: Flags,
    looks: Floats,
    on_hit: Floats,
    on_other: Floats,
    excess: Floats,
    ratios: Floats,
) -> None:
    for look in looks:
        mine, other = look[_EFFECT], look[_STABLE_EFFECT]
        stable_hits, stable_samples = look[_STABLE_HITS] / other, look[_STABLE_SAMPLES] / other
        sent, reaching = max(look[_SAMPLES], look[_SENT]), max(look[_HITS], look[_REACHING])
        for number, hits, samples in (
            (look[_BREACH], look[_HITS] / mine, sent / mine),
            (look[_GOOD], reaching / mine, look[_SAMPLES] / mine),
        ):
            if number < 0:
                continue
            test, others, expected = int(number), samples - hits, 0.0
            if stable_samples > 0:
                allowed = ratios[test] * samples
                others, expected = hits + stable_hits, allowed / (allowed + stable_samples)
            for bet in range(worth.shape[1]):
                on_another = on_other[test, bet] - np.log1p(excess[test, bet] * expected)
                worth[test, bet] += hits * on_hit[test, bet] + others * on_another
            looked[test] = True
