"""Looking: judge every version under judgement, and let its incidents follow the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from msgspec.structs import replace

from headgate.judge.looks import Look
from headgate.judge.policy import Policy, Trigger
from headgate.judge.verdicts import Assessment
from headgate.measure.windows import without_fresh
from headgate.release import incidents, misroutes, pinned, production, shares
from headgate.release.acting import act
from headgate.release.courses import following as courses
from headgate.release.courses.comparing import count_fresh
from headgate.release.courses.safety import remarked
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

_verdict, _hold = attrgetter("verdict"), attrgetter("hold")
Looks = dict[str, tuple[Policy, Look]]  # by version, with the standard that it is held to


def judge(state: ModelState, now_ms: int, blind: Blindness) -> dict[str, Judged]:
    """What is to be said of each version under judgement, and what to remember."""
    return _judged(state, _looks(state, now_ms, blind))


def _looks(state: ModelState, now_ms: int, blind: Blindness) -> Looks:
    """What may be seen of each version under judgement."""
    looks = {}
    for version, watched in state.watched.items():
        standard = standard_of(state, watched)
        if standard is not None:
            looks[version] = standard, look_of(state, watched, standard, now_ms, blind)
    return looks


def _judged(state: ModelState, looks: Looks, *, brief: bool = False) -> dict[str, Judged]:
    judged = {}
    for version, (standard, seen) in looks.items():
        watched = state.watched[version]
        answered = answered_now(state, watched, standard, seen.now_ms) if state.rollout else None
        now = replace(seen, answered=answered, brief=brief)
        judged[version] = judge_by(standard, watched, now)
    return judged


def look(turn: Turn, state: ModelState, blind: Blindness) -> ModelState:
    """One look: verdicts, incidents, and the action whose deadline has come."""
    policy = policy_of(state)
    if policy is None:
        return _without_fresh(state)
    state = pinned.follow(turn, state, policy, blind)
    state = remarked(production.follow(turn, state, policy))
    if not state.watched or production.is_idle(state):
        state = _without_fresh(state)
        return courses.follow(turn, state, policy, of_candidate(state, policy, {}))
    state = count_answers(misroutes.follow(turn, state, state.tables.fresh, blind))
    looks = _looks(state, turn.now_ms, blind)
    for version, (standard, seen) in looks.items():
        state = _take(turn, state, version, standard, seen)
    state = _without_fresh(count_fresh(state))
    judged = _judged(state, looks, brief=not state.incidents)
    for version, row in judged.items():
        state = _follow_all(turn, state, version, row)
    for version, row in judged.items() if state.incidents else ():
        watched = state.watched.get(version)  # gone where the first action ended them all
        if watched is not None:
            state = act(turn, state, watched, row.policy, row.assessments)
    return courses.follow(turn, state, policy, of_candidate(state, policy, judged))


def of_candidate(state: ModelState, policy: Policy, judged: Mapping[str, Judged]) -> Judged:
    """What was said of the candidate of the rollout that runs."""
    seen = judged.get(state.rollout.candidate) if state.rollout is not None else None
    return seen or Judged(policy, {}, {})


def _take(turn: Turn, state: ModelState, version: str, standard: Policy, seen: Look) -> ModelState:
    """What came in goes into the evidence and the counts of one version. In production nobody's
    share or choices are compared.
    """
    watched = state.watched[version]
    if watched.evidence is None:
        watched = begin(state, watched, standard, turn.now_ms)
    watched = settle_unheard(state, watched, turn.now_ms)
    state = keep(state, watched)
    if state.rollout is None:
        return keep(state, take_fresh(state, watched, standard, seen))
    state = shares.follow(turn, state, watched, state.tables.fresh)
    watched = take_fresh(state, state.watched[version], standard, seen)
    return follow(turn, state, watched)


def _without_fresh(state: ModelState) -> ModelState:
    tables = without_fresh(state.tables)
    return state if tables is state.tables else replace(state, tables=tables)


def _follow_all(turn: Turn, state: ModelState, version: str, seen: Judged) -> ModelState:
    """Remember what thresholds are to know, and let the version's incidents follow its verdicts."""
    before, watched = state, state.watched[version]
    if seen.memories != watched.memories:
        watched = replace(watched, memories=seen.memories)
        state = keep(state, watched)
    said = seen.assessments.values()
    is_loud = Verdict.BREACH in map(_verdict, said) or any(map(_hold, said))
    for trigger in seen.policy.triggers if is_loud or state.incidents else ():
        state = _follow(turn, state, watched, trigger, seen.assessments[trigger.name])
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
