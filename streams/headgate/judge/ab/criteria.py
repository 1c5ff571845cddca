"""What a test is about, declared before it starts: criteria, arms, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import isfinite

from msgspec import Struct

from headgate.judge.ab.samples import COMPARED
from headgate.vocabulary import BASIS_POINTS

BETTER = ("higher", "lower")
LARGEST_DIFFERENCE = 10.0
Problem = tuple[str, str]


class Criterion(Struct, frozen=True, kw_only=True):
    """A metric, which direction is better, and the smallest relative difference that matters.

    `matters` 0.1 means: a ratio of the arms between 1/1.1 and 1.1 is no difference that matters.
    """

    metric: str
    better: str
    matters: float


class Arm(Struct, frozen=True, kw_only=True):
    """A version with its basis points of the traffic."""

    version: str
    weight: int


class PlanError(ValueError):
    """A test that does not hold together; `problems` has (path, rule and remedy) for each error."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(f"{path}: {rule}" for path, rule in self.problems))


def problems_of(arms: Sequence[Arm], criteria: Sequence[Criterion], alpha: float) -> list[Problem]:
    """Everything that is wrong, at once; none where a test can start."""
    found = _of_arms(arms) + problems_of_criteria(criteria)
    if not (isfinite(alpha) and 0 < alpha <= 0.5):
        found.append(("$.alpha", f"{alpha} is not above 0 and at most 0.5"))
    return found


def pairs_of(arms: Sequence[Arm]) -> list[tuple[Arm, Arm]]:
    """Every pair of arms, in their order: the earlier one is compared with the later."""
    return list(combinations(arms, 2))


def _of_arms(arms: Sequence[Arm]) -> list[Problem]:
    found: list[Problem] = []
    if len(arms) < 2:
        found.append(("$.arms", f"{len(arms)} given; a test needs two or more"))
    for place, arm in enumerate(arms):
        if arm.weight <= 0:
            found.append((f"$.arms[{place}].weight", f"{arm.weight} is not above 0: no requests"))
        if any(arm.version == other.version for other in arms[:place]):
            found.append((f"$.arms[{place}].version", f"{arm.version} is an arm already"))
    if arms and sum(arm.weight for arm in arms) > BASIS_POINTS:
        total = sum(arm.weight for arm in arms)
        found.append(("$.arms", f"weights sum to {total}, over {BASIS_POINTS} basis points"))
    return found


def problems_of_criteria(criteria: Sequence[Criterion]) -> list[Problem]:
    """What is wrong with what arms are to be compared by."""
    found: list[Problem] = []
    if not criteria:
        found.append(("$.criteria", "none given; a test needs one or more"))
    for place, one in enumerate(criteria):
        path, row = f"$.criteria[{place}]", COMPARED.get(one.metric)
        if row is None:
            known = ", ".join(COMPARED)
            found.append((f"{path}.metric", f"{one.metric!r} cannot be compared; known: {known}"))
        elif row.better and one.better in BETTER and one.better != row.better:
            found.append((f"{path}.better", f"{one.metric} is better {row.better}"))
        if one.better not in BETTER:
            found.append((f"{path}.better", f"{one.better!r} is neither higher nor lower"))
        if not (isfinite(one.matters) and 0 < one.matters <= LARGEST_DIFFERENCE):
            rule = f"{one.matters} is not above 0 and at most {LARGEST_DIFFERENCE:g}"
            found.append((f"{path}.matters", rule))
        if any(one.metric == other.metric for other in criteria[:place]):
            found.append((f"{path}.metric", f"{one.metric} is a criterion already"))
    return found
