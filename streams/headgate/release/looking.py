"""Looking: judge every version under judgement, and let its incidents follow the verdicts."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from headgate.judge.policy import Trigger
from headgate.judge.verdicts import Assessment
from headgate.measure.windows import without_fresh
from headgate.release import incidents, misroutes, pinned, production, shares
from headgate.release.acting import act
from headgate.release.courses import following as courses
from headgate.release.courses.comparing import count_fresh
from headgate.release.evidence import begin, take_fresh
from headgate.release.freshness import Blindness
from headgate.release.judging import Judged, judge_by, look_of
from headgate.release.resplits import settle_unheard
from headgate.release.rollouts import policy_of
from headgate.release.routing import answered_now, count_answers, follow
from headgate.release.standards import standard_of
from headgate.release.state import Incident, ModelState, Watched
from headgate.release.turn import Turn
from headgate.release.watched import keep
from headgate.vocabulary import AlertKind, Verdict


def judge(
    state: ModelState, now_ms: int, blind: Blindness, *, brief: bool = False
) -> dict[str, Judged]:
    """What is to be said of each version under judgement, and what to remember."""
    judged = {}
    for version, watched in state.watched.items():
        policy = standard_of(state, watched)
        if policy is not None:
            answered = answered_now(state, watched, now_ms) if state.rollout else None
            seen = look_of(state, watched, policy, now_ms, blind, answered=answered, brief=brief)
            judged[version] = judge_by(policy, watched, seen)
    return judged


def look(turn: Turn, state: ModelState, blind: Blindness) -> ModelState:
    """One look: verdicts, incidents, and the action whose deadline has come."""
    policy = policy_of(state)
    if policy is None:
        return _without_fresh(state)
    state = pinned.follow(turn, state, policy, blind)
    state = production.follow(turn, state, policy)
    if not state.watched or production.is_idle(state):
        return courses.follow(turn, _without_fresh(state), policy, {})
    state = count_answers(misroutes.follow(turn, state, state.tables.fresh))
    for version in state.watched:
        state = _take(turn, state, version, blind)
    state = _without_fresh(count_fresh(state))
    judged = judge(state, turn.now_ms, blind, brief=not state.incidents)
    for version, seen in judged.items():
        state = _follow_all(turn, state, version, seen)
    for version, seen in judged.items():
        watched = state.watched.get(version)  # gone where the first action ended them all
        if watched is not None:
            state = act(turn, state, watched, seen.policy, seen.assessments)
    return courses.follow(turn, state, policy, of_candidate(state, judged))


def of_candidate(state: ModelState, judged: Mapping[str, Judged]) -> Mapping[str, Assessment]:
    """What was said of the candidate of the rollout that runs."""
    seen = judged.get(state.rollout.candidate) if state.rollout is not None else None
    return seen.assessments if seen is not None else {}


def _take(turn: Turn, state: ModelState, version: str, blind: Blindness) -> ModelState:
    """What came in goes into the evidence and the counts of one version. In production nobody's
    share or choices are compared.
    """
    watched = state.watched[version]
    policy = standard_of(state, watched)
    if policy is None:
        return state
    if watched.evidence is None:
        watched = begin(state, watched, policy, turn.now_ms)
    watched = settle_unheard(state, watched, turn.now_ms)
    state = keep(state, watched)
    if state.rollout is not None:
        state = shares.follow(turn, state, watched, state.tables.fresh)
        watched = state.watched[version]
    seen = look_of(state, watched, policy, turn.now_ms, blind)
    watched = take_fresh(state, watched, policy, seen)
    state = keep(state, watched)
    return follow(turn, state, watched) if state.rollout is not None else state


def _without_fresh(state: ModelState) -> ModelState:
    tables = without_fresh(state.tables)
    return state if tables is state.tables else replace(state, tables=tables)


def _follow_all(turn: Turn, state: ModelState, version: str, seen: Judged) -> ModelState:
    """Remember what thresholds are to know, and let the version's incidents follow its verdicts."""
    before, watched = state, state.watched[version]
    if seen.memories != watched.memories:
        watched = replace(watched, memories=seen.memories)
        state = keep(state, watched)
    for trigger in seen.policy.triggers:
        assessment = seen.assessments[trigger.name]
        if state.incidents or assessment.verdict is Verdict.BREACH or assessment.hold:
            state = _follow(turn, state, watched, trigger, assessment)
    return state if state.rollout else production.after_alarms(turn, before, state, seen.policy)


def _follow(
    turn: Turn, state: ModelState, watched: Watched, trigger: Trigger, seen: Assessment
) -> ModelState:
    """Open and resolve the incidents of one trigger after its verdict."""
    open_now = _of_trigger(state, watched, trigger)
    if seen.verdict is Verdict.BREACH and not open_now:
        state = incidents.open_breach(turn, state, watched, trigger, seen)
    elif seen.cleared:
        page = incidents.find(state, AlertKind.NO_ROLLBACK_TARGET, trigger.name, watched.version)
        for incident in (*open_now, *((page,) if page else ())):
            state = incidents.resolve(turn, state, incident, f"Over: {seen.sentence}")
    hold = incidents.find(state, AlertKind.OUTAGE_HOLD, trigger.name, watched.version)
    if seen.hold and hold is None:
        state = incidents.open_hold(turn, state, watched, trigger, seen)
    elif hold is not None and not seen.hold and _is_told(seen):
        state = incidents.resolve(turn, state, hold, f"The hold is over: {seen.sentence}")
    return state


def _is_told(seen: Assessment) -> bool:
    """Whether the evidence says something of what was held."""
    return seen.cleared or seen.verdict in {Verdict.OK, Verdict.BREACH}


def _of_trigger(state: ModelState, watched: Watched, trigger: Trigger) -> tuple[Incident, ...]:
    """The breaches of a trigger by a version that are open in this rollout.

    One that led to a rollback belongs to an earlier rollout and waits for its routers; one that
    would have, in observe mode, is still this rollout's.
    """
    return tuple(
        incident
        for incident in state.incidents.values()
        if incident.kind is AlertKind.BREACH
        and incident.trigger == trigger.name
        and incident.version == watched.version
        and (incident.would_have or not incident.acted)
    )
