"""Whole looks drawn at once: the counts agree with each other and with what is drawn one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headgate.measure.cells import NOTHING, Cell
from headgate.measure.sketch import Sketch
from headgate.sim.arms import Behaviour
from headgate.sim.drawing import Served, draw
from headgate.sim.shapes import Shape, log_normal, star_shares

GOOD = Behaviour()


def one_by_one(behaviour: Behaviour, count: int) -> list[dict[str, float]]:
    rng = np.random.default_rng(7)
    return [behaviour.draw(rng, 0.0) for _ in range(count)]


def one_look(seed: int, behaviour: Behaviour, count: int) -> Served:
    (served,) = draw(np.random.default_rng(seed), behaviour, np.array([count]))
    return served


def many(behaviour: Behaviour, count: int = 200_000) -> Cell:
    return one_look(5, behaviour, count).at_once()


@pytest.mark.parametrize("count", [1, 40, 900, 20_000])
def test_every_request_is_in_every_count(count: int) -> None:
    served = one_look(3, replace(GOOD, error_rate=0.2), count)
    cell = served.at_once()
    answered = count - served.failed
    assert cell.outcomes == cell.requests == count
    assert sum(cell.errors.values()) == served.failed
    for measure in ("latency_us", "tokens", "cost_microusd"):
        assert cell.sketch(measure).total == cell.counts.get(measure, 0) == answered
    assert cell.labelled.get("hallucination", 0) <= answered
    assert cell.sketch("rating_tenths").total == cell.counts.get("rating_tenths", 0)


def test_looks_have_the_distribution_of_single_outcomes() -> None:
    behaviour = replace(GOOD, error_rate=0.1, hallucination_rate=0.1, rating_mean=3.1)
    cell, rows = many(behaviour), one_by_one(behaviour, 20_000)
    for measure, name, unit in (
        ("latency_us", "latency_ms", 1e3),
        ("cost_microusd", "cost_usd", 1e6),
        ("rating_tenths", "rating", 10),
    ):
        values = [row[name] * unit for row in rows if name in row]
        assert cell.sums[measure] / cell.counts[measure] == pytest.approx(np.mean(values), rel=0.02)
        found = cell.sketch(measure).quantiles([0.05, 0.5, 0.95])
        assert found == pytest.approx(np.quantile(values, [0.05, 0.5, 0.95]), rel=0.03)
    failed = sum("error_type" in row for row in rows) / len(rows)
    assert sum(cell.errors.values()) / cell.requests == pytest.approx(failed, abs=0.01)
    labels = [row["hallucination"] for row in rows if "hallucination" in row]
    share = cell.flagged["hallucination"] / cell.labelled["hallucination"]
    assert share == pytest.approx(np.mean(labels), abs=0.01)


def test_of_what_is_swallowed_nothing_is_heard() -> None:
    assert one_look(1, replace(GOOD, swallowed=1.0), 500).at_once() is NOTHING
    heard = one_look(1, replace(GOOD, swallowed=0.9), 5_000).outcomes.requests
    assert heard == pytest.approx(500, rel=0.2)


def test_both_ways_of_drawing_a_shape_agree() -> None:
    shape = log_normal(800_000.0, 0.35)
    rng = np.random.default_rng(2)
    few = Sketch.merge(shape.filled(shape.draw(rng, np.full(40, 5_000))).sketches([5_000] * 40))
    (lots,) = shape.filled(shape.draw(rng, np.array([200_000]))).sketches([200_000])
    assert few.total == lots.total == 200_000
    assert few.quantiles([0.1, 0.5, 0.99]) == pytest.approx(
        lots.quantiles([0.1, 0.5, 0.99]), rel=0.02
    )


def test_a_price_keeps_the_count_and_scales_the_sum() -> None:
    shape = Shape(np.arange(1, 65_537, dtype=np.float64))
    counts = shape.draw(np.random.default_rng(1), np.array([4_000, 0, 300]))
    priced = shape.priced(counts, 3.0)
    sketches = priced.sketches([4_000, 0, 300])
    assert [sketch.counts.sum() for sketch in sketches] == [4_000, 0, 300]
    assert priced.sums == pytest.approx(3 * shape.filled(counts).sums, rel=1e-4)


def test_looks_that_are_drawn_together_are_each_its_own() -> None:
    looks = np.array([0, 7, 400, 0, 12_000, 90])
    served = draw(np.random.default_rng(4), replace(GOOD, error_rate=0.2), looks)
    for count, look in zip(looks.tolist(), served, strict=True):
        cell = look.at_once()
        assert cell.requests == count
        answered = count - sum(cell.errors.values())
        for measure in ("latency_us", "tokens", "cost_microusd", "rating_tenths"):
            sketch = cell.sketch(measure)
            assert sketch.total == sketch.counts.sum() == cell.counts.get(measure, 0) <= answered
            assert (np.diff(sketch.indexes) > 0).all() and (sketch.counts > 0).all()


def test_stars_are_never_beyond_one_and_five() -> None:
    assert sum(star_shares(4.3, 0.7)) == pytest.approx(1)
    assert star_shares(1.0, 0.01)[0] == pytest.approx(1)
