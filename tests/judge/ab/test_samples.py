"""Samples of an arm, and how much sticky users take away from them."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pytest

from headgate.judge.ab import clusters, samples
from headgate.judge.ab.tally import tallied
from headgate.measure.cells import NOTHING, Cell
from headgate.measure.metrics import METRICS, CallerFaults
from headgate.measure.slots import NO_SLOTS, BySlot
from headgate.release.checkpoints import _encoder
from headgate.wire.ledger import Slots
from support.ab import by_slot, served
from support.mutants import mutant

FAULTS = CallerFaults()
RUNS, ARMS = 400, 2


def _drawn(rng: np.random.Generator, users: int, each: int, alike: float) -> Any:
    """Slots and values of every run and arm; a part `alike` of the variance is the user's."""
    slot = rng.integers(0, 32, (RUNS, ARMS, users)).repeat(each, axis=-1)
    of_user = rng.normal(0, alike**0.5, (RUNS, ARMS, users)).repeat(each, axis=-1)
    return slot, 5 + of_user + rng.normal(0, (1 - alike) ** 0.5, slot.shape)


def _effects(module: Any, slot: Any, values: Any) -> Any:
    place = np.arange(RUNS * ARMS).reshape(RUNS, ARMS, 1) * 32 + slot
    length, shape = RUNS * ARMS * 32, (RUNS, ARMS, 32)
    n = np.bincount(place.ravel(), minlength=length).reshape(shape)
    totals = np.bincount(place.ravel(), values.ravel(), length).reshape(shape)
    return module.design_effect(n, totals, values.var(-1))


def claim_effect(module: Any) -> None:
    rng = np.random.default_rng(21)
    for users, each, alike in ((300, 10, 0.0), (300, 10, 0.3), (60, 20, 0.6)):
        found = _effects(module, *_drawn(rng, users, each, alike))
        wanted = 1 + (each - 1) * alike
        assert found.min() >= 1
        assert np.mean(found) == pytest.approx(wanted, rel=0.15)
    # What it says is what the mean does: its variance over the runs.
    slot, values = _drawn(rng, 200, 10, 0.4)
    found = _effects(module, slot, values)
    truly = values.mean(-1).var() / (values.var(-1).mean() / values.shape[-1])
    assert np.mean(found) == pytest.approx(truly, rel=0.2)
    # One user who asks a lot moves the mean a lot, and the effect with it.
    heavy = np.concatenate([slot, slot[..., :10].repeat(50, axis=-1)], axis=-1)
    values = np.concatenate([values, values[..., :10].repeat(50, axis=-1)], axis=-1)
    truly = values.mean(-1).var() / (values.var(-1).mean() / values.shape[-1])
    assert np.mean(_effects(module, heavy, values)) == pytest.approx(truly, rel=0.15)


def claim_nothing_known(module: Any) -> None:
    zero = np.zeros((2, 32))
    one_slot = np.eye(32)[[0, 0]] * 50
    for n, totals, variances in (
        (zero, zero, [0.0, 0.0]),
        (one_slot, one_slot, [1.0, 1.0]),
        (zero + 5, zero + 5, [0.0, 0.0]),
    ):
        assert module.design_effect(n, totals, variances) == 1
    n, totals = np.stack([zero[0] + 5, zero[0]]), np.stack([np.arange(32.0) * 5, zero[0]])
    alone = module.design_effect(n, totals, [9.0, 0.0])
    assert alone == pytest.approx(32 / 31 * 5 * np.var(np.arange(32)) / 9)
    assert module.is_slotted([1, 1], 4)
    assert not module.is_slotted([1, 0], 4)


CLAIMS: dict[str, Callable[[Any], None]] = {
    "effect": claim_effect,
    "nothing_known": claim_nothing_known,
}
MUTATIONS = [
    ("effect", "np.maximum(found / np.maximum(weights, 1), 1)", "found / np.maximum(weights, 1)"),
    ("effect", "n * np.asarray(variances", "np.asarray(variances"),
    ("effect", "t_j - n_j * (t_j", "t_j - (t_j"),
    ("effect", "n[..., None] - n_j, 1)", "n[..., None], 1)"),
    ("effect", "(away**2)", "(abs(away))"),
    ("effect", "(slots - 1) ** 2 /", "(slots - 1) /"),
    ("effect", "np.where(known, slots - 1, 0)", "np.where(known, slots + 9, 0)"),
    ("nothing_known", "np.where(known, slots - 1, 0)", "(slots - 1 + 31 * (slots == 0))"),
    ("nothing_known", "(slots - 1) ** 2 / np.maximum(slots, 1)", "slots"),
    ("nothing_known", ">= LEAST_SLOTTED * n", ">= n"),
]


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_holds(claim: str) -> None:
    CLAIMS[claim](clusters)


@pytest.mark.parametrize(("claim", "fragment", "instead"), MUTATIONS)
def test_a_broken_formula_breaks_its_claim(claim: str, fragment: str, instead: str) -> None:
    broken = mutant(clusters, fragment, instead)
    with pytest.raises(AssertionError):
        CLAIMS[claim](broken)


@pytest.mark.parametrize("metric", samples.COMPARED)
def test_a_sample_says_what_the_metric_reads(metric: str) -> None:
    cell = served(1, 3_000)
    sample = samples.sample_of(metric, cell, FAULTS)
    read = METRICS[metric].read(cell, FAULTS)
    assert sample.n == read.samples
    assert samples.value_of(metric, sample) == pytest.approx(read.value) if sample.n else True
    assert sample.spread.samples.sum() == sample.n or metric.startswith("ttft")
    empty = samples.sample_of(metric, NOTHING, FAULTS)
    assert (empty.n, empty.mean, empty.variance) == (0, 0.0, 0.0)
    assert samples.value_of(metric, empty) is None


def test_slots_sum_to_the_whole_and_variances_come_from_histograms() -> None:
    cell = served(2, 20_000)
    for metric in ("cost_mean_usd", "rating_mean", "tokens_mean"):
        sample = samples.sample_of(metric, cell, FAULTS)
        assert sample.spread.totals.sum() / sample.n == pytest.approx(sample.mean)
    rng = np.random.default_rng(2)
    stars = samples.sample_of("rating_mean", cell, FAULTS)
    drawn = rng.choice(np.arange(10, 60, 10), 10**6, p=(0.03, 0.05, 0.12, 0.29, 0.51))
    assert stars.variance == pytest.approx(drawn.var(), rel=0.03)
    cost = samples.sample_of("cost_mean_usd", cell, FAULTS)
    assert cost.variance / cost.mean**2 == pytest.approx(np.exp(1) - 1, rel=0.2)


def test_the_callers_own_errors_count_in_no_slot() -> None:
    row = by_slot([3] * 10)
    slots = Slots(counts={"requests": by_slot([3] * 100)}, errors={"timeout": row, "404": row})
    cell = Cell(
        outcomes=100,
        requests=100,
        errors={"timeout": 10, "404": 10},
        slots=BySlot.of(slots),
    )
    sample = samples.sample_of("error_rate", cell, FAULTS)
    assert (sample.hits, sample.spread.totals.sum()) == (10, 10)


def test_failed_tasks_are_the_labels_that_are_false() -> None:
    cell = served(3, 900)
    good, bad = (
        samples.sample_of(metric, cell, FAULTS) for metric in ("success_rate", "task_failure_rate")
    )
    assert good.hits + bad.hits == good.n == bad.n
    assert (good.spread.totals + bad.spread.totals == good.spread.samples).all()


def test_a_tally_is_the_same_in_any_order_and_stays_small() -> None:
    parts = [served(seed, 2_000) for seed in range(12)]
    one, other = (reduce(tallied, some, None) for some in (parts, parts[::-1]))
    assert one is not None and one == other
    assert one.cell.requests == 24_000
    rng = np.random.default_rng(5)
    wide = tallied(None, served(99, 400_000, latency_ms=float(rng.uniform(500, 900))))
    assert len(_encoder.encode(wide)) < 60_000  # before compression


def test_what_no_criterion_is_about_is_not_kept() -> None:
    cell = served(1, 50)
    more = Cell(
        outcomes=1,
        sketches={"bucket": cell.sketches["tokens"]},
        safety_request_ids=("r1",),
    )
    kept = tallied(tallied(None, cell), more).cell
    assert "bucket" not in kept.sketches
    assert kept.safety_request_ids == ()
    assert kept.slots != NO_SLOTS
