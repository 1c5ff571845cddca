"""Evidence over a rollout's life: begun, told of every split, fed at every tick."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.looks import Look
from headgate.judge.policy import Policy
from headgate.judge.sequential.arms import Observed
from headgate.judge.sequential.effects import with_effects
from headgate.judge.sequential.holds import over, with_holds
from headgate.judge.sequential.observing import observe
from headgate.judge.sequential.reference import Stable
from headgate.judge.sequential.samples import SAMPLED
from headgate.judge.sequential.state import Evidence, Split, WarmUp
from headgate.measure.windows import FINE_SPAN_MS, MINUTE_MS, covered_ms, read_window, without_fresh
from headgate.release.state import ModelState, Rollout
from headgate.vocabulary import BASIS_POINTS

MAX_IN_FLIGHT_MS = 60_000
MAX_SPLITS = 64


def begin(state: ModelState, rollout: Rollout, policy: Policy, now_ms: int) -> Evidence:
    """The evidence of a new phase: nothing yet, beside stable as it was until now."""
    stable = read_window(state.tables, rollout.stable, now_ms=now_ms, window_ms=FINE_SPAN_MS)
    evidence = Evidence(
        started_ms=now_ms, planned=policy.proof.planned_requests, observed_ms=now_ms
    )
    reference = Stable(evidence.reference).after([stable] if stable.outcomes else [])
    evidence = replace(evidence, reference=reference)
    return resplit(state, rollout, evidence, now_ms, rose=True)


def resplit(
    state: ModelState, rollout: Rollout, evidence: Evidence, now_ms: int, *, rose: bool
) -> Evidence:
    """The evidence told of the split that was just given; a change of weight is no new phase."""
    split = Split(
        revision=state.command.revision if state.command else 0,
        since_ms=now_ms,
        candidate=rollout.weight,
        stable=BASIS_POINTS - rollout.weight,
    )
    warm_up = evidence.warm_up
    if rose:
        rate = _requests_per_s(state, rollout, now_ms)
        warm_up = WarmUp(
            until_ms=now_ms + in_flight_ms(evidence),
            routed_per_s=rate * rollout.weight / BASIS_POINTS,
        )
    splits = (*evidence.splits, split)[-MAX_SPLITS:]
    return replace(evidence, splits=splits, warm_up=warm_up, settled_ms=None)


def new_phase(evidence: Evidence, now_ms: int, planned: int) -> Evidence:
    """Under another policy: what was proven against other limits proves nothing now."""
    return replace(
        evidence, started_ms=now_ms, planned=planned, requests=0, triggers={}, effects_ms=-1
    )


def in_flight_ms(evidence: Evidence) -> int:
    """How long requests are in flight: stable's p99 latency, at most a minute."""
    p99_us = Stable(evidence.reference).value(SAMPLED["latency_p99_ms"])
    return MAX_IN_FLIGHT_MS if p99_us is None else min(int(p99_us / 1000) + 1, MAX_IN_FLIGHT_MS)


def _requests_per_s(state: ModelState, rollout: Rollout, now_ms: int) -> float:
    """The model's rate of the last minute, of both versions."""
    total = 0.0
    for version in (rollout.stable, rollout.candidate):
        heard_ms = covered_ms(state.tables, version, now_ms=now_ms, window_ms=MINUTE_MS)
        if heard_ms:
            cell = read_window(state.tables, version, now_ms=now_ms, window_ms=MINUTE_MS)
            total += cell.requests / (heard_ms / 1000)
    return total


def settle(state: ModelState, now_ms: int) -> ModelState:
    """Every router obeys: what carries no revision belongs to the split once it has landed."""
    evidence = state.evidence
    if evidence is None:
        return state
    settled_ms = now_ms + in_flight_ms(evidence)
    return replace(state, evidence=replace(evidence, settled_ms=settled_ms))


def take_fresh(state: ModelState, policy: Policy, look: Look) -> ModelState:
    """The state after one look at what came in; the same object where nothing did."""
    fresh, evidence = state.tables.fresh, state.evidence
    if evidence is None or state.rollout is None:
        return state
    after = evidence
    if fresh:
        stable = state.rollout.stable
        blocks = state.tables.blocks
        after = with_effects(policy, after, blocks, stable=stable, faults=look.faults)
    seen = Observed(
        now_ms=look.now_ms,
        fresh=fresh,
        candidate=state.rollout.candidate,
        stable=state.rollout.stable if look.stable else "",
        faults=look.faults,
        ended=over(policy, after, look),
    )
    after = observe(policy, after, seen)
    after = with_holds(policy, after, look)
    if after is evidence and not fresh:
        return state
    return replace(state, evidence=after, tables=without_fresh(state.tables))
