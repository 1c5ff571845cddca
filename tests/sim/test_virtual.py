"""Virtual time: the fold decides, every request counts once, and a seed gives the same bytes."""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from headgate.measure import compiled as compiling
from headgate.measure.cells import Counted, cell_of
from headgate.release.clocks import Position
from headgate.release.fold import step
from headgate.release.records import records_of
from headgate.release.state import PartitionState
from headgate.release.turn import Publish
from headgate.sim.script import MODEL, Script
from headgate.sim.telling import Told
from headgate.sim.virtual import Simulation
from headgate.wire.audit import AuditRecord
from headgate.wire.codec import encode
from headgate.wire.ledger import Entry
from headgate.wire.messages import ENTRY
from support.ledger import by_one_person, policy_content

START = {"type": "start_rollout", "stable": "v1", "candidate": "v2", "weight": 500}


def script(**parts: Any) -> Script:
    """A short scenario: a rollout by hand that somebody promotes after ten minutes."""
    content = {
        "name": "test",
        "lasts": "1h",
        "rate": 100,
        "before": "2m",
        "requests": [START, {"at": "10m", "type": "promote"}],
        **parts,
    }
    return Script.model_validate(content)


def simulation(seed: int = 1, look_ms: int = 10_000, **parts: Any) -> Simulation:
    policy = by_one_person(policy_content())
    return Simulation(script(**parts), policy, seed=seed, look_ms=look_ms)


def run(seed: int = 1, look_ms: int = 10_000, **parts: Any) -> Told:
    return simulation(seed, look_ms, **parts).run()


BAD = {"v1": {"error_rate": 0.01}, "v2": {"error_rate": 0.1}}
CANARY = {
    **{name: START[name] for name in ("type", "stable", "candidate")},
    "kind": "canary",
    "steps": [{"weight": 2000, "hold": "15m"}, {"weight": 5000, "hold": "15m"}],
}


def test_a_healthy_version_is_promoted_whatever_the_seed() -> None:
    assert {run(seed).ending for seed in range(4)} == {"promoted"}


def test_a_healthy_canary_goes_up_by_itself() -> None:
    told = run(lasts="2h", requests=[CANARY])
    assert told.ending == "promoted"
    assert [split["v2"] for _, split in told.weights[1:]] == [2000, 5000, 10_000]


def test_a_step_leaves_the_review_of_a_slow_model_valid() -> None:
    """What is heard of stable falls at once with its share, what it was chosen for lies back by
    more than its slowest requests take.
    """
    steps = [{"weight": 500, "hold": "20m"}, {"weight": 5000, "hold": "20m", "review": True}]
    slow = {"v1": {"latency_p50_ms": 12_000}, "v2": {"latency_p50_ms": 12_000}}
    told = run(requests=[{**CANARY, "steps": steps}], arms=slow, lasts="2h")
    assert told.ending == "promoted"
    assert "incident_opened" not in {line.event for line in told.timeline}


def test_a_bad_version_is_rolled_back_whatever_the_seed_and_meets_few() -> None:
    told = [run(seed, requests=[START], arms=BAD) for seed in range(4)]
    assert {(one.ending, one.trigger) for one in told} == {("rolled_back", "error_rate")}
    assert all(0 < one.met_bad.users <= one.met_bad.requests < 2_000 for one in told)
    assert all(one.met_bad.failures < one.met_bad.requests / 5 for one in told)


def test_who_met_a_bad_arm_is_told_of_that_arm_and_not_of_the_first() -> None:
    arms = [
        {"version": "v2", "weight": 3_000},
        {"version": "v3", "weight": 3_000},
        {"version": "v1", "weight": 4_000},
    ]
    start = {**START, "kind": "ab", "weight": 0, "arms": arms}
    asked = [start, {"at": "5m", "type": "stop_test"}]
    told = run(requests=asked, arms={"v3": {"error_rate": 0.3}}, lasts="8m")
    (bad,) = told.bad
    assert (told.ending, bad.version, bad.turned_ms) == ("stopped", "v3", 0)
    assert 0 < bad.failures < bad.requests < 3_000
    assert told.met_bad.version == "v2"
    assert told.met_bad.requests > 2 * bad.requests


def test_each_version_that_turned_bad_in_production_is_told_since_it_turned() -> None:
    changes = [
        {"at": "30m", "arms": ["v2"], "set": {"error_rate": 0.2}},
        {"at": "40m", "arms": ["v1"], "set": {"error_rate": 0.2}},
    ]
    told = run(changes=changes, lasts="50m")
    assert [(row.version, row.turned_ms) for row in told.bad] == [
        ("v1", 40 * 60_000),
        ("v2", 30 * 60_000),
    ]
    v1, v2 = told.bad
    assert v1.requests == pytest.approx(100 * 600, rel=0.05)
    assert 0 < v2.requests < 100 * 600
    assert 0.15 < v2.failures / v2.requests < 0.25
    assert (v2.requests, v2.failures) == (told.met_bad.requests, told.met_bad.failures)


def test_where_none_was_bad_who_met_the_candidate_is_told() -> None:
    (row,) = run().bad
    assert (row.version, row.requests) == ("v2", run().met_bad.requests)


def test_what_was_promoted_may_be_rolled_back_by_a_person_later() -> None:
    later = {"at": "30m", "type": "rollback", "version": "v2"}
    told = run(requests=[START, {"at": "10m", "type": "promote"}, later])
    assert (told.ending, told.ended_ms) == ("rolled_back", 1_800_000)


@pytest.mark.parametrize("look_ms", [500, 10_000])
def test_every_request_counts_once(look_ms: int) -> None:
    simulated = simulation(look_ms=look_ms, requests=[START], lasts="5m", labels_after="1m")
    told = simulated.run()
    model = simulated.model
    assert model is not None
    for met in told.met:
        total = model.tables.totals[met.version].cell
        assert total.requests == met.requests
        assert sum(total.errors.values()) == met.failures
        assert total.sketches["latency_us"].total == met.requests - met.failures
    chosen: dict[str, int] = defaultdict(int)
    for router in simulated.routers.all:
        for row in router.chosen.values():
            chosen[row.version] += row.count
    assert chosen == {met.version: met.requests for met in told.met}


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    parts = {"requests": [START], "arms": BAD}
    assert encode(run(3, **parts)) == encode(run(3, **parts))
    assert encode(run(3, **parts)) != encode(run(4, **parts))


def test_the_ledger_of_a_simulation_gives_the_same_effects_again_from_the_wire() -> None:
    kept: list[tuple[bytes, Position]] = []
    published: list[bytes] = []

    def listen(entry: Entry, at: Position) -> None:
        kept.append((encode(entry.on_the_wire() if isinstance(entry, Counted) else entry), at))

    simulated = Simulation(
        script(requests=[START], arms=BAD),
        policy_content(),
        seed=1,
        look_ms=10_000,
        listen=listen,
    )
    hear = simulated.telling.hear
    simulated.telling.hear = lambda m: (published.append(encode(m)), hear(m))[1]  # type: ignore[method-assign]
    simulated.run()
    state, again = PartitionState(ledger_partition=0), []
    for value, at in kept:
        state, effects = step(state, ENTRY.decode(value), at)
        said = [effect for effect in effects if isinstance(effect, Publish)]
        again += [record.value for record in records_of(said, state)]
    assert again == published
    assert encode(state.models[MODEL].tables.totals["v1"].requests) == encode(
        simulated.state.models[MODEL].tables.totals["v1"].requests
    )


def test_what_a_simulation_hands_over_is_what_the_wire_would_carry() -> None:
    handed: list[Counted] = []
    simulated = simulation(requests=[START], lasts="1m", before="1m")
    simulated._listen = lambda entry, _: (
        handed.append(entry) if isinstance(entry, Counted) else None
    )
    simulated.run()
    assert handed
    for entry in handed:
        carried = ENTRY.decode(encode(entry.on_the_wire()))
        assert cell_of(carried) == entry.cell  # type: ignore[arg-type]


def events(told: Told, kind: str) -> list[str]:
    return [line.sentence for line in told.timeline if line.event == kind]


def test_no_entry_of_a_simulation_is_refused_by_the_fold() -> None:
    heard: list[object] = []
    simulated = simulation(requests=[CANARY], lasts="40m", labels_after="5m")
    hear = simulated.telling.hear
    simulated.telling.hear = lambda m: (heard.append(m), hear(m))[1]  # type: ignore[method-assign]
    simulated.run()
    assert not any("could not be applied" in getattr(m, "sentence", "") for m in heard)
    assert any(isinstance(m, AuditRecord) for m in heard)


def test_without_numba_it_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr(compiling, "_all", [])
    compiling.compiled("f8(f8)")(abs)
    with pytest.raises(compiling.MissingExtraError, match=r"Numba .* pip install"):
        run()


def test_a_refusal_is_told_with_what_to_do_instead() -> None:
    told = run(lasts="2m", requests=[START, {**START, "at": "1m", "candidate": "v3"}])
    (refused,) = [line.sentence for line in told.timeline if line.event == "refused"]
    assert "one at a time per model. Instead: headgate rollout promote simulated" in refused


def test_while_nothing_is_counted_nothing_is_decided() -> None:
    told = run(
        requests=[START],
        changes=[{"at": "10m", "arms": ["v2"], "set": {"error_rate": 0.3}}],
        faults=[{"at": "9m", "until": "20m", "kind": "telemetry_lost"}],
    )
    assert told.ending == "rolled_back"
    assert 20 * 60_000 <= told.ended_ms < 21 * 60_000
    assert any("Telemetry is stale" in sentence for sentence in events(told, "incident_opened"))


def test_a_router_that_is_cut_off_serves_the_bad_version_until_it_hears_again() -> None:
    parts = {
        "requests": [START],
        "lasts": "30m",
        "changes": [{"at": "10m", "arms": ["v2"], "set": {"error_rate": 0.3}}],
    }
    cut = [{"at": "9m", "until": "20m", "kind": "router_cut_off", "routers": ["router-1"]}]
    whole, deaf = run(**parts), run(**parts, faults=cut)
    assert deaf.ending == "rolled_back"
    seconds = 60 * 20 - deaf.ended_ms / 1000
    assert deaf.met_bad.requests - whole.met_bad.requests == pytest.approx(
        100 * 0.05 / 3 * seconds, rel=0.3
    )


def test_a_router_that_is_down_leaves_its_traffic_to_the_others() -> None:
    faults = [{"at": "0", "kind": "router_down", "routers": ["router-1", "router-2"]}]
    simulated = simulation(requests=[START], lasts="5m", before="10s", faults=faults)
    told = simulated.run()
    assert sum(met.requests for met in told.met) == pytest.approx(100 * (10 + 300), rel=0.02)
    first, _, last = (
        sum(row.count for row in router.chosen.values()) for router in simulated.routers.all
    )
    assert last > 50 * first


def test_a_shared_outage_is_no_bad_release() -> None:
    told = run(
        changes=[{"at": "5m", "until": "15m", "set": {"error_rate": 0.4}}],
        requests=[{**START, "weight": 2000}],
        lasts="25m",
    )
    assert told.ending == "running"


def test_a_candidate_that_swallows_requests_is_rolled_back() -> None:
    told = run(requests=[START], arms={"v2": {"swallowed": 0.95}})
    assert (told.ending, told.trigger) == ("rolled_back", "silent")


def test_the_day_has_its_rhythm() -> None:
    told = simulation(daily={"swing": 0.5, "peak_hour": 9}, requests=[START], lasts="12h")
    rates = [told.world.rate(hour * 3_600_000) for hour in range(12)]
    assert rates[0] == pytest.approx(150) and np.all(np.diff(rates) < 0)


def test_what_comes_little_by_little_is_halfway_after_half_of_the_time() -> None:
    change = {"at": "10m", "over": "20m", "arms": ["v2"], "set": {"latency_p50_ms": 1600}}
    world = simulation(changes=[change]).world
    medians = [world.behaviour("v2", minute * 60_000).latency_p50_ms for minute in (9, 20, 30)]
    assert medians == [800, pytest.approx(1200), 1600]
    assert world.behaviour("v1", 30 * 60_000).latency_p50_ms == 800
