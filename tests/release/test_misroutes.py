"""Misroutes: a bucket and a revision prove which version should have served a request."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headgate.judge.sequential.state import Evidence, Split
from headgate.measure.cells import Cell
from headgate.measure.hdr import bucket_index
from headgate.measure.sketch import Sketch
from headgate.release.misroutes import arms_by_revision, misrouted
from headgate.release.state import Watched
from headgate.vocabulary import AlertKind, AlertState
from support.ledger import LedgerBench, Traffic


def _splits(*splits: Split, version: str = "v2") -> dict[int, dict[str, tuple[int, int]]]:
    evidence = Evidence(started_ms=0, planned=10_000, splits=splits)
    return arms_by_revision([Watched(version=version, beside="v1", evidence=evidence)])


SPLITS = _splits(Split(7, 0, candidate=500, stable=9_500))


def _buckets(*buckets: int) -> Cell:
    indexes, counts = np.unique(bucket_index(np.array(buckets, np.int64)), return_counts=True)
    return Cell(outcomes=len(buckets), sketches={"bucket": Sketch(indexes, counts)})


@pytest.mark.parametrize(
    ("version", "buckets", "count"),
    [
        ("v2", (0, 17, 499), 0),
        ("v1", (500, 9_999), 0),
        ("v2", (499, 520, 7_312), 2),
        ("v1", (0, 100, 5_000), 2),
        ("v3", (1, 9_000), 2),
    ],
)
def test_a_bucket_of_another_version_is_a_misroute(
    version: str, buckets: tuple[int, ...], count: int
) -> None:
    assert misrouted({(version, 7): _buckets(*buckets)}, SPLITS) == count


def test_without_a_revision_or_of_another_rollout_nothing_is_proven() -> None:
    fresh = {("v2", 0): _buckets(9_000), ("v2", 6): _buckets(9_000), ("v2", 7): Cell(outcomes=3)}
    assert misrouted(fresh, SPLITS) == 0


def test_a_version_without_weight_should_serve_nothing() -> None:
    splits = _splits(
        Split(7, 0, candidate=0, stable=10_000),
        Split(8, 0, candidate=10_000, stable=0),
    )
    assert misrouted({("v2", 7): _buckets(0, 1)}, splits) == 2
    assert misrouted({("v1", 8): _buckets(0, 1)}, splits) == 2
    assert misrouted({("v2", 8): _buckets(0, 9_999)}, splits) == 0


def test_three_arms_take_their_buckets_in_the_order_of_the_split() -> None:
    arms = [
        Watched(version=name, beside="v1", evidence=Evidence(started_ms=0, planned=1, splits=rows))
        for name, rows in (
            ("v2", (Split(7, 0, candidate=2_000, stable=5_000),)),
            ("v3", (Split(7, 0, candidate=3_000, stable=5_000, first=2_000),)),
        )
    ]
    splits = arms_by_revision(arms)
    right = {("v2", 7): (0, 1_980), ("v3", 7): (2_010, 4_980), ("v1", 7): (5_000, 9_999)}
    assert misrouted({row: _buckets(*buckets) for row, buckets in right.items()}, splits) == 0
    assert misrouted({("v3", 7): _buckets(100, 2_500, 6_000)}, splits) == 2
    assert misrouted({("v1", 7): _buckets(100, 2_500, 6_000)}, splits) == 2


def test_what_an_arm_that_was_dropped_still_answers_is_no_misroute() -> None:
    left = _splits(
        Split(7, 0, candidate=3_000, stable=5_000, first=2_000),
        Split(8, 0, candidate=3_000, stable=7_000),
        version="v3",
    )
    assert misrouted({("v2", 7): _buckets(0, 1_980)}, left) == 0
    assert misrouted({("v3", 7): _buckets(100, 2_500)}, left) == 1
    assert misrouted({("v2", 8): _buckets(0, 1_980)}, left) == 2


STABLE = Traffic(requests=20, buckets=(5_000, 9_999))
RIGHT = Traffic(requests=2, buckets=(0, 499))


def _misrouted_for_20_s() -> LedgerBench:
    """A rollout at 5 % whose candidate is sent everybody's requests."""
    bench = LedgerBench()
    bench.adopt()
    bench.serve(20, v1=STABLE)
    bench.start(500)
    bench.serve(20, v1=STABLE, v2=replace(RIGHT, buckets=(0, 9_999)))
    return bench


def test_a_misroute_alerts_once_and_resolves_after_five_quiet_minutes() -> None:
    bench = _misrouted_for_20_s()
    (alert,) = bench.alerts
    assert (alert.kind, alert.state) == (AlertKind.MISROUTED, AlertState.FIRING)
    assert "did not choose" in alert.sentence
    bench.serve(330, v1=STABLE, v2=RIGHT)
    assert [a.state for a in bench.alerts] == [AlertState.FIRING, AlertState.RESOLVED]


def test_time_in_which_nothing_was_heard_ends_no_misroute() -> None:
    bench = _misrouted_for_20_s()
    for _ in range(40):
        bench.tick(10)
    bench.serve(280, v1=STABLE, v2=RIGHT)
    told = [a for a in bench.alerts if a.kind is AlertKind.MISROUTED]
    assert [a.state for a in told] == [AlertState.FIRING]
    bench.serve(30, v1=STABLE, v2=RIGHT)
    assert bench.alerts[-1].alert_id == told[0].alert_id
    assert bench.alerts[-1].state is AlertState.RESOLVED


def test_buckets_are_in_no_table() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.serve(10, v1=Traffic(buckets=(0, 9_999)))
    assert "bucket" not in bench.model.tables.totals["v1"].cell.sketches
