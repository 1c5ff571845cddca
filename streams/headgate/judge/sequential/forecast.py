"""Forecast: how many of a bad candidate's requests each sequential trigger needs to catch it.

A small simulation of the project's own bets, budget and process. It supposes a stable arm that is
well and outcomes that are independent of each other; see `supposing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

import numpy as np

from headgate.judge.policy import Policy, Trigger
from headgate.judge.sequential.bets import Floats
from headgate.judge.sequential.budget import phase_budget
from headgate.judge.sequential.combining import evidence_needed
from headgate.judge.sequential.plan import Plan, plan_of
from headgate.judge.sequential.process import advance, empty, log_e_value
from headgate.judge.sequential.samples import Family
from headgate.judge.sequential.supposing import (
    RATINGS,
    Hits,
    Supposed,
    Values,
    log_normal,
    rating_shares,
    slower,
)
from headgate.vocabulary import BASIS_POINTS

TIMES = (2.0, 3.0, 5.0)  # the limit
BELOW = (0.3, 0.5, 1.0)  # the limit, of ratings
HORIZON = 1_000_000
RUNS = 400
COST_SIGMA, TOKENS_SIGMA = 1.0, 0.7
_USUAL_RATE, _USUAL_RATING = 0.02, 4.2  # of a stable arm, where no limit says what is healthy
_LOOK, _FINE_UP_TO, _STEP = 50, 1_000, 20
_MOST_PER_LOOK = 1_000
_LOWEST_MEAN = 1.05


@dataclass(frozen=True, slots=True)
class Needed:
    """Requests (labels, for what comes with labels) of the candidate until the trigger acts.

    `worse` is how many times the limit the candidate lies at, or how far below it. `candidate` and
    `stable` are the values supposed, in the metric's unit; for what is measured beside stable alone
    without a unit of its own, in multiples of stable's. None: not within the horizon.
    """

    worse: float
    candidate: float
    stable: float | None
    median: int | None
    p95: int | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a trigger needs, by how bad the candidate is; no cases without the stable arm it needs.

    `evidence` is the e-value that it must reach, `of_labels` that samples are labels.
    """

    trigger: str
    of_labels: bool
    evidence: float
    horizon: int
    cases: tuple[Needed, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What is asked: the candidate's `weight` in basis points, and how closely to look.

    `degrees` is how many of the degrees of badness, from the least.
    """

    weight: int
    seed: int = 1
    runs: int = RUNS
    horizon: int = HORIZON
    degrees: int = len(TIMES)


def forecast(policy: Policy, trial: Trial) -> tuple[Forecast, ...]:
    """What every sequential trigger of the policy needs; the same for the same seed."""
    rows = [trigger for trigger in policy.triggers if trigger.proof == "sequential"]
    return tuple(forecast_trigger(policy, trigger, trial) for trigger in rows)


def forecast_trigger(policy: Policy, trigger: Trigger, trial: Trial) -> Forecast:
    """What one trigger needs: its own share of the proof, whatever the others say."""
    plan, needed = plan_of(trigger), evidence_needed(policy)[trigger.name]
    cases: tuple[Needed, ...] = ()
    if plan.limit is not None or trial.weight < BASIS_POINTS:
        cases = _cases(policy, plan, trial, needed)
    return Forecast(trigger.name, plan.sampled.of_labels, needed, trial.horizon, cases)


def _cases(policy: Policy, plan: Plan, trial: Trial, needed: float) -> tuple[Needed, ...]:
    degrees = (BELOW if plan.sampled.family is Family.RATING else TIMES)[: trial.degrees]
    truths, stable = _truths(policy, plan, degrees)
    supposed = _supposed(plan, np.array(truths), degrees, stable)
    found = _caught(supposed, plan, trial, (len(degrees), policy.proof.planned_requests, needed))
    beside = stable if trial.weight < BASIS_POINTS and plan.relative is not None else None
    return tuple(
        Needed(degree, truth, beside, _quantile(row, 0.5), _quantile(row, 0.95))
        for degree, truth, row in zip(degrees, truths, found, strict=True)
    )


def _truths(
    policy: Policy, plan: Plan, degrees: tuple[float, ...]
) -> tuple[tuple[float, ...], float]:
    """The candidate's value in every case, and stable's: well within the limit that there is."""
    family, relative = plan.sampled.family, plan.relative or 1.0
    limit = plan.limit if plan.limit is not None else _limit_elsewhere(policy, plan)
    if family is Family.RATING:
        stable = _USUAL_RATING if limit is None else (limit + 5) / 2
        edge = plan.limit if plan.limit is not None else stable - relative
        return tuple(max(edge - degree, _LOWEST_MEAN) for degree in degrees), stable
    if family is Family.RATE:
        stable = _USUAL_RATE if limit is None else limit / 2
        edge = plan.limit if plan.limit is not None else stable * relative
        return tuple(min(edge * degree, 1.0) for degree in degrees), stable
    edge = plan.limit if plan.limit is not None else relative
    return tuple(edge * degree for degree in degrees), 1.0


def _limit_elsewhere(policy: Policy, plan: Plan) -> float | None:
    """What another trigger on the same samples says is too bad."""
    for trigger in policy.triggers:
        if trigger.proof == "sequential":
            other = plan_of(trigger)
            if other.sampled is plan.sampled and other.limit is not None:
                return other.limit
    return None


def _supposed(plan: Plan, truths: Floats, degrees: tuple[float, ...], stable: float) -> Supposed:
    family, share = plan.sampled.family, plan.sampled.share
    if family is Family.RATE:
        return Hits(truths, stable, plan.limit, plan.relative)
    if family is Family.QUANTILE:
        limit, ratio = (None if given is None else 1.0 for given in (plan.limit, plan.relative))
        over = 1 - share
        return Hits(slower(degrees, share), over, over if limit else None, ratio)
    if family is Family.RATING:
        values = np.broadcast_to(RATINGS, (len(truths), len(RATINGS)))
        shares = np.array([rating_shares(mean) for mean in truths])
        beside = RATINGS, rating_shares(stable)
    else:
        sigma = TOKENS_SIGMA if plan.sampled.measure == "tokens" else COST_SIGMA
        rows = [log_normal(mean, sigma) for mean in truths]
        values, shares = (np.array(column) for column in zip(*rows, strict=True))
        beside = log_normal(stable, sigma)
    return Values(values, shares, *beside, stable, plan.limit, plan.relative, RATINGS is beside[0])


def _caught(supposed: Supposed, plan: Plan, trial: Trial, about: tuple[int, int, float]) -> Floats:
    """Requests until E of a breach reaches what is needed, shape (cases, runs); inf if never."""
    count, planned, needed = about
    caught = np.full(count * trial.runs, np.inf)
    going = np.arange(len(caught))
    tests = (plan.limit is not None) + (plan.relative is not None and trial.weight < BASIS_POINTS)
    wealth = empty((tests, len(caught)))
    rng, before = np.random.default_rng((trial.seed, trial.weight)), 0
    while len(going) and before < trial.horizon:
        samples, beside = _look(plan, trial.weight, before)
        now = before + samples
        budget = phase_budget(planned, before, now, before == 0)
        increments = supposed.increments(rng, going // trial.runs, samples, beside)
        wealth = advance(wealth, np.stack(increments), budget)
        stays = log_e_value(wealth).min(0) < log(needed)
        if now <= trial.horizon:
            caught[going[~stays]] = now
        going, wealth, before = going[stays], wealth[:, stays], now
    return caught.reshape(count, trial.runs)


def _look(plan: Plan, weight: int, before: int) -> tuple[int, int]:
    """The next look's samples of both arms: as few as the engine joins, later a twentieth more."""
    fine = plan.look_samples if before < _STEP * plan.look_samples else _LOOK
    samples = fine if before < _FINE_UP_TO else max(fine, before // _STEP)
    stable = BASIS_POINTS - weight
    if plan.relative is None or not stable:
        return samples, 0
    least = min(ceil(plan.look_samples * max(weight / stable, 1.0)), _MOST_PER_LOOK)
    samples = max(samples, least)
    return samples, max(round(samples * stable / weight), 1)


def _quantile(caught: Floats, share: float) -> int | None:
    """The requests within which a `share` of the runs has ended."""
    value = np.sort(caught)[ceil(share * len(caught)) - 1]
    return int(value) if np.isfinite(value) else None
