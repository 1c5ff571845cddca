"""Blue-green: green passes its checks at weight 0, takes everything in one command, is watched, and
blue stays ready to switch back to.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from headgate.judge.courses import MAX_HOLD_TIMES, BlueGreenSettings
from headgate.judge.durations import say_duration
from headgate.judge.policy import Policy
from headgate.measure.reading import covered_ms, read_window
from headgate.release.courses import scaling
from headgate.release.courses.course import BlueGreen, Check, Course, Standby, Stay
from headgate.release.courses.going_on import complete, widen, with_course
from headgate.release.refusals import RefusedError
from headgate.release.state import ModelState, Rollout
from headgate.release.turn import Turn
from headgate.vocabulary import BASIS_POINTS
from headgate.wire.rollout_requests import ReportCheck, Step


def unpassed(settings: BlueGreenSettings, course: BlueGreen, now_ms: int) -> dict[str, str]:
    """What each check lacks that is not reported as passed, recently enough: a sentence by name."""
    found = {}
    for name in settings.checks:
        known = course.checks.get(name)
        if known is None:
            found[name] = f"{name} was not reported"
        elif not known.passed:
            found[name] = _failed(name, known)
        elif now_ms - known.at_ms > settings.checks_last:
            found[name] = f"{name} passed {say_duration(now_ms - known.at_ms)} ago"
    return found


def _failed(name: str, known: Check) -> str:
    return f"{name} failed" + (f" ({known.detail})" if known.detail else "")


def failing(settings: BlueGreenSettings, course: Course | None) -> dict[str, str]:
    """The checks that green, since it took over, is reported to fail: a sentence by name."""
    if not isinstance(course, BlueGreen) or course.stay is None:
        return {}
    rows = ((name, course.checks.get(name)) for name in settings.checks)
    return {name: _failed(name, row) for name, row in rows if row is not None and not row.passed}


def blue_unready(
    state: ModelState, settings: BlueGreenSettings, version: str, known: Check | None, now_ms: int
) -> str:
    """Why blue is not known to be ready; empty where it is: it serves, or was reported ready."""
    if known is not None and not known.passed:
        why = f" ({known.detail})" if known.detail else ""
        return f"{settings.ready_check} failed for {version}{why}"
    if known is not None and now_ms - known.at_ms <= settings.ready_last:
        return ""
    window_ms = settings.ready_last
    if covered_ms(state.tables, version, now_ms=now_ms, window_ms=window_ms):
        served = read_window(state.tables, version, now_ms=now_ms, window_ms=window_ms)
        if served.requests:
            return ""
    last = say_duration(window_ms)
    return f"{version} neither served nor was reported ready in the last {last}"


class Blue(NamedTuple):
    """The version that must stay ready to switch back to, and the newest report of that."""

    version: str
    ready: Check | None


def watched_blue(state: ModelState) -> Blue | None:
    """Blue, from the cutover until it is scaled down."""
    rollout, standby = state.rollout, state.standby
    if rollout is not None and isinstance(rollout.course, BlueGreen) and rollout.course.stay:
        return Blue(rollout.stable, rollout.course.blue_ready)
    return Blue(standby.version, standby.ready) if standby is not None else None


def report(state: ModelState, request: ReportCheck, seen: Check) -> ModelState:
    """With what was reported of a check of green. Raises `RefusedError`."""
    rollout = running_with(state, request)
    course = rollout.course
    if request.version != rollout.candidate or not isinstance(course, BlueGreen):
        raise is_check_of(state, request, rollout.candidate)
    checks = {**course.checks, request.check: seen}
    return with_course(state, replace(course, checks=checks))


def running_with(state: ModelState, request: ReportCheck) -> Rollout:
    """The blue-green rollout that a report is about. Raises `RefusedError` where none runs."""
    rollout = state.rollout
    if rollout is not None and isinstance(rollout.course, BlueGreen):
        return rollout
    raise RefusedError(
        f"No blue-green rollout of {state.model} waits for checks.",
        f"headgate rollout start {state.model} --blue-green --candidate {request.version}",
    )


def is_check_of(state: ModelState, request: ReportCheck, wanted: str) -> RefusedError:
    """The refusal of a report of another version than the check is of."""
    return RefusedError(
        f"{request.check} is a check of {wanted}, not of {request.version}.",
        f"headgate check report {state.model} {wanted} {request.check} ...",
    )


def completes(course: BlueGreen) -> bool:
    """Whether what comes next is promotion: green has taken over."""
    return course.stay is not None


def check_is_cutover(state: ModelState, now_ms: int) -> None:
    """Raises `RefusedError` where what comes next is no cutover."""
    rollout, model = state.rollout, state.model
    if rollout is None or not isinstance(rollout.course, BlueGreen):
        raise RefusedError(
            f"No blue-green rollout of {model} is running: nothing is cut over.",
            f"headgate status {model}",
        )
    stay = rollout.course.stay
    if stay is None:
        return
    left_ms = max(stay.since_ms + stay.step.hold_ms - now_ms, 0)
    lasts = f"lasts {say_duration(left_ms)} more" if left_ms else "is over and waits for its proof"
    raise RefusedError(
        f"{rollout.candidate} serves all of {model} already: it was cut over, and its watch "
        f"{lasts}.",
        f"Let the watch end; to end it before its time: headgate rollout promote {model}, which "
        f"may wait for a second person. To go back: headgate rollout rollback {model}",
    )


def check_may_cut_over(state: ModelState, policy: Policy, course: BlueGreen, now_ms: int) -> None:
    """Raises `RefusedError` while green is unchecked or blue is not ready to switch back to."""
    rollout = state.rollout
    if rollout is None:
        return
    missing = unpassed(policy.blue_green, course, now_ms)
    if missing:
        raise RefusedError(
            f"{rollout.candidate} has not passed its checks: {', '.join(missing.values())}.",
            f"headgate check report {state.model} {rollout.candidate} CHECK --passed",
        )
    why = blue_unready(state, policy.blue_green, rollout.stable, course.blue_ready, now_ms)
    if why:
        raise RefusedError(
            f"There would be nothing ready to switch back to: {why}.",
            f"Start {rollout.stable}, then headgate check report {state.model} {rollout.stable} "
            f"{policy.blue_green.ready_check} --passed",
        )


def go_on(
    turn: Turn,
    state: ModelState,
    policy: Policy,
    course: BlueGreen,
    *,
    operator: str = "",
    why: str,
) -> ModelState:
    """The cutover, or after the watch promotion with blue on standby."""
    if course.stay is None:
        watch_ms = policy.blue_green.watch
        step = Step(weight=BASIS_POINTS, hold_ms=watch_ms, max_hold_ms=MAX_HOLD_TIMES * watch_ms)
        stay = Stay(step=step, since_ms=turn.now_ms)
        there = replace(course, stay=stay, cut_over_ms=turn.now_ms)
        return widen(turn, state, policy, there, operator=operator, why=why)
    blue = state.rollout.stable if state.rollout else ""
    state = complete(turn, state, policy, operator=operator, why=why)
    state = scaling.scale_down(turn, state, f"{blue} takes its place on standby")
    until_ms = course.cut_over_ms + policy.blue_green.keep_blue
    return replace(state, standby=Standby(version=blue, until_ms=until_ms, ready=course.blue_ready))
