"""A random walk over everything that can reach the ledger: the invariants hold at every step."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headgate.release.fold import Unreadable
from headgate.vocabulary import Action, Mode
from headgate.wire.rollout_requests import (
    Adopt,
    ApplyPolicy,
    Defer,
    Promote,
    Rollback,
    SetMode,
    SetWeight,
    StartRollout,
)
from support.ledger import MODEL, LedgerBench, Traffic, policy_content

versions = st.sampled_from(["v1", "v2", "v3"])
weights = st.sampled_from([0, 1, 500, 5000, 9999, 10_000])


def _quick_policy() -> dict[str, Any]:
    """The default policy with deadlines that a short walk can reach."""
    policy = policy_content()
    for row in policy["triggers"]:
        row.update({"for": "1s", "min_samples": 20, "min_stable_samples": 20})
        if row.get("act_within", "0s") != "0s":
            row["act_within"] = "3s"
    return policy


POLICY = _quick_policy()
requests = st.one_of(
    st.tuples(st.just(Adopt), st.fixed_dictionaries({"version": versions})),
    st.tuples(st.just(ApplyPolicy), st.just({"policy": POLICY})),
    st.tuples(st.just(ApplyPolicy), st.just({"policy": {"name": "broken"}})),
    st.tuples(
        st.just(StartRollout),
        st.fixed_dictionaries({"stable": versions, "candidate": versions, "weight": weights}),
    ),
    st.tuples(st.just(SetWeight), st.fixed_dictionaries({"weight": weights})),
    st.tuples(
        st.just(Rollback), st.one_of(st.just({}), st.fixed_dictionaries({"version": versions}))
    ),
    st.tuples(st.just(Promote), st.just({})),
    st.tuples(st.just(SetMode), st.fixed_dictionaries({"mode": st.sampled_from(sorted(Mode))})),
    st.tuples(
        st.just(Defer),
        st.fixed_dictionaries({"alert_id": st.just("a-none"), "minutes": st.integers(1, 30)}),
    ),
)
traffic = st.sampled_from(
    [
        Traffic(),
        Traffic(error_rate=0.5),
        Traffic(latency_ms=5000),
        Traffic(hallucination_rate=0.3, rating=2.5),
        Traffic(safety_violations=1),
        Traffic(requests=1),
        Traffic(tokens=10_000, cost_usd=1.0),
    ]
)
moves = st.one_of(
    st.tuples(st.just("request"), requests),
    st.tuples(st.just("serve"), st.tuples(traffic, traffic)),
    st.tuples(st.just("tick"), st.sampled_from([0.5, 2.0, 20.0])),
    st.tuples(st.just("ack"), st.sampled_from(["newest", "old", "other", "goodbye"])),
    st.tuples(st.just("noise"), st.just(None)),
)


def _make(bench: LedgerBench, move: str, what: Any) -> None:
    if move == "request":
        bench.request(what[0], **what[1])
    elif move == "serve":
        production = bench.model.production or "v1"
        rollout = bench.model.rollout
        candidate = rollout.candidate if rollout else "stray"
        bench.serve(2, **{production: what[0], candidate: what[1]})
    elif move == "tick":
        bench.tick(what)
    elif move == "ack":
        _ack(bench, what)
    else:
        bench.feed(Unreadable(path="$", reason="noise"))


def _ack(bench: LedgerBench, kind: str) -> None:
    command = bench.model.command
    revision = command.revision if command else 1
    fields: dict[str, dict[str, Any]] = {
        "newest": {},
        "old": {"revision": revision - 1, "decision_id": ""},
        "other": {"decision_id": "d-other"},
        "goodbye": {"state": "goodbye"},
    }
    bench.ack("r2", **fields[kind])


def _check(bench: LedgerBench, seen: int) -> int:
    """What must hold of the commands that are new since the last step."""
    commands = bench.commands
    for command in commands[seen:]:
        assert sum(row.weight for row in command.weights) == 10_000
        assert all(0 <= row.weight <= 10_000 for row in command.weights)
        if command.reasons:
            assert command.action is Action.ROLLBACK
            assert all(because.verdict == "breach" for because in command.reasons)
    by_revision: dict[int, str] = {}
    for command in commands:
        assert by_revision.setdefault(command.revision, command.decision_id) == command.decision_id
    firsts = list(dict.fromkeys(command.revision for command in commands))
    assert firsts == sorted(firsts)
    if bench.model.rollout is not None and bench.model.command is not None:
        assert {row.version for row in bench.model.command.weights} == {
            bench.model.rollout.candidate,
            bench.model.rollout.stable,
        }
    return len(commands)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(moves, max_size=25))
def test_invariants_hold_through_any_sequence_of_entries(walk: list[tuple[str, Any]]) -> None:
    bench = LedgerBench()
    bench.adopt(POLICY)
    seen = 0
    for move, what in walk:
        _make(bench, move, what)
        seen = _check(bench, seen)
    assert MODEL in bench.state.models
    assert bench.replayed() == bench.records


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(moves, max_size=15))
def test_in_observe_mode_headgate_never_commands_by_itself(walk: list[tuple[str, Any]]) -> None:
    bench = LedgerBench()
    bench.adopt(POLICY)
    bench.request(SetMode, mode=Mode.OBSERVE)
    for move, what in walk:
        if move == "request" and what[0] is SetMode:
            continue
        _make(bench, move, what)
    assert all(not command.reasons for command in bench.commands)
