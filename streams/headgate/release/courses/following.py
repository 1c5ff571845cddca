"""Following: at every look, a rollout goes on by itself, waits for a person, or pauses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from headgate.judge.calendar import closed_because
from headgate.judge.policy import Policy
from headgate.release import incidents
from headgate.release.courses import blue_green, canary, experiment, rechecking, standby
from headgate.release.courses.brakes import forbidding, unfit
from headgate.release.courses.course import BlueGreen, Canary, Paused, Stay
from headgate.release.courses.going_on import with_course
from headgate.release.courses.reviewing import reviewed
from headgate.release.courses.stays import look_at
from headgate.release.judging import Judged
from headgate.release.state import ModelState, Rollout
from headgate.release.turn import Turn
from headgate.release.versions import publish_versions
from headgate.release.watched import evidence_of
from headgate.vocabulary import HEADGATE, AlertKind, Mode, Severity

_SUBJECT = "rollout"


@dataclass(frozen=True, slots=True)
class Way:
    """How a kind of rollout goes on once a stay has ended, and whether that is promotion."""

    go_on: Callable[..., ModelState]
    completes: Callable[[Any], bool]


WAYS: dict[type[Any], Way] = {
    Canary: Way(canary.go_on, canary.completes),
    BlueGreen: Way(blue_green.go_on, blue_green.completes),
}


def follow(turn: Turn, state: ModelState, policy: Policy, judged: Judged) -> ModelState:
    """The rollout after a look; the same object where nothing was due."""
    state = standby.follow(turn, state, policy)
    state = rechecking.follow(turn, experiment.follow(turn, state, policy), policy)
    rollout = state.rollout
    if rollout is None or rollout.course is None or rollout.paused is not None:
        return state
    if rollout.course.stay is None:
        return state if judged.blind else _cut_over_if_due(turn, state, policy, rollout)
    return _follow_stay(turn, state, policy, rollout, judged)


def _follow_stay(
    turn: Turn, state: ModelState, policy: Policy, rollout: Rollout, judged: Judged
) -> ModelState:
    course, evidence = rollout.course, evidence_of(state)
    if course is None or course.stay is None or evidence is None:
        return state
    early = policy.canary.early and isinstance(course, Canary)
    seen = look_at(state, course.stay, evidence, judged, early=early, now_ms=turn.now_ms)
    if seen.stay is not course.stay:
        state = with_course(state, replace(course, stay=seen.stay))
    if seen.unknown:
        return pause(turn, state, HEADGATE, seen.unknown)
    if seen.waits:
        return _wait(turn, state, seen.waits)
    ended = seen.ended and not blue_green.failing(policy.blue_green, course)
    return _end_stay(turn, state, policy, rollout) if ended else state


def _end_stay(turn: Turn, state: ModelState, policy: Policy, rollout: Rollout) -> ModelState:
    """Everything is proven and the hold has passed; what else may speak against going on?"""
    why = "everything required is proven good"
    if state.mode is Mode.OBSERVE:
        return _would_have(turn, state, rollout, why)
    objection = unfit(state, rollout.candidate)
    if not objection:
        state, objection = reviewed(turn, state, policy)
    if not objection and not rollout.weight:
        objection = f"{rollout.candidate} was given nothing of the traffic"
    if objection:
        return _wait(turn, state, objection)
    return _go_on(turn, state, policy, why)


def _go_on(turn: Turn, state: ModelState, policy: Policy, why: str) -> ModelState:
    rollout = state.rollout
    if rollout is None or rollout.course is None or state.mode is Mode.OBSERVE:
        return state
    before = state
    state = WAYS[type(rollout.course)].go_on(turn, state, policy, rollout.course, why=why)
    publish_versions(turn, before, state)
    return state


def _cut_over_if_due(turn: Turn, state: ModelState, policy: Policy, rollout: Rollout) -> ModelState:
    course, settings = rollout.course, policy.blue_green
    if not isinstance(course, BlueGreen) or settings.cutover != "auto":
        return state
    if blue_green.unpassed(settings, course, turn.now_ms) or forbidding(state) is not None:
        return state
    if closed_because(policy.calendar, turn.now_ms):
        return state
    blue = rollout.stable
    if unfit(state, rollout.candidate):
        return state
    if blue_green.blue_unready(state, settings, blue, course.blue_ready, turn.now_ms):
        return state
    keeping = standby.keeping(state.model, blue, settings)
    return _go_on(turn, state, policy, f"every check passed and blue is ready. {keeping}")


def _would_have(turn: Turn, state: ModelState, rollout: Rollout, why: str) -> ModelState:
    """Told of once for each stay: in observe mode nothing goes on by itself."""
    course = state.rollout.course if state.rollout is not None else None
    if course is None or course.stay is None or course.stay.would_have:
        return state
    turn.audit(
        state.model,
        "decision",
        f"{rollout.candidate} of {state.model} would have gone on, but it is in observe mode: "
        f"{why}.",
        would_have=True,
        details={"rollout_id": rollout.rollout_id, "weight": rollout.weight},
    )
    stay: Stay = replace(course.stay, would_have=True)
    return with_course(state, replace(course, stay=stay))


def pause(turn: Turn, state: ModelState, by: str, why: str) -> ModelState:
    """Nothing advances from now on; Headgate says so on alerts where it paused by itself."""
    rollout = state.rollout
    if rollout is None:
        return state
    paused = Paused(since_ms=turn.now_ms, by=by, why=why)
    state = replace(state, rollout=replace(rollout, paused=paused))
    if by != HEADGATE:
        return state
    sentence = (
        f"Headgate paused the rollout of {rollout.candidate}: {why}. Mend the telemetry, then "
        f"headgate rollout resume {state.model}."
    )
    return _ask_a_person(turn, state, rollout, sentence)


def _wait(turn: Turn, state: ModelState, why: str) -> ModelState:
    rollout = state.rollout
    if rollout is None or rollout.course is None:
        return state
    stay = rollout.course.stay
    if stay is None:
        return state
    state = with_course(state, replace(rollout.course, stay=replace(stay, waits=why)))
    sentence = f"The rollout of {rollout.candidate} waits for a person: {why}."
    return _ask_a_person(turn, state, rollout, sentence)


def _ask_a_person(turn: Turn, state: ModelState, rollout: Rollout, sentence: str) -> ModelState:
    kind = AlertKind.ROLLOUT_WAITING
    if incidents.find(state, kind, _SUBJECT) is not None:
        return state
    return incidents.open_incident(
        turn,
        state,
        kind=kind,
        trigger=_SUBJECT,
        severity=Severity.WARNING,
        sentence=sentence,
        versions=(rollout.candidate, rollout.stable),
        numbers={"weight": rollout.weight},
    )
