"""A/B tests in virtual time: slots agree with what was counted, and tests end as they should."""

from __future__ import annotations

import numpy as np
import pytest

from headgate.measure.cells import Cell
from headgate.sim.arms import Behaviour
from headgate.sim.drawing import draw
from headgate.sim.script import Script
from headgate.sim.script_file import find_script
from headgate.sim.virtual import Simulation
from headgate.wire.ledger import SLOTS
from support.ledger import policy_content

BEHAVIOUR = Behaviour(error_rate=0.1, hallucination_rate=0.1)


def _cell(requests: int = 20_000) -> Cell:
    rng = np.random.default_rng(1)
    _, served, _ = draw(rng, BEHAVIOUR, np.array([0, requests, 70]), rng)
    return served.at_once()


def test_slots_add_up_to_what_their_cell_counts() -> None:
    cell = _cell()
    slots = cell.slots.on_the_wire()
    assert sum(slots.counts["requests"]) == cell.requests
    assert {name: sum(row) for name, row in slots.errors.items()} == cell.errors
    assert {name: sum(row) for name, row in slots.labelled.items()} == cell.labelled
    assert {name: sum(row) for name, row in slots.flagged.items()} == cell.flagged
    for measure in ("latency_us", "tokens", "cost_microusd", "rating_tenths"):
        assert sum(slots.counts[measure]) == cell.counts[measure]
    assert sum(slots.sums["rating_tenths"]) == cell.sums["rating_tenths"]
    assert sum(slots.sums["tokens"]) == pytest.approx(cell.sums["tokens"], rel=0.01)


def test_every_slot_is_as_likely_and_has_as_many_errors_as_its_requests_deserve() -> None:
    slots = _cell().slots.on_the_wire()
    requests, errors = (
        np.array(r) for r in (slots.counts["requests"], slots.errors["server_error"])
    )
    assert len(requests) == SLOTS
    assert (errors <= requests).all()
    assert np.abs(requests - requests.mean()).max() < 6 * np.sqrt(requests.mean())
    assert np.abs(errors / requests - 0.1).max() < 6 * np.sqrt(0.09 / requests.mean())


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("ab_winner", "v2 wins"), ("ab_no_difference", "No difference that matters")],
)
def test_a_shipped_test_of_arms_is_decided_and_ends_as_its_scenario_says(
    name: str, verdict: str
) -> None:
    script = find_script(name)
    tolds = [
        Simulation(script, policy_content(), seed=seed, look_ms=10_000).run() for seed in (1, 1, 2)
    ]
    assert tolds[0] == tolds[1]
    for told in tolds:
        assert told.ending == script.expect
        (decided,) = [row for row in told.timeline if row.event == "test_decided"]
        assert verdict in decided.sentence


@pytest.mark.parametrize(("rating", "ending"), [(4.3, "promoted"), (3.9, "waiting")])
def test_the_review_of_a_simulated_canary_speaks_against_a_version_that_users_like_less(
    rating: float, ending: str
) -> None:
    content = policy_content()
    content["triggers"] = [row for row in content["triggers"] if "rating" not in row["name"]]
    steps = [{"weight": 5_000, "hold": "10m", "review": True}]
    start = {"type": "start_rollout", "kind": "canary", "stable": "v1", "candidate": "v2"}
    script = Script.model_validate(
        {
            "name": "reviewed",
            "lasts": "20m",
            "rate": 100,
            "arms": {"v2": {"rating_mean": rating}},
            "requests": [{**start, "steps": steps}],
        }
    )
    told = Simulation(script, content, seed=1, look_ms=10_000).run()
    assert told.ending == ending
    (reviewed,) = [row for row in told.timeline if row.event == "reviewed"]
    assert ("nothing speaks against it" in reviewed.sentence) is (ending == "promoted")
