"""Turns: what must not act at once looks now and then, and misses nothing."""

from __future__ import annotations

import numpy as np

from headgate.judge.policy import parse_policy
from headgate.judge.sequential.bank import bank_of
from headgate.judge.sequential.turns import EVERY_MS, Turn, turns_of
from support.evidence import CANDIDATE, STABLE, Phase, cell, labels
from support.ledger import policy_content

POLICY = parse_policy(policy_content())


def test_what_may_act_within_a_minute_looks_at_every_tick_and_the_rest_takes_turns() -> None:
    rows = [trigger for trigger in POLICY.triggers if trigger.proof == "sequential"]
    taken = dict(zip([row.name for row in rows], turns_of(rows), strict=True))
    assert {name for name, turn in taken.items() if turn is None} == {"error_rate", "latency_p95"}
    assert taken["rating"] == taken["regression_rating"]  # of one metric
    turns = set(taken.values()) - {None}
    assert len(turns) == len({row.metric for row in rows}) - 1  # error_rate also warns


def test_a_turn_comes_once_in_every_round_however_ticks_fall() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        turn, last, looks = Turn(int(rng.integers(EVERY_MS))), 0, 0
        now_ms = 10 * EVERY_MS
        for now_ms in np.cumsum(rng.integers(1, EVERY_MS, 200)):
            if now_ms >= turn.after(last):
                last, looks = now_ms, looks + 1
        assert abs(looks - now_ms / EVERY_MS) <= 1.5


def test_turns_miss_no_outcome_and_count_none_twice() -> None:
    rng, phase, told = np.random.default_rng(4), Phase(weight=1_000), [0, 0]
    for number in range(200):
        fresh = {}
        if number % 3:
            counts = [int(n) for n in rng.integers(1, 9, 2)]
            told = [before + n for before, n in zip(told, counts, strict=True)]
            mine, other = (labels("hallucination", n, 1) for n in counts)
            fresh = {(CANDIDATE, 1): mine, (STABLE, 1): other}
        phase.look(fresh, seconds=float(rng.choice([0.5, 1.0, 3.5])))
    phase.look(seconds=EVERY_MS / 1000)
    total = phase.evidence.triggers["hallucination"].total
    assert [total.candidate, total.stable] == told


def test_what_came_is_kept_until_the_last_turn_has_seen_it_and_no_longer() -> None:
    phase = Phase()
    for _ in range(100):
        phase.both(cell(50), cell(50))
        assert len(phase.evidence.later) < EVERY_MS // 500
    assert phase.evidence.later
    assert len(phase.evidence.turns_ms) == len(bank_of(POLICY).turns)
    phase.look(seconds=EVERY_MS / 1000)
    assert not phase.evidence.later


def test_what_waits_for_its_turn_has_not_set_what_it_is_measured_by() -> None:
    phase, costs = Phase(), cell(50, cost_microusd=[100] * 50)
    phase.tell(references={"cost": 100.0}, effects={"regression_errors": (2.0, 3.0)})
    phase.both(costs, costs)  # the first look is everybody's turn
    for number in range(EVERY_MS // 500):
        phase.both(costs, costs)
        known = phase.evidence.triggers["cost"]
        if number == 0:  # a block closes: stable became dearer
            phase.tell(references={"cost": 500.0})
        assert known.reference == 100.0
    for _ in range(EVERY_MS // 500):
        phase.both(costs, costs)
    assert phase.evidence.triggers["cost"].reference == 500.0


def test_a_look_in_turn_begins_when_the_first_of_it_came() -> None:
    phase = Phase(weight=1_000)
    phase.both(cell(50), cell(450))
    began_ms = phase.now_ms + 500
    for _ in range(EVERY_MS // 500):
        phase.both(cell(1), cell(9))  # too few for a look to close
    look = phase.evidence.triggers["regression_errors"].looks[1]
    assert began_ms <= look.opened_ms < phase.now_ms


def test_where_all_act_at_once_nothing_is_kept() -> None:
    content = policy_content()
    content["triggers"] = [
        row for row in content["triggers"] if row["name"] in {"error_rate", "latency_p95", "safety"}
    ]
    phase = Phase(policy=parse_policy(content))
    phase.both(cell(50), cell(50))
    assert not phase.evidence.later
