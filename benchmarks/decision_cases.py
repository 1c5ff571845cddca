"""Single tests, look by look: cases, and the figures that each has to reach.

Runs lie along a leading axis; Headgate's own bets, budget and e-process get the counts of one look
after the other. Detection counts candidate requests at the first alarm, in multiples of a look.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from decision_looks import (
    LOOK,
    LatencyBeside,
    Look,
    RatingBeside,
    mean_limit,
    rate,
    rating,
    ratio,
)
from headgate.judge.sequential.bets import BREACH, GOOD, Floats
from headgate.judge.sequential.budget import phase_budget, proof_budget
from headgate.judge.sequential.process import advance, empty, log_e_value

LOOKS = 2_000
PLANNED = LOOK * LOOKS
FALSE_ROLLBACK, FALSE_PROMOTION = 0.01, 0.05
TOLERANCE = 1.25


@dataclass
class Case:
    """One row: what is simulated, and the median and 95th percentile (or the share) to reach."""

    name: str
    look: Look
    side: int = BREACH
    runs: int = 2_000
    reach: tuple[int, int] | None = None
    at_most: float | None = None
    looks: int = LOOKS
    seed: int = 0
    size: int = LOOK  # candidate requests in a look
    planned: int = PLANNED
    long: bool = False


@dataclass
class Result:
    case: Case
    alarmed_at: Floats = field(repr=False)
    seconds: float = 0.0
    slack: int = 0  # requests: what a median of few runs may be off

    @property
    def alarms(self) -> int:
        return int(np.isfinite(self.alarmed_at).sum())

    @property
    def share(self) -> float:
        return self.alarms / len(self.alarmed_at)

    def requests(self, share: float) -> float:
        return float(np.quantile(self.alarmed_at, share, method="higher"))

    @property
    def ok(self) -> bool:
        if self.case.at_most is not None:
            runs = len(self.alarmed_at)
            noise = 2 * (self.case.at_most / runs) ** 0.5 if self.slack else 0.0
            return self.share <= self.case.at_most + noise
        median, late = self.case.reach or (0, 0)
        allowed = (TOLERANCE * figure + self.slack for figure in (median, late))
        found = (self.requests(share) for share in (0.5, 0.95))
        return all(one <= other for one, other in zip(found, allowed, strict=True))


def simulate(case: Case, scale: float, slack: int = 0) -> Result:
    """Run one case until every run has alarmed or the looks are over."""
    began = time.process_time()
    rng = np.random.Generator(np.random.PCG64(case.seed))
    runs = max(int(case.runs * scale), 100)
    alpha = FALSE_ROLLBACK if case.side == BREACH else FALSE_PROMOTION
    wealth, alarmed_at = empty((runs,)), np.full(runs, np.inf)
    left = np.arange(runs)
    for number in range(case.looks):
        before, now = number * case.size, (number + 1) * case.size
        if case.side == BREACH:
            budget = phase_budget(case.planned, before, now, number == 0)
        else:
            budget = proof_budget(number == 0)
        wealth = advance(wealth, case.look(rng, len(left)), budget)
        alarms = log_e_value(wealth) >= np.log(1 / alpha)
        alarmed_at[left[alarms]] = now
        left, wealth = left[~alarms], wealth[~alarms]
        if not len(left):
            break
    return Result(case, alarmed_at, time.process_time() - began, slack)


def detections() -> Iterator[Case]:
    """Requests until the alarm: the rows of `Figures to reach`."""
    for truth, reach in (
        (0.5, (50, 50)),
        (0.2, (50, 150)),
        (0.1, (350, 700)),
        (0.075, (1150, 2650)),
    ):
        yield Case(f"errors {truth:.1%} against 5 %", rate(truth, 0.05), reach=reach)
    for truth, reach in ((0.1, (100, 250)), (0.04, (850, 1900)), (0.03, (2900, 6750))):
        yield Case(f"hallucinations {truth:.0%} against 2 %", rate(truth, 0.02), reach=reach)
    for mean, reach in ((2.5, (50, 100)), (3.0, (150, 250)), (3.2, (300, 600))):
        yield Case(f"rating {mean} against 3.5", rating(mean, 3.5), reach=reach)
    for mean, reach in ((3.2, (50, 50)), (3.8, (150, 300))):
        beside = RatingBeside(mean, 4.2, 9, margin=0)
        yield Case(f"rating {mean} beside 4.2, 1:9, margin 0", beside, runs=1_000, reach=reach)
    for slower, times, reach in (
        (2, 1, (500, 1050)),
        (2, 9, (300, 550)),
        (3, 1, (150, 200)),
        (3, 9, (100, 150)),
    ):
        look = LatencyBeside(slower, times).side(BREACH)
        yield Case(f"latency x {slower}, 1:{times}", look, runs=1_000, reach=reach)
    for sigma, reach in ((1.0, (100, 250)), (1.5, (400, 850))):
        yield Case(
            f"cost x 3 (limit x 2), sigma {sigma}", mean_limit(1.5, sigma), runs=500, reach=reach
        )
    yield Case("tokens x 2.5 (limit x 1.5)", mean_limit(2.5 / 1.5, 0.7), runs=500, reach=(50, 100))
    for truth, allowed, reach in (
        (0.1, 1.0, (100, 200)),
        (0.03, 1.0, (600, 1400)),
        (0.1, 1.25, (100, 200)),
        (0.03, 1.25, (900, 1950)),
    ):
        yield Case(
            f"errors {truth:.0%} beside 1 %, 1:9, ratio <= {allowed}",
            ratio(truth, 0.01, allowed, 9),
            runs=1_000,
            reach=reach,
        )


def promotions() -> Iterator[Case]:
    """Requests until a healthy version is proven good."""
    for truth, reach in ((0.01, (150, 350)), (0.02, (300, 750)), (0.03, (800, 1950))):
        yield Case(
            f"good: errors {truth:.0%} against 5 %",
            rate(truth, 0.05, GOOD),
            GOOD,
            500,
            reach=reach,
        )
    for mean, reach in ((4.2, (50, 100)), (3.8, (200, 400))):
        yield Case(
            f"good: rating {mean} against 3.5", rating(mean, 3.5, GOOD), GOOD, 500, reach=reach
        )
    for slower, reach in ((1.0, (200, 400)), (1.2, (400, 1050))):
        look = LatencyBeside(slower, 9, known=True).side(GOOD)
        yield Case(f"good: p95 x {slower} against 1.5, 1:9", look, GOOD, 500, reach=reach)


def limits() -> Iterator[Case]:
    """False alarms and false promotions exactly on the limit."""
    yield Case("on the limit: errors 5 %", rate(0.05, 0.05), runs=4_000, at_most=0.01)
    yield Case("on the limit: hallucinations 2 %", rate(0.02, 0.02), runs=4_000, at_most=0.01)
    yield Case("on the limit: rating 3.5", rating(3.5, 3.5), runs=4_000, at_most=0.01)
    look = LatencyBeside(1.5, 1).side(BREACH)
    yield Case("on the limit: latency x 1.5, 1:1", look, runs=1_000, at_most=0.01)
    look = LatencyBeside(1.5, 9).side(BREACH)
    yield Case("on the limit: latency x 1.5, 1:9", look, runs=500, at_most=0.01)
    yield Case("on the limit: cost x 2", mean_limit(1.0, 1.0), runs=500, at_most=0.01)
    yield Case("on the limit: tokens x 1.5", mean_limit(1.0, 0.7), runs=500, at_most=0.01)
    yield Case(
        "on the limit, 300,000 looks, ten times the plan: errors 5 %",
        rate(0.05, 0.05, size=1),
        runs=1_000,
        at_most=0.01,
        looks=300_000,
        size=1,
        planned=30_000,
        long=True,
    )
    yield Case("identical arms, ratio <= 1", ratio(0.01, 0.01, 1.0, 9), runs=2_000, at_most=0.01)
    yield Case(
        "on the limit: proven good, errors 5 %",
        rate(0.05, 0.05, GOOD),
        GOOD,
        4_000,
        at_most=0.05,
    )
    yield Case(
        "on the limit: proven good, rating 3.5",
        rating(3.5, 3.5, GOOD),
        GOOD,
        4_000,
        at_most=0.05,
    )
