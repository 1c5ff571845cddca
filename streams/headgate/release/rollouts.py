"""Rollouts: what starts, widens, reverses and completes one, whoever asked for it."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.policy import Policy, parse_policy
from headgate.judge.routing import Point
from headgate.registry.lifecycle import VersionRecord, move
from headgate.release import measuring
from headgate.release.evidence import begin, resplit
from headgate.release.splits import Change, give_split, shared, whole
from headgate.release.state import ModelState, Rollout
from headgate.release.turn import Turn
from headgate.vocabulary import Action, Status, Topic
from headgate.wire.control import Because
from headgate.wire.registry import VersionEntry


def policy_of(state: ModelState) -> Policy | None:
    """The policy in force; it was checked when it came."""
    return parse_policy(state.policy.content) if state.policy else None


def set_status(turn: Turn, state: ModelState, version: str, to: Status) -> ModelState:
    """Move a version to a status and tell the registry; raises `TransitionError`."""
    record = move(state.versions.get(version), version, to, turn.now_ms)
    return replace(state, versions={**state.versions, version: record})


def publish_versions(turn: Turn, before: ModelState, after: ModelState) -> None:
    """One registry entry for every version of which anything changed but the revision."""
    was, now = _entries(before), _entries(after)
    revision = after.command.revision if after.command else 0
    for version, entry in now.items():
        if was.get(version) != entry:
            told = replace(entry, revision=revision)
            turn.publish(Topic.REGISTRY, f"{after.model}/{version}", told)


def _entries(state: ModelState) -> dict[str, VersionEntry]:
    """Every version as the registry tells of it, without a revision."""
    named, catalogue = aliases(state), state.catalogue
    return {
        version: VersionEntry(
            model=state.model,
            version=version,
            status=record.status,
            since_ms=record.since_ms,
            revision=0,
            aliases=named.get(version, ()),
            rolled_back=record.rolled_back,
            spec=catalogue.specs.get(version),
            measured=catalogue.measured.get(version),
        )
        for version, record in state.versions.items()
    }


def aliases(state: ModelState) -> dict[str, tuple[str, ...]]:
    """Which names routers and people may use for which version."""
    named: dict[str, list[str]] = {}
    pairs = (
        ("stable", state.rollout.stable if state.rollout else state.production),
        ("candidate", state.rollout.candidate if state.rollout else ""),
        ("previous", state.previous),
    )
    for alias, version in pairs:
        if version:
            named.setdefault(version, []).append(alias)
    return {version: tuple(names) for version, names in named.items()}


def adopt(turn: Turn, state: ModelState, version: str, operator: str) -> ModelState:
    """Make `version` the first production version and give it all traffic."""
    state = set_status(turn, state, version, Status.PRODUCTION)
    change = Change(action=Action.ADOPT, to_version=version, salt=turn.place, operator=operator)
    return replace(give_split(turn, state, whole(version), change), production=version)


def start(
    turn: Turn, state: ModelState, *, stable: str, candidate: str, weight: int, operator: str
) -> ModelState:
    """Give `candidate` its first share under a salt of its own: each rollout draws other users."""
    state = set_status(turn, state, candidate, Status.CANDIDATE)
    rollout_id = f"r-{turn.place}"
    change = Change(
        action=Action.SET_WEIGHTS,
        from_version=stable,
        to_version=candidate,
        rollout_id=rollout_id,
        salt=rollout_id,
        operator=operator,
    )
    state = give_split(turn, state, shared(candidate, stable, weight), change)
    rollout = Rollout(
        rollout_id=rollout_id,
        stable=stable,
        candidate=candidate,
        weight=weight,
        started_ms=turn.now_ms,
        first_revision=state.command.revision if state.command else 0,
    )
    policy = policy_of(state)
    begun = begin(state, rollout, policy, turn.now_ms) if policy else None
    return replace(
        state,
        rollout=rollout,
        memories={},
        evidence=begun,
        choices={},
        routing=(Point(turn.now_ms),),
        shares=None,
    )


def reweigh(
    turn: Turn, state: ModelState, rollout: Rollout, weight: int, operator: str
) -> ModelState:
    """Change the candidate's share within the rollout: the same users, more or fewer of them."""
    change = Change(
        action=Action.SET_WEIGHTS,
        from_version=rollout.stable,
        to_version=rollout.candidate,
        rollout_id=rollout.rollout_id,
        operator=operator,
    )
    split = shared(rollout.candidate, rollout.stable, weight)
    rose, rollout = weight > rollout.weight, replace(rollout, weight=weight)
    state = replace(give_split(turn, state, split, change), rollout=rollout)
    if state.evidence is None:
        return state
    told = resplit(state, rollout, state.evidence, turn.now_ms, rose=rose)
    return replace(state, evidence=told)


def roll_back(
    turn: Turn,
    state: ModelState,
    *,
    bad: str,
    target: str,
    reasons: tuple[Because, ...],
    recovered_within_ms: int,
    operator: str = "",
) -> ModelState:
    """All traffic to `target`; `bad` is no automatic target until somebody clears it."""
    change = Change(
        action=Action.ROLLBACK,
        from_version=bad,
        to_version=target,
        rollout_id=state.rollout.rollout_id if state.rollout else "",
        operator=operator,
        reasons=reasons,
        recovered_within_ms=recovered_within_ms,
    )
    state = _mark_rolled_back(turn, state, bad)
    if target != state.production:
        state = _demote_passed_over(turn, state, {bad, target})
        state = replace(
            set_status(turn, state, target, Status.PRODUCTION), production=target, previous=""
        )
    state = give_split(turn, state, whole(target), change)
    return replace(state, rollout=None, memories={}, evidence=None)


def _demote_passed_over(turn: Turn, state: ModelState, but: set[str]) -> ModelState:
    """Production and previous versions that an older one was chosen before are deprecated."""
    for version in (state.production, state.previous):
        record = state.versions.get(version)
        if version not in but and record is not None and record.status is Status.PRODUCTION:
            state = set_status(turn, state, version, Status.DEPRECATED)
    return state


def _mark_rolled_back(turn: Turn, state: ModelState, bad: str) -> ModelState:
    after = Status.DEPRECATED if bad == state.production else Status.STAGING
    record = move(state.versions.get(bad), bad, after, turn.now_ms)
    marked: VersionRecord = replace(record, rolled_back=True)
    return replace(state, versions={**state.versions, bad: marked})


def promote(turn: Turn, state: ModelState, rollout: Rollout, operator: str) -> ModelState:
    """The candidate takes all traffic and becomes production; stable becomes `previous`.

    Promotion by a person clears a version that was once rolled back from.
    """
    state = measuring.record(state, rollout.candidate)
    state = set_status(turn, state, rollout.candidate, Status.PRODUCTION)
    cleared = replace(state.versions[rollout.candidate], rolled_back=False)
    state = replace(state, versions={**state.versions, rollout.candidate: cleared})
    change = Change(
        action=Action.PROMOTE,
        from_version=rollout.stable,
        to_version=rollout.candidate,
        rollout_id=rollout.rollout_id,
        operator=operator,
    )
    state = give_split(turn, state, whole(rollout.candidate), change)
    return replace(
        state,
        rollout=None,
        memories={},
        evidence=None,
        production=rollout.candidate,
        previous=rollout.stable,
    )
