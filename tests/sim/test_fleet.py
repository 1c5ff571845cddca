"""The fleet in virtual time, on the SDK's in-memory router and publisher."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from headgate.sdk.testing import InMemoryBus, MemoryPublisher, MemoryRouter
from headgate.sim.arms import Behaviour, TraceArm
from headgate.sim.fleet import Fleet
from headgate.sim.pacing import poisson_arrivals
from headgate.wire.outcomes import Outcome

MODEL = "support-agent"


class VirtualTime:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def serve(
    *, seed: int = 1, candidate_weight: int = 2_000, real_latency: bool = False, arms: object = None
) -> tuple[InMemoryBus, Fleet]:
    bus = InMemoryBus()
    bus.set_split(MODEL, [("v2", candidate_weight), ("v1", 10_000 - candidate_weight)])
    with MemoryRouter(bus) as router, MemoryPublisher(bus) as publisher:
        fleet = Fleet(
            model=MODEL,
            arms=arms or {"v1": Behaviour(), "v2": Behaviour(latency_p50_ms=2_000)},  # type: ignore[arg-type]  # whatever a test gives
            router=router,
            publisher=publisher,
            rate_per_s=100,
            seed=seed,
            run_id="run",
            real_latency=real_latency,
        )
        time = VirtualTime()
        fleet.run(30.0, clock=time.clock, sleep=time.sleep)
    return bus, fleet


def drawn(bus: InMemoryBus, version: str) -> list[float | None]:
    return [row.latency_ms for row in bus.outcomes if row.version == version]


def without_time(outcomes: list[Outcome]) -> list[tuple[object, ...]]:
    names = [name for name in Outcome.__struct_fields__ if name != "timestamp_ms"]
    return [tuple(getattr(row, name) for name in names) for row in outcomes]


def test_the_same_seed_serves_the_same_traffic() -> None:
    first, second, other = serve(seed=1)[0], serve(seed=1)[0], serve(seed=2)[0]
    assert without_time(first.outcomes) == without_time(second.outcomes)
    assert without_time(first.outcomes) != without_time(other.outcomes)


def test_every_request_becomes_one_outcome_of_the_version_that_was_chosen() -> None:
    bus, fleet = serve()
    assert len(bus.outcomes) == fleet.report.requests
    assert Counter(row.version for row in bus.outcomes) == fleet.report.published
    assert {row.revision for row in bus.outcomes} == {1}
    assert all((row.version == "v2") == ((row.bucket or 0) < 2_000) for row in bus.outcomes)


def test_the_rate_and_the_split_are_as_asked() -> None:
    _, fleet = serve()
    assert fleet.report.requests == pytest.approx(3_000, rel=0.1)
    assert fleet.report.published["v2"] / fleet.report.requests == pytest.approx(0.2, abs=0.05)


def test_a_versions_outcomes_do_not_depend_on_how_often_the_other_is_chosen() -> None:
    few, many = drawn(serve(candidate_weight=1_000)[0], "v2"), drawn(serve()[0], "v2")
    assert len(few) < len(many)
    assert few == many[: len(few)]


def test_with_real_latency_the_same_outcomes_come_in_the_order_of_their_ends() -> None:
    at_once, delayed = serve()[0], serve(real_latency=True)[0]
    by_id = {row.request_id: row.latency_ms for row in at_once.outcomes}
    assert {row.request_id: row.latency_ms for row in delayed.outcomes} == by_id
    assert [row.request_id for row in delayed.outcomes] != list(by_id)


def test_a_version_without_an_arm_is_counted_and_publishes_nothing() -> None:
    bus, fleet = serve(arms={"v1": TraceArm([{"latency_ms": 1.0}])})
    assert fleet.report.unserved["v2"] == fleet.report.requests - len(bus.outcomes) > 0


def test_without_a_split_the_fleet_goes_on_and_counts() -> None:
    bus = InMemoryBus()
    with MemoryRouter(bus) as router, MemoryPublisher(bus) as publisher:
        fleet = Fleet(
            model=MODEL,
            arms={"v1": Behaviour()},
            router=router,
            publisher=publisher,
            rate_per_s=100,
            seed=1,
        )
        time = VirtualTime()
        report = fleet.run(1.0, clock=time.clock, sleep=time.sleep)
    assert report.without_split == report.requests > 0
    assert bus.outcomes == []


def test_arrivals_grow_and_repeat_with_the_seed() -> None:
    def arrivals(seed: int) -> list[float]:
        return list(islice(poisson_arrivals(50, np.random.default_rng(seed)), 1_000))

    assert arrivals(3) == arrivals(3) == sorted(arrivals(3))
    assert arrivals(3)[-1] == pytest.approx(20, rel=0.15)


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0 requests per second"):
        next(poisson_arrivals(0, np.random.default_rng(1)))
