"""A simulated A/B test: requests of independent or of sticky users, and what is read of them.

Every look is read from the start of the test through Headgate's own samples, intervals and verdicts
(`headgate.judge.ab`); only the counting is done for all looks at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from headgate.judge.ab.criteria import Arm, Criterion
from headgate.judge.ab.intervals import Pair, intervals_of
from headgate.judge.ab.plan import TestPlan, plan_test
from headgate.judge.ab.readings import decide
from headgate.judge.ab.samples import sample_of
from headgate.measure.cells import Cell
from headgate.measure.hdr import bucket_index
from headgate.measure.metrics import CallerFaults
from headgate.measure.sketch import Sketch
from headgate.measure.slots import BySlot
from headgate.vocabulary import AbVerdict
from headgate.wire.ledger import SLOTS

FAULTS = CallerFaults()
USERS = 3_000
ERRORS, SUCCESS, LATENCY_MS, COST, TOKENS = 0.03, 0.8, 800.0, 2_000.0, 900.0
RATINGS = np.array([0.03, 0.05, 0.12, 0.29, 0.51])
RATED, JUDGED = 0.3, 0.5
VALUES = ("latency_us", "cost_microusd", "tokens", "rating_tenths")
ALL = (
    Criterion(metric="latency_p50_ms", better="lower", matters=0.1),
    Criterion(metric="latency_p95_ms", better="lower", matters=0.15),
    Criterion(metric="error_rate", better="lower", matters=0.3),
    Criterion(metric="success_rate", better="higher", matters=0.05),
    Criterion(metric="rating_mean", better="higher", matters=0.04),
    Criterion(metric="tokens_mean", better="lower", matters=0.1),
    Criterion(metric="cost_mean_usd", better="lower", matters=0.1),
)
TWO = (Arm(version="b", weight=5_000), Arm(version="a", weight=5_000))
THREE = (
    Arm(version="c", weight=2_000),
    Arm(version="b", weight=3_000),
    Arm(version="a", weight=5_000),
)


@dataclass(frozen=True)
class Fleet:
    """Who asks, and how much better arm `b` is: times its value (1 where it is like the others).

    Sticky users differ by log-normal factors (sigma 1) in how often they ask, and each by factors
    of its own in how often an answer fails, how long it takes, what it costs and how it is rated.
    """

    sticky: bool = False
    better: Mapping[str, float] = field(default_factory=dict)
    users: int = USERS


@dataclass
class Requests:
    """Columns of one entry per request; NaN where a request has no rating or verdict."""

    arm: np.ndarray
    slot: np.ndarray
    failed: np.ndarray
    values: dict[str, np.ndarray]
    success: np.ndarray


@dataclass(frozen=True)
class Asked:
    """Who asks, one entry per request: the arm, whether it is arm `b`, the slot, and the moods of
    the user in five things, standard normal (0 where users are all alike).
    """

    arm: np.ndarray
    is_b: np.ndarray
    slot: np.ndarray
    moods: np.ndarray


def draw(rng: np.random.Generator, fleet: Fleet, arms: Sequence[Arm], count: int) -> Requests:
    """`count` requests in the order in which they come."""
    if fleet.sticky:
        weight = rng.lognormal(0, 1, fleet.users)
        user = rng.choice(fleet.users, count, p=weight / weight.sum())
        bucket = rng.integers(0, 10_000, fleet.users)[user]
        moods = rng.normal(0, 1, (5, fleet.users))[:, user]
    else:
        bucket, moods = rng.integers(0, 10_000, count), np.zeros((5, count))
    arm = np.searchsorted(np.cumsum([a.weight for a in arms]), bucket, side="right")
    is_b = arm == [a.version for a in arms].index("b")
    return _outcomes(rng, fleet, Asked(arm, is_b, bucket % SLOTS, moods))


def _outcomes(rng: np.random.Generator, fleet: Fleet, asked: Asked) -> Requests:
    count, moods = len(asked.arm), asked.moods
    mean_one = np.exp(moods - 0.5) if fleet.sticky else np.ones_like(moods)

    def times(metric: str) -> np.ndarray:
        return np.where(asked.is_b, fleet.better.get(metric, 1.0), 1.0)

    failed = rng.random(count) < np.minimum(ERRORS * mean_one[0] * times("error_rate"), 1)
    slower = times("latency") * np.exp(moods[1])
    values = {
        "latency_us": 1_000 * LATENCY_MS * slower * rng.lognormal(0, 0.6, count),
        "cost_microusd": COST * mean_one[2] * times("cost_mean_usd") * rng.lognormal(0, 1, count),
        "tokens": TOKENS * mean_one[2] * times("tokens_mean") * rng.lognormal(0, 0.7, count),
        "rating_tenths": 10.0 * _stars(rng, times("rating_mean"), moods[3]),
    }
    values["latency_us"][failed] = np.nan
    values["rating_tenths"][rng.random(count) >= RATED] = np.nan
    misses = np.minimum((1 - SUCCESS * times("success_rate")) * mean_one[4], 1)
    success = (rng.random(count) >= misses).astype(float)
    success[rng.random(count) >= JUDGED] = np.nan
    whole = {name: np.rint(numbers) for name, numbers in values.items()}
    return Requests(asked.arm, asked.slot, failed, whole, success)


def _stars(rng: np.random.Generator, times: np.ndarray, moods: np.ndarray) -> np.ndarray:
    """Ratings whose mean is `times` the usual one; users in a bad mood rate lower."""
    stars = np.searchsorted(np.cumsum(RATINGS), rng.random(len(times)), side="right") + 1.0
    stars = np.minimum(stars, 5)
    missing = 5 - RATINGS @ np.arange(1, 6)
    up = np.clip((times - 1) * (5 - missing) / missing, 0, 1)  # of the distance to five stars
    stars = np.where(rng.random(len(times)) < up, 5.0, stars)
    return np.clip(stars + np.rint(moods), 1, 5)


def cells(requests: Requests, looks: Sequence[int], arms: int) -> list[list[Cell]]:
    """What each arm has counted at each look (in requests), shape (looks, arms)."""
    look = np.searchsorted(looks, np.arange(len(requests.arm)), side="right")
    kept = look < len(looks)
    row = (look * arms + requests.arm)[kept]
    slot = requests.slot[kept]
    shape = (len(looks), arms)

    def by_slot(used: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        counted = np.bincount(
            row[used] * SLOTS + slot[used],
            None if weights is None else weights[used],
            minlength=shape[0] * arms * SLOTS,
        )
        return np.cumsum(np.rint(counted).astype(np.int64).reshape(*shape, SLOTS), axis=0)

    failed, success = requests.failed[kept], requests.success[kept]
    judged = ~np.isnan(success)
    tables = {
        ("counts", "requests"): by_slot(np.ones(len(row), bool)),
        ("errors", "timeout"): by_slot(failed),
        ("labelled", "task_success"): by_slot(judged),
        ("flagged", "task_success"): by_slot(judged & (success == 1)),
    }
    sketches = {}
    for name in VALUES:
        values = requests.values[name][kept]
        used = ~np.isnan(values)
        whole = np.where(used, values, 0).astype(np.int64)
        bins = bucket_index(whole)
        tables["counts", name] = by_slot(used)
        tables["sums", name] = by_slot(used, whole)
        if name == "latency_us":
            tables["sums", "latency_bins"] = by_slot(used, bins)
        indexes, place = np.unique(bins[used], return_inverse=True)
        length = shape[0] * arms * len(indexes)
        dense = np.bincount(row[used] * len(indexes) + place, minlength=length)
        sketches[name] = indexes, np.cumsum(dense.reshape(*shape, -1), axis=0)
    return [[_cell(tables, sketches, at, arm) for arm in range(arms)] for at in range(shape[0])]


def _cell(tables, sketches, at: int, arm: int) -> Cell:  # type: ignore[no-untyped-def]
    numbers = np.array([by_slot[at, arm] for by_slot in tables.values()])
    slots = BySlot(((tuple(tables), numbers),))
    totals: dict[str, dict[str, int]] = {}
    for (table, name), total in zip(tables, numbers.sum(1).tolist(), strict=True):
        totals.setdefault(table, {})[name] = total
    requests = totals["counts"].pop("requests")
    found = {}
    for name, (indexes, dense) in sketches.items():
        filled = dense[at, arm] > 0
        found[name] = Sketch(indexes[filled], dense[at, arm][filled])
    return Cell(outcomes=requests, requests=requests, sketches=found, slots=slots, **totals)


def recorded(seed: int, requests: int = 20_000) -> Cell:
    """What is known of stable before a test: the base of its forecast."""
    rng = np.random.default_rng((seed, 99))
    drawn = draw(rng, Fleet(), (Arm(version="b", weight=10_000),), requests)
    return cells(drawn, [requests], 1)[0][0]


@dataclass(frozen=True)
class Said:
    """The first verdict of a comparison, after how many requests, and the version that wins."""

    requests: int
    verdict: AbVerdict
    winner: str


def first_verdicts(
    plan: TestPlan, fleet: Fleet, seed: Sequence[int], looks: Sequence[int]
) -> dict[tuple[str, str, str], Said]:
    """By (metric, one, other); a verdict counts at the first look that says it."""
    drawn = draw(np.random.default_rng(seed), fleet, plan.arms, looks[-1])
    at_looks = cells(drawn, looks, len(plan.arms))
    place = {arm.version: number for number, arm in enumerate(plan.arms)}
    metrics = [criterion.metric for criterion in plan.criteria]
    pairs, keys = [], []
    for at, row in zip(looks, at_looks, strict=True):
        samples = [{m: sample_of(m, cell, FAULTS) for m in metrics} for cell in row]
        for one in plan.comparisons:
            metric = one.criterion.metric
            arms = samples[place[one.one]][metric], samples[place[one.other]][metric]
            pairs.append(Pair(one, *arms))
            keys.append((at, (metric, one.one, one.other)))
    found: dict[tuple[str, str, str], Said] = {}
    bounds = intervals_of(pairs, plan.alpha_each)
    for pair, (at, key), interval in zip(pairs, keys, bounds, strict=True):
        verdict, winner = decide(pair.comparison, interval)
        if verdict is not AbVerdict.NOT_ENOUGH and key not in found:
            found[key] = Said(at, verdict, winner)
    return found


def plan_of(
    arms: Sequence[Arm], criteria: Sequence[Criterion], known: Cell, alpha: float = 0.05
) -> TestPlan:
    """The plan as it would be made before such a test."""
    return plan_test(arms, criteria, known=known, faults=FAULTS, alpha=alpha)
