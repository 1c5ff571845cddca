"""Rollouts: what starts, widens, reverses and completes one, whoever asked for it."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.policy import Policy, parse_policy
from headgate.judge.routing import Point
from headgate.registry.lifecycle import VersionRecord, move
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


def set_status(
    turn: Turn, state: ModelState, version: str, to: Status, *, by: str = "", why: str = ""
) -> ModelState:
    """Move a version to a status, by whom and why; raises `TransitionError`.

    Where nobody asked, Headgate did it. A version that is adopted may come from nearly anywhere.
    """
    record = state.versions.get(version)
    adopting = not state.production
    why = f"{why}: {turn.reason}" if turn.reason else why
    by = by or "headgate"
    record = move(record, version, to, turn.now_ms, by=by, why=why, adopting=adopting)
    return replace(state, versions={**state.versions, version: record})


def publish_versions(turn: Turn, before: ModelState, after: ModelState) -> None:
    """One registry entry for every version whose record or aliases changed, and one line of
    history for every change of a status.
    """
    aliases_before, aliases_after = aliases(before), aliases(after)
    for version, record in after.versions.items():
        known = before.versions.get(version)
        named = aliases_after.get(version, ())
        if known == record and aliases_before.get(version, ()) == named:
            continue
        _audit_changes(turn, after.model, known, record)
        entry = VersionEntry(
            model=after.model,
            version=version,
            status=record.status,
            since_ms=record.since_ms,
            revision=after.command.revision if after.command else 0,
            aliases=named,
            rolled_back=record.rolled_back,
            history=record.history,
            replaced_ms=record.replaced_ms,
            archived_ms=record.archived_ms,
            retained=record.retained,
            ordered=record.ordered,
        )
        turn.publish(Topic.REGISTRY, f"{after.model}/{version}", entry)


def _audit_changes(
    turn: Turn, model: str, known: VersionRecord | None, record: VersionRecord
) -> None:
    fresh = min(record.changes - (known.changes if known else 0), len(record.history))
    status = known.status if known else None
    for change in record.history[len(record.history) - fresh :] if fresh > 0 else ():
        came = f"from {status} " if status else ""
        turn.audit(
            model,
            "status_changed",
            f"{record.version} of {model} went {came}to {change.status}: {change.why}.",
            operator=change.by,
            details={"version": record.version, "before": status, "after": change.status},
        )
        status = change.status


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
    state = set_status(turn, state, version, Status.PRODUCTION, by=operator, why="adopted")
    change = Change(action=Action.ADOPT, to_version=version, salt=turn.place, operator=operator)
    return replace(give_split(turn, state, whole(version), change), production=version)


def start(
    turn: Turn, state: ModelState, *, stable: str, candidate: str, weight: int, operator: str
) -> ModelState:
    """Give `candidate` its first share under a salt of its own: each rollout draws other users."""
    rollout_id = f"r-{turn.place}"
    known = state.versions.get(candidate)
    if known is not None and known.status is Status.DEVELOPMENT:
        why = f"deployed for rollout {rollout_id}"
        state = set_status(turn, state, candidate, Status.STAGING, by=operator, why=why)
    why = f"rollout {rollout_id} began"
    state = set_status(turn, state, candidate, Status.CANDIDATE, by=operator, why=why)
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
    state = _mark_rolled_back(turn, state, bad, operator)
    if target != state.production:
        why = f"rolled back to from {bad}"
        state = set_status(turn, state, target, Status.PRODUCTION, by=operator, why=why)
        record = replace(state.versions[target], replaced_ms=0, not_before_ms=0)
        state = replace(state, versions={**state.versions, target: record}, production=target)
        state = replace(state, previous=_earlier(state, bad))
        state = _demote_others(turn, state, operator)
    state = give_split(turn, state, whole(target), change)
    return replace(state, rollout=None, memories={}, evidence=None)


def _mark_rolled_back(turn: Turn, state: ModelState, bad: str, operator: str) -> ModelState:
    after = Status.DEPRECATED if bad == state.production else Status.STAGING
    state = set_status(turn, state, bad, after, by=operator, why="rolled back from")
    marked: VersionRecord = replace(state.versions[bad], rolled_back=True)
    return replace(state, versions={**state.versions, bad: marked})


def _earlier(state: ModelState, bad: str) -> str:
    """The next version to go back to: the last to be replaced that is still deployed.

    Where there is none it is the one just rolled back from, which is no target until it is
    promoted again, but stays deployed.
    """
    deployed = [
        record
        for name, record in state.versions.items()
        if record.status in {Status.PRODUCTION, Status.DEPRECATED}
        and name != state.production
        and not record.rolled_back
    ]
    newest = max(deployed, key=lambda record: (record.replaced_ms, record.version), default=None)
    return newest.version if newest else bad


def _demote_others(turn: Turn, state: ModelState, operator: str) -> ModelState:
    """Two versions at most are in production: the current and the previous one."""
    for name, record in tuple(state.versions.items()):
        if record.status is Status.PRODUCTION and name not in {state.production, state.previous}:
            why = "at most two versions are in production"
            state = set_status(turn, state, name, Status.DEPRECATED, by=operator, why=why)
    return state


def promote(turn: Turn, state: ModelState, rollout: Rollout, operator: str) -> ModelState:
    """The candidate takes all traffic and becomes production; stable becomes `previous`.

    Promotion by a person clears a version that was once rolled back from.
    """
    why = f"promoted in place of {rollout.stable}"
    state = set_status(turn, state, rollout.candidate, Status.PRODUCTION, by=operator, why=why)
    cleared = replace(state.versions[rollout.candidate], rolled_back=False)
    replaced = replace(state.versions[rollout.stable], replaced_ms=turn.now_ms)
    both = {rollout.candidate: cleared, rollout.stable: replaced}
    state = replace(
        state,
        versions={**state.versions, **both},
        production=rollout.candidate,
        previous=rollout.stable,
    )
    state = _demote_others(turn, state, operator)
    change = Change(
        action=Action.PROMOTE,
        from_version=rollout.stable,
        to_version=rollout.candidate,
        rollout_id=rollout.rollout_id,
        operator=operator,
    )
    state = give_split(turn, state, whole(rollout.candidate), change)
    return replace(state, rollout=None, memories={}, evidence=None)
