"""Flows: the whole traffic goes somewhere, and is worked out anew when a router changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from headgate.sim.flows import Flow, Flows
from headgate.sim.routers import Routers
from headgate.sim.users import Users
from headgate.vocabulary import Action
from headgate.wire.control import Command, Weight

Change = Callable[[Routers], object]


def split(revision: int, candidate: int) -> Command:
    weights = (("v2", candidate), ("v1", 10_000 - candidate))
    return Command(
        model="m",
        revision=revision,
        action=Action.SET_WEIGHTS,
        weights=tuple(Weight(version=version, weight=weight) for version, weight in weights),
        salt="salt",
        decision_id=f"decision-{revision}",
        issued_at_ms=0,
    )


@pytest.fixture
def routers() -> Routers:
    made = Routers("m", 3, 0)
    for router in made.all:
        assert made.obey(router, split(1, 2_000), 0)
    return made


def seconds(flows: list[Flow]) -> float:
    return sum(sum(flow.seconds) for flow in flows)


def test_while_nothing_changes_the_flows_are_the_same(routers: Routers) -> None:
    flows = Flows(routers, Users(1_000, 1.0, seed=1))
    flows.take(1_000)
    steady = flows.take(2_000)
    assert [flow.row for flow in steady] == [("v2", 1), ("v1", 1)]
    assert seconds(steady) == pytest.approx(1)
    assert flows.take(3_000) is steady
    assert seconds(flows.take(8_000)) == pytest.approx(5)
    assert seconds(flows.take(9_000)) == pytest.approx(1)


def down(routers: Routers) -> None:
    routers.all[0].down = True


@pytest.mark.parametrize("change", [down, lambda r: r.obey(r.all[0], split(2, 6_000), 3_500)])
def test_a_change_shows_from_its_moment_on(routers: Routers, change: Change) -> None:
    flows = Flows(routers, Users(1_000, 0.0, seed=1))
    flows.take(1_000)
    steady = flows.take(2_000)
    assert flows.take(3_000) is steady
    routers.serve_until(3_500)
    change(routers)
    mixed, after = flows.take(4_000), flows.take(5_000)
    assert seconds(mixed) == pytest.approx(1) == seconds(after)
    assert len({tuple(flow.seconds for flow in taken) for taken in (steady, mixed, after)}) == 3
    assert flows.take(6_000) is after


def test_an_ack_tells_the_newest_splits_first(routers: Routers) -> None:
    router = routers.all[0]
    told: Counter[tuple[str, int]] = Counter()
    for row in (("v1", 1), ("v2", 1), ("v1", 3), ("v2", 1), ("v1", 2)):
        router.choose(row, 5)
        told[row] += 5
    ack = router.ack(1_000)
    assert ack is not None
    assert [row.revision for row in ack.choices] == [3, 2, 1, 1]
    assert {(row.version, row.revision): row.count for row in ack.choices} == told
