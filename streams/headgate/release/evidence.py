"""Evidence over a rollout's life: begun, told of every split, fed at every tick."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from headgate.judge.looks import Look
from headgate.judge.policy import Policy
from headgate.judge.routing import Point
from headgate.judge.sequential.arms import Observed
from headgate.judge.sequential.blocks import with_block, with_references
from headgate.judge.sequential.holds import over, with_holds
from headgate.judge.sequential.observing import observe
from headgate.judge.sequential.state import Evidence, Split, WarmUp
from headgate.measure.windows import (
    MINUTE_MS,
    covered_ms,
    read_window,
    recent_requests,
    without_fresh,
)
from headgate.release.state import ModelState, Rollout
from headgate.vocabulary import BASIS_POINTS

MAX_IN_FLIGHT_MS = 60_000
REFERENCE_REQUESTS = 2_000
REFERENCE_QUANTILES = ("latency_us", "ttft_us")
UNHEARD_MS = 60_000
MAX_SPLITS = 64


def begin(state: ModelState, rollout: Rollout, policy: Policy, now_ms: int) -> Evidence:
    """The evidence of a new phase: nothing yet, beside stable as it was until now."""
    evidence = Evidence(
        started_ms=now_ms, planned=policy.proof.planned_requests, observed_ms=now_ms
    )
    recent = recent_requests(state.tables, rollout.stable, REFERENCE_REQUESTS)
    evidence = with_references(policy, evidence, recent)
    evidence = resplit(state, rollout, evidence, now_ms, rose=True)
    return _with_blocks(state, rollout, policy, evidence)


def _with_blocks(
    state: ModelState, rollout: Rollout, policy: Policy, evidence: Evidence
) -> Evidence:
    """With what the blocks that have closed by now tell of the looks to come."""
    return with_block(
        policy,
        evidence,
        state.tables.blocks,
        partial(
            recent_requests, state.tables, rollout.stable, REFERENCE_REQUESTS, REFERENCE_QUANTILES
        ),
        stable=rollout.stable,
        faults=policy.caller_faults.rules(),
    )


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
            since_ms=now_ms,
            until_ms=now_ms + in_flight_ms(evidence),
            routed_per_s=rate * rollout.weight / BASIS_POINTS,
            measured=evidence.p99_ms is not None,
        )
    splits = (*evidence.splits, split)[-MAX_SPLITS:]
    return replace(evidence, splits=splits, warm_up=warm_up, settled_ms=None)


def new_phase(state: ModelState, policy: Policy, now_ms: int) -> ModelState:
    """Under another policy: what was proven against other limits proves nothing now."""
    if state.evidence is None or state.rollout is None:
        return state
    evidence = replace(
        state.evidence,
        started_ms=now_ms,
        planned=policy.proof.planned_requests,
        requests=0,
        stable_requests=0,
        wealth=b"",
        log_e=[],
        triggers={},
        block_ms=-1,
        effects={},
        references={},
    )
    evidence = _with_blocks(state, state.rollout, policy, evidence)
    chosen = [
        state.choices.get(name, 0) for name in (state.rollout.candidate, state.rollout.stable)
    ]
    return replace(state, evidence=evidence, routing=(Point(now_ms, *chosen),))


def forget_evidence(
    state: ModelState, policy: Policy, triggers: frozenset[str], now_ms: int
) -> ModelState:
    """Without what was gathered against these triggers; budgets that were spent stay spent."""
    if state.evidence is None or state.rollout is None:
        return state
    seen = Observed(
        now_ms=now_ms,
        fresh={},
        candidate=state.rollout.candidate,
        stable=state.rollout.stable,
        faults=policy.caller_faults.rules(),
        ended=triggers,
    )
    return replace(state, evidence=observe(policy, state.evidence, seen))


def in_flight_ms(evidence: Evidence) -> int:
    """How long requests are in flight: stable's p99 latency, at most a minute."""
    p99_ms = evidence.p99_ms
    return MAX_IN_FLIGHT_MS if p99_ms is None else min(p99_ms, MAX_IN_FLIGHT_MS)


def _measured(evidence: Evidence, now_ms: int) -> Evidence:
    """Where nothing was known of stable before, the warm-up ends after twice the p99 latency of
    what it has served since: the first to finish are the fast ones.
    """
    warm_up = evidence.warm_up
    if warm_up is None or warm_up.measured or now_ms >= warm_up.until_ms:
        return evidence
    p99_ms = evidence.p99_ms
    if p99_ms is None or now_ms < warm_up.since_ms + 2 * p99_ms:
        return evidence
    return replace(evidence, warm_up=replace(warm_up, until_ms=now_ms, measured=True))


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


def settle_unheard(state: ModelState, now_ms: int) -> ModelState:
    """A fleet that routes by itself acknowledges nothing: its split settles by time alone."""
    evidence = state.evidence
    if evidence is None or evidence.settled_ms is not None or state.routers or not evidence.splits:
        return state
    if now_ms - evidence.splits[-1].since_ms < UNHEARD_MS:
        return state
    return settle(state, now_ms)


def take_fresh(state: ModelState, policy: Policy, look: Look) -> ModelState:
    """The state after one look at what came in; the same object where nothing did."""
    fresh, evidence = state.tables.fresh, state.evidence
    if evidence is None or state.rollout is None:
        return state
    after = _measured(evidence, look.now_ms)
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
    if fresh:  # only now: what this look judged must not have set what it was measured by
        after = _with_blocks(state, state.rollout, policy, after)
    if after is evidence and not fresh:
        return state
    return replace(state, evidence=after, tables=without_fresh(state.tables))
