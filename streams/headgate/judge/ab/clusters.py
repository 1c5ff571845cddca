"""Sticky users: how much less than so many independent samples the requests of users tell."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.judge.ab.samples import Spread

LEAST_SLOTTED = 0.5  # of the samples: with fewer of them in slots nothing is known of users


def design_effect(arms: Sequence[Spread]) -> float:
    """D, at least 1: how many times the variance of independent samples the arms' means have.

    A user's requests lie in one slot. Where they are alike, slot means m_j spread more than
    s^2/n_j, and the variance of the arm's mean is J/(J-1) sum (n_j/n)^2 (m_j - m)^2 (ratio
    estimator over J clusters); D is what that is times s^2/n, averaged over the arms. One D serves
    both arms of a comparison: users are dealt to them by chance, so that their requests are alike
    in both, and counts divided by two different D would be no ratio of rates any more.

    Source: Kish, "Survey sampling" (1965), sections 6.4 and 8.2; Deng, Knoblich, Lu, "Applying the
    delta method in metric analytics" (2018).
    """
    found, weights = 0.0, 0.0
    for arm in arms:
        filled = arm.samples > 0
        n, slots = float(arm.samples.sum()), int(filled.sum())
        if slots < 2 or arm.variance <= 0:
            continue
        away = arm.totals - arm.samples * (arm.totals.sum() / n)
        found += slots * float(away @ away) / (n * arm.variance)
        weights += slots - 1
    return max(1.0, found / weights) if weights else 1.0


def is_slotted(arms: Sequence[Spread], samples: Sequence[int]) -> bool:
    """Whether most samples carry a bucket."""
    return all(
        float(arm.samples.sum()) >= LEAST_SLOTTED * n for arm, n in zip(arms, samples, strict=True)
    )
