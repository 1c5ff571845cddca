"""Evidence over a rollout's life: begun, fed at every tick, and dropped where it proves nothing."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from headgate.judge.looks import Look
from headgate.judge.policy import Policy
from headgate.judge.sequential.arms import Observed
from headgate.judge.sequential.blocks import with_block, with_references
from headgate.judge.sequential.budget import MIN_PLANNED
from headgate.judge.sequential.holds import over, with_holds
from headgate.judge.sequential.observing import observe
from headgate.judge.sequential.state import Evidence, unproven
from headgate.measure.reading import closed_panes, recent_requests
from headgate.measure.windows import open_block_ms
from headgate.release.rates import requests_per_s
from headgate.release.resplits import resplit_one
from headgate.release.splits import weight_of
from headgate.release.standards import standard_of
from headgate.release.state import ModelState, Watched
from headgate.release.watched import each, weight_beside
from headgate.vocabulary import BASIS_POINTS

REFERENCE_REQUESTS = 2_000
REFERENCE_QUANTILES = ("latency_us", "ttft_us")


def begin(
    state: ModelState, watched: Watched, policy: Policy, now_ms: int, *, forever: int = 0
) -> Watched:
    """A new phase: no evidence yet, beside stable as it was until now. `forever` makes it a watch
    without an end, and is how many requests it has in 30 days.

    What the phase before knew of how long requests take is known still: after a cutover only green
    serves, of which nothing has ended yet.
    """
    evidence = Evidence(
        started_ms=now_ms,
        planned=forever or planned_requests(state, watched, policy, now_ms),
        forever=forever > 0,
        observed_ms=now_ms,
        p99_ms=watched.evidence.p99_ms if watched.evidence is not None else None,
    )
    recent = recent_requests(state.tables, _measure(state, watched), REFERENCE_REQUESTS)
    evidence = with_references(policy, evidence, recent)
    begun = replace(watched, evidence=evidence)
    told = resplit_one(state, begun, now_ms)
    return replace(told, evidence=_with_blocks(state, told, policy, told.evidence or evidence))


def planned_requests(state: ModelState, watched: Watched, policy: Policy, now_ms: int) -> int:
    """How many candidate requests a phase is planned for: hold x rate x weight where the course
    holds for a time and the rate is known, else what the policy says.
    """
    course = state.rollout.course if state.rollout is not None else None
    rate = requests_per_s(state, watched, now_ms)
    if course is None or course.stay is None or not rate:
        return policy.proof.planned_requests
    weight = weight_of(state, watched.version)
    expected = rate * weight / BASIS_POINTS * course.stay.step.hold_ms / 1000
    return max(round(expected), MIN_PLANNED)


def _with_blocks(
    state: ModelState, watched: Watched, policy: Policy, evidence: Evidence
) -> Evidence:
    """With what the blocks that have closed by now tell of the looks to come."""
    open_ms = open_block_ms(state.tables)
    if open_ms <= evidence.block_ms:
        return evidence
    measure = _measure(state, watched)
    return with_block(
        policy,
        evidence,
        state.tables.blocks,
        partial(
            recent_requests,
            state.tables,
            measure,
            REFERENCE_REQUESTS,
            REFERENCE_QUANTILES,
        ),
        partial(closed_panes, state.tables, measure),
        open_ms=open_ms,
        stable=measure,
        faults=policy.caller_faults.rules(),
    )


def _measure(state: ModelState, watched: Watched) -> str:
    """Whose traffic tells how bursty outcomes are and how long they take: stable's while it is
    live, else the version's own until now.
    """
    return watched.beside if weight_beside(state, watched) else watched.version


def new_phase(state: ModelState, now_ms: int) -> ModelState:
    """Under another policy: what was proven against other limits proves nothing now. Watches that
    have no end begin anew by themselves.
    """
    if state.pinned:
        bare = {
            name: replace(row, evidence=None, memories={}) for name, row in state.pinned.items()
        }
        state = replace(state, pinned=bare)
    if state.rollout is None:
        return replace(state, watched={}) if state.watched else state
    return each(state, lambda watched: _new_phase(state, watched, now_ms))


def _new_phase(state: ModelState, watched: Watched, now_ms: int) -> Watched:
    policy = standard_of(state, watched)
    if policy is None:
        return watched
    known = {trigger.name for trigger in policy.triggers}
    memories = {name: kept for name, kept in watched.memories.items() if name in known}
    watched = replace(watched, memories=memories)
    if watched.evidence is None:
        return watched
    planned = planned_requests(state, watched, policy, now_ms)
    evidence = unproven(watched.evidence, now_ms, planned)
    evidence = _with_blocks(state, watched, policy, evidence)
    return replace(watched, evidence=evidence)


def forget_evidence(
    watched: Watched, policy: Policy, triggers: frozenset[str], now_ms: int
) -> Watched:
    """Without what was gathered against these triggers; budgets that were spent stay spent."""
    if watched.evidence is None:
        return watched
    seen = Observed(
        now_ms=now_ms,
        fresh={},
        candidate=watched.version,
        stable=watched.beside,
        faults=policy.caller_faults.rules(),
        ended=triggers,
    )
    return replace(watched, evidence=observe(policy, watched.evidence, seen))


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


def take_fresh(state: ModelState, watched: Watched, policy: Policy, look: Look) -> Watched:
    """The version after one look at what came in; the same object where nothing did."""
    fresh, evidence = state.tables.fresh, watched.evidence
    if evidence is None:
        return watched
    after = _measured(evidence, look.now_ms)
    seen = Observed(
        now_ms=look.now_ms,
        fresh=fresh,
        candidate=watched.version,
        stable=watched.beside if look.stable else "",
        faults=look.faults,
        ended=over(policy, after, look),
    )
    after = observe(policy, after, seen)
    after = with_holds(policy, after, look)
    if fresh:  # only now: what this look judged must not have set what it was measured by
        after = _with_blocks(state, watched, policy, after)
    return watched if after is evidence else replace(watched, evidence=after)
