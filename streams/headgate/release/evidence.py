"""Evidence over a rollout's life: begun, told of every split, fed at every tick."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from headgate.judge.looks import Look
from headgate.judge.policy import Policy
from headgate.judge.routing import Point
from headgate.judge.sequential.arms import Observed
from headgate.judge.sequential.blocks import with_block, with_references
from headgate.judge.sequential.budget import MIN_PLANNED
from headgate.judge.sequential.columns import without_stable
from headgate.judge.sequential.holds import over, with_holds
from headgate.judge.sequential.observing import observe
from headgate.judge.sequential.state import Evidence, Split, WarmUp, unproven
from headgate.measure.reading import covered_ms, read_window, recent_requests
from headgate.measure.windows import MINUTE_MS
from headgate.release.splits import weight_of
from headgate.release.standards import standard_of
from headgate.release.state import ModelState, Watched
from headgate.release.watched import each, weight_beside
from headgate.vocabulary import BASIS_POINTS

MAX_IN_FLIGHT_MS = 60_000
REFERENCE_REQUESTS = 2_000
REFERENCE_QUANTILES = ("latency_us", "ttft_us")
UNHEARD_MS = 60_000
MAX_SPLITS = 64


def begin(
    state: ModelState, watched: Watched, policy: Policy, now_ms: int, *, forever: int = 0
) -> Watched:
    """A new phase: no evidence yet, beside stable as it was until now. Outcomes count from here, so
    choices do too. `forever` makes it a watch without an end, and is how many requests it has in
    30 days.

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
    begun = replace(watched, evidence=evidence, routing=(_chosen(state, watched, now_ms),))
    told = _resplit(state, begun, now_ms)
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
        stable=measure,
        faults=policy.caller_faults.rules(),
    )


def _measure(state: ModelState, watched: Watched) -> str:
    """Whose traffic tells how bursty outcomes are and how long they take: stable's while it is
    live, else the version's own until now.
    """
    return watched.beside if weight_beside(state, watched) else watched.version


def resplit(state: ModelState, now_ms: int) -> ModelState:
    """The state whose evidence knows the split that was just given: no new phase begins."""
    return each(state, lambda watched: _resplit(state, watched, now_ms))


def _resplit(state: ModelState, watched: Watched, now_ms: int) -> Watched:
    evidence = watched.evidence
    if evidence is None:
        return watched
    split = split_of(state, watched, now_ms)
    if evidence.splits and evidence.splits[-1].stable and not split.stable:
        evidence = without_stable(evidence)
    warm_up = evidence.warm_up
    if not evidence.splits or split.candidate > evidence.splits[-1].candidate:
        rate = requests_per_s(state, watched, now_ms)
        warm_up = WarmUp(
            since_ms=now_ms,
            until_ms=now_ms + in_flight_ms(evidence),
            routed_per_s=rate * split.candidate / BASIS_POINTS,
            measured=evidence.p99_ms is not None,
        )
    splits = (*evidence.splits, split)[-MAX_SPLITS:]
    told = replace(evidence, splits=splits, warm_up=warm_up, settled_ms=None)
    return replace(watched, evidence=told)


def split_of(state: ModelState, watched: Watched, now_ms: int) -> Split:
    """The split in force as one of its arms sees it; arms take buckets in the order of weights."""
    first = 0
    for row in state.command.weights if state.command else ():
        if row.version == watched.version:
            break
        first += row.weight
    return Split(
        revision=state.command.revision if state.command else 0,
        since_ms=now_ms,
        candidate=weight_of(state, watched.version),
        stable=weight_beside(state, watched),
        first=first,
    )


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
    return replace(watched, evidence=evidence, routing=(_chosen(state, watched, now_ms),))


def _chosen(state: ModelState, watched: Watched, now_ms: int) -> Point:
    """What routers have chosen of both arms by now, of which no outcome counts."""
    chosen = (state.choices.get(name, 0) for name in (watched.version, watched.beside))
    return Point(now_ms, *chosen)


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


def requests_per_s(
    state: ModelState, watched: Watched, now_ms: int, *, window_ms: int = MINUTE_MS
) -> float:
    """The model's rate of the last minute or so, over all arms of its split."""
    weights = state.command.weights if state.command else ()
    arms = {row.version for row in weights} | {watched.version, watched.beside, *state.watched}
    total = 0.0
    for version in sorted(arms):
        heard_ms = covered_ms(state.tables, version, now_ms=now_ms, window_ms=window_ms)
        if heard_ms:
            cell = read_window(state.tables, version, now_ms=now_ms, window_ms=window_ms)
            total += cell.requests / (heard_ms / 1000)
    return total


def settle(state: ModelState, now_ms: int) -> ModelState:
    """Every router obeys: what carries no revision belongs to the split once it has landed."""
    return each(state, lambda watched: _settle(watched, now_ms))


def _settle(watched: Watched, now_ms: int) -> Watched:
    evidence = watched.evidence
    if evidence is None:
        return watched
    settled_ms = now_ms + in_flight_ms(evidence)
    return replace(watched, evidence=replace(evidence, settled_ms=settled_ms))


def settle_unheard(state: ModelState, watched: Watched, now_ms: int) -> Watched:
    """A fleet that routes by itself acknowledges nothing: its split settles by time alone."""
    evidence = watched.evidence
    if evidence is None or evidence.settled_ms is not None or state.routers or not evidence.splits:
        return watched
    if now_ms - evidence.splits[-1].since_ms < UNHEARD_MS:
        return watched
    return _settle(watched, now_ms)


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
