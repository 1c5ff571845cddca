"""The watch over pinned callers: a deprecated version is judged for as long as it answers.

It has no weight, so that nothing that becomes of the split is about it, and nothing that it does
becomes of the split: a breach is told, and callers move. It is held against what is recorded of
itself. Routers give what was pinned no revision, so only outcomes without one count; what was in
flight when the version was deprecated does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from msgspec.structs import replace

from headgate.judge.looks import Look
from headgate.judge.policy import Policy, Trigger
from headgate.judge.verdicts import Assessment
from headgate.measure.cells import Cell
from headgate.measure.windows import MINUTE_MS
from headgate.release import incidents
from headgate.release.evidence import begin, take_fresh
from headgate.release.forever import HOUR_MS, cleared, is_due, month_of, raised
from headgate.release.freshness import Blindness
from headgate.release.judging import Judged, judge_by, look_of
from headgate.release.resplits import MAX_IN_FLIGHT_MS
from headgate.release.standards import recorded_of, standard_of_pinned
from headgate.release.state import Incident, ModelState, Watched
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Severity, Status, Verdict

MAX_PINNED = 8  # judged at a time, so that a model's state stays small
NO_REVISION_ONLY = 2**53  # above every revision: windows read what carries none


def follow(turn: Turn, state: ModelState, policy: Policy, blind: Blindness) -> ModelState:
    """Look at every deprecated version that answers; begin its watch, and end it where it is over.

    It begins once a minute of such traffic tells its rate.
    """
    fresh = _fresh(state)
    if not fresh and not state.pinned:
        return state
    for version in tuple(state.pinned):
        state = _ended(turn, state, policy, blind, version)
    for version in fresh:
        if policy.production.watch and version not in state.pinned:
            state = _begun(state, version, turn.now_ms)
    for version in tuple(state.pinned):
        state = _looked(turn, state, state.pinned[version], blind, fresh.get(version))
    return state


def judge(state: ModelState, now_ms: int, blind: Blindness) -> dict[str, Judged]:
    """What is to be said of each deprecated version that answers."""
    judged = {}
    for version, watched in state.pinned.items():
        standard = standard_of_pinned(state, watched)
        if standard is not None:
            seen = look_of(state, watched, standard, now_ms, blind)
            judged[version] = judge_by(standard, watched, seen)
    return judged


def unjudged(state: ModelState, now_ms: int) -> tuple[str, ...]:
    """The deprecated versions that answer callers who pinned them, beyond the most at a time."""
    if len(state.pinned) < MAX_PINNED:
        return ()
    others = sorted(state.versions.keys() - state.pinned.keys())
    deprecated = [name for name in others if _is_deprecated(state, name)]
    return tuple(name for name in deprecated if _heard(state, name, now_ms)[1])


def _fresh(state: ModelState) -> dict[str, Cell]:
    """What came since the last look of deprecated versions that were pinned."""
    return {
        version: cell
        for (version, revision), cell in state.tables.fresh.items()
        if not revision and _is_deprecated(state, version)
    }


def _is_deprecated(state: ModelState, version: str) -> bool:
    record = state.versions.get(version)
    return record is not None and record.status is Status.DEPRECATED


def _heard(state: ModelState, version: str, now_ms: int) -> tuple[int, int]:
    """For how long of the last hour pinned callers were heard, and their requests; 0 for none."""
    in_flight_until_ms = state.versions[version].since_ms + MAX_IN_FLIGHT_MS
    first_ms = max(in_flight_until_ms, now_ms - HOUR_MS)
    found = {
        start_ms: cells[version, 0].requests
        for start_ms, cells in state.tables.coarse.items()
        if start_ms >= first_ms and (version, 0) in cells
    }
    return (now_ms - min(found), sum(found.values())) if found else (0, 0)


def _month(state: ModelState, version: str, now_ms: int) -> int:
    """The requests of 30 days at the rate of pinned callers in the last hour."""
    heard_ms, requests = _heard(state, version, now_ms)
    return month_of(requests / heard_ms * 1000 if heard_ms else 0.0)


def _begun(state: ModelState, version: str, now_ms: int) -> ModelState:
    heard_ms, requests = _heard(state, version, now_ms)
    if heard_ms < MINUTE_MS or not requests or len(state.pinned) >= MAX_PINNED:
        return state
    watched = Watched(
        version=version,
        beside=version,
        recorded=recorded_of(state, version),
        since_ms=now_ms,
        first_revision=NO_REVISION_ONLY,
    )
    return _keep(state, watched)


def _ended(
    turn: Turn, state: ModelState, policy: Policy, blind: Blindness, version: str
) -> ModelState:
    """Without the watch over a version that is deprecated no more, or that nobody asks any more."""
    if not policy.production.watch:
        why = "The policy watches production no more."
    elif not _is_deprecated(state, version):
        record = state.versions.get(version)
        why = f"{version} is {record.status if record else Status.REMOVED} now."
    elif not blind.sentence and not _heard(state, version, turn.now_ms)[0]:
        why = f"Over: nobody who pinned {version} was heard for an hour."
    else:
        return state
    left = {name: kept for name, kept in state.pinned.items() if name != version}
    state = replace(state, pinned=left)
    return incidents.resolve_all(turn, state, _open(state, version).values(), why)


def _looked(
    turn: Turn, state: ModelState, watched: Watched, blind: Blindness, fresh: Cell | None
) -> ModelState:
    """What came goes into the evidence, and the alerts follow the verdicts."""
    standard = standard_of_pinned(state, watched)
    open_now = _open(state, watched.version)
    if standard is None or not (fresh or open_now or is_due(watched)):
        return state
    month = partial(_month, state, watched.version, turn.now_ms)
    if watched.evidence is None:
        watched = begin(state, watched, standard, turn.now_ms, forever=month())
    seen = look_of(state, watched, standard, turn.now_ms, blind, brief=not open_now)
    if fresh is not None:
        watched = raised(watched, month, turn.now_ms)
    watched = _taken(state, watched, standard, seen, fresh)
    judged = judge_by(standard, watched, seen)
    if judged.memories != watched.memories:
        watched = replace(watched, memories=judged.memories)
    return _told(turn, _keep(state, watched), watched, judged, open_now)


def _taken(
    state: ModelState, watched: Watched, standard: Policy, seen: Look, fresh: Cell | None
) -> Watched:
    """The version after what pinned callers met, and nothing else that came of it."""
    mine = {(watched.version, 0): fresh} if fresh is not None else {}
    narrowed = replace(state, tables=replace(state.tables, fresh=mine))
    return take_fresh(narrowed, watched, standard, seen)


def _told(
    turn: Turn,
    state: ModelState,
    watched: Watched,
    judged: Judged,
    open_now: Mapping[str, Incident],
) -> ModelState:
    """Open and resolve alerts after the verdicts; one that is over leaves no evidence."""
    over = set()
    for trigger in judged.policy.triggers:
        seen, incident = judged.assessments[trigger.name], open_now.get(trigger.name)
        if incident is None and seen.verdict is Verdict.BREACH:
            state = _opened(turn, state, watched.version, trigger, seen)
        elif incident is not None and seen.cleared:
            state = incidents.resolve(turn, state, incident, f"Over: {seen.sentence}")
            over.add(trigger.name)
    return _keep(state, cleared(watched, judged.policy, over, turn.now_ms))


def _opened(
    turn: Turn, state: ModelState, version: str, trigger: Trigger, seen: Assessment
) -> ModelState:
    sentence = (
        f"{version} is deprecated, and only callers who pinned it meet this: {seen.sentence} "
        f"Headgate leaves the split alone. Move them to {state.production}, the version in "
        f"production; headgate lifecycle plan shows until when {version} is served."
    )
    return incidents.open_incident(
        turn,
        state,
        kind=AlertKind.PINNED_BREACH,
        trigger=trigger.name,
        severity=Severity(trigger.severity),
        sentence=sentence,
        versions=(version,),
        numbers=seen.evidence,
        version=version,
    )


def _open(state: ModelState, version: str) -> dict[str, Incident]:
    """The alerts about a deprecated version, by trigger."""
    return {
        incident.trigger: incident
        for incident in state.incidents.values()
        if incident.kind is AlertKind.PINNED_BREACH and incident.version == version
    }


def _keep(state: ModelState, watched: Watched) -> ModelState:
    if state.pinned.get(watched.version) is watched:
        return state
    return replace(state, pinned={**state.pinned, watched.version: watched})
