"""Arms and criteria of an A/B test as a person writes them in a shell."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan

from headgate.cli.steps import parse_weight
from headgate.vocabulary import BASIS_POINTS
from headgate.wire.reports import TestCriterion
from headgate.wire.rollout_requests import AskedArm

ARM = "VERSION=WEIGHT, such as v2=25% or v2=2500"
CRITERION = "METRIC:higher|lower:DIFFERENCE, such as rating_mean:higher:2%"


class ArmsError(ValueError):
    """Arms or criteria that can't be read; one line says all that is wrong."""


def parse_arms(rows: Sequence[str], stable: str) -> tuple[AskedArm, ...]:
    """The arms with their shares; stable, last, where it is known, has what they leave. Raises
    `ArmsError`.

    Whether such arms make a test is for the fold to say, on audit.
    """
    arms, problems = [], []
    for row in rows:
        version, given, weight = row.rpartition("=")
        try:
            if not given or not version:
                raise ValueError("has no weight" if not given else "has no version")
            arms.append(AskedArm(version=version, weight=parse_weight(weight)))
        except ValueError as error:
            problems.append(f"{row!r}: {error}")
    if problems:
        raise ArmsError(f"{'; '.join(problems)}. Write each arm as {ARM}")
    left = BASIS_POINTS - sum(arm.weight for arm in arms)
    return (*arms, AskedArm(version=stable, weight=max(left, 0))) if stable else tuple(arms)


def parse_criteria(rows: Sequence[str]) -> tuple[TestCriterion, ...]:
    """The criteria in their order; the first decides. Raises `ArmsError`."""
    criteria, problems = [], []
    for row in rows:
        parts = row.split(":")
        try:
            if len(parts) != 3:
                raise ValueError("has not three parts")
            metric, better, matters = parts
            criterion = TestCriterion(metric=metric, better=better, matters=_difference(matters))
            criteria.append(criterion)
        except ValueError as error:
            problems.append(f"{row!r}: {error}")
    if problems:
        raise ArmsError(f"{'; '.join(problems)}. Write each criterion as {CRITERION}")
    return tuple(criteria)


def _difference(text: str) -> float:
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = nan
    if not isfinite(number):
        raise ValueError(f"{text!r} is no difference; write 2% or 0.02")
    return number
