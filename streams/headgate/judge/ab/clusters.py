"""Sticky users: how much less than so many independent samples the requests of users tell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from headgate.judge.ab.special import Floats

LEAST_SLOTTED = 0.5  # of the samples: with fewer of them in slots nothing is known of users
LEAST_SLOTS = 4  # of each arm: what lies in fewer may be of one user or a few


def design_effect(
    samples: npt.ArrayLike, totals: npt.ArrayLike, variances: npt.ArrayLike
) -> Floats:
    """D, at least 1: how many times the variance of independent samples the arms' means have.

    `samples` and `totals` (sums of a quantity) by slot have shape (..., arms, 32), `variances` of
    single samples (..., arms); D has shape (...).

    A user's requests lie in one slot. Where they are alike, leaving a slot out moves the mean more
    than it would independent samples. The delete-one jackknife over the J slots, (J-1)/J sum
    (m without j - m)^2, is the variance of an arm's mean, heavy users included; D is that divided
    by s^2/n, averaged over the arms by J-1. One D serves both arms of a comparison: users are dealt
    to them by chance, so that their requests are alike in both, and counts divided by two different
    D would be no ratio of rates any more.

    Source: Kish, "Survey sampling" (1965), section 8.2; Wolter, "Introduction to variance
    estimation" (2007), section 4.2 (ratio estimators).
    """
    n_j, t_j = np.asarray(samples, np.float64), np.asarray(totals, np.float64)
    n, slots = n_j.sum(-1), np.count_nonzero(n_j, axis=-1)
    expected = n * np.asarray(variances, np.float64)
    known = (slots > 1) & (expected > 0)
    left = np.where(n_j < n[..., None], n[..., None] - n_j, 1)  # samples outside of a slot
    away = (t_j - n_j * (t_j.sum(-1) / np.maximum(n, 1))[..., None]) / left
    jackknife = (slots - 1) ** 2 / np.maximum(slots, 1) * (away**2).sum(-1)
    found = np.where(known, n**2 * jackknife / np.where(known, expected, 1), 0).sum(-1)
    weights = np.where(known, slots - 1, 0).sum(-1)
    effect: Floats = np.maximum(found / np.maximum(weights, 1), 1)
    return effect


def is_slotted(samples: npt.ArrayLike, n: int) -> bool:
    """Whether most of an arm's `n` samples carry a bucket."""
    return float(np.sum(samples)) >= LEAST_SLOTTED * n


def is_spread(samples: npt.ArrayLike) -> bool:
    """Whether an arm's samples lie in as many slots as it takes to know how alike a user's are."""
    return bool(np.count_nonzero(samples) >= LEAST_SLOTS)
