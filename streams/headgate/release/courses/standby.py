"""Standby: blue after the cutover, ready to be gone back to until it is scaled down."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.courses import BlueGreenSettings
from headgate.judge.durations import say_duration, write_duration
from headgate.judge.policy import Policy
from headgate.release import incidents
from headgate.release.alert_commands import check_command
from headgate.release.courses import cold, scaling
from headgate.release.courses.blue_green import (
    blue_unready,
    is_check_of,
    running_with,
    watched_blue,
)
from headgate.release.courses.course import BlueGreen, Check
from headgate.release.courses.going_on import with_course
from headgate.release.state import ModelState
from headgate.release.turn import Turn
from headgate.vocabulary import AlertKind, Mode, Severity
from headgate.wire.rollout_requests import ReportCheck

_SUBJECT = "standby"
_REPORTS = 5  # within `ready_last`, so that one that is lost pages nobody


def follow(turn: Turn, state: ModelState, policy: Policy) -> ModelState:
    """Alert while blue is not ready, and order its scale-down once its time has come; in observe
    mode that waits until Headgate enforces again.
    """
    standby, acts = state.standby, state.mode is Mode.ENFORCE
    if acts and standby is not None and turn.now_ms >= standby.until_ms:
        state = scaling.scale_down(turn, state, "it was kept ready for as long as the policy says")
    state = cold.follow(turn, state)
    watched = watched_blue(state)
    if watched is None and not state.incidents:
        return state
    known = incidents.find(state, AlertKind.STANDBY_NOT_READY, _SUBJECT)
    if known is not None and (watched is None or watched.version not in known.versions):
        if cold.pages(state, known.versions[0]):  # it was gone back to, and does not serve yet
            return state
        stands_by = watched.version if watched is not None else "nothing"
        state = incidents.resolve(turn, state, known, f"Over: {stands_by} is on standby.")
        known = None
    if watched is None:
        return state
    version, ready = watched
    why = blue_unready(state, policy.blue_green, version, ready, turn.now_ms)
    if why and known is None:
        return _open(turn, state, policy, version, why)
    if not why and known is not None:
        return incidents.resolve(turn, state, known, f"Over: {version} is ready.")
    return state


def report(
    turn: Turn, state: ModelState, request: ReportCheck, seen: Check
) -> tuple[ModelState, str]:
    """With what was reported of blue's readiness, and what else is to be said of it. A version that
    was gone back to is started once it is reported ready. Raises `RefusedError`.
    """
    version, standby, pages = request.version, state.standby, cold.pages(state, request.version)
    if pages and seen.passed:
        state = incidents.resolve_all(turn, state, pages, f"Over: {version} is reported ready.")
        state = scaling.started(state, version)
    if standby is not None and version == standby.version:
        return replace(state, standby=replace(standby, ready=seen)), ""
    rollout = state.rollout
    if rollout is not None and isinstance(rollout.course, BlueGreen) and version == rollout.stable:
        return with_course(state, replace(rollout.course, blue_ready=seen)), ""
    if pages:
        return state, ""
    if scaling.is_scaled_down(state, version):
        return state, " It is on standby no more: its scale-down was ordered."
    raise is_check_of(state, request, running_with(state, request).stable)


def keeping(model: str, blue: str, settings: BlueGreenSettings) -> str:
    """What somebody must do after the cutover, so that blue stays known to be ready;
    without a full stop.
    """
    every = write_duration(max(settings.ready_last // _REPORTS, 1))
    run = f"{check_command(model, blue, settings.ready_check)} --every {every}"
    last, kept = say_duration(settings.ready_last), say_duration(settings.keep_blue)
    return (
        f"Until {blue} is scaled down, {kept} after the cutover, report at least every {last} that "
        f"it is ready ({run})"
    )


def _open(turn: Turn, state: ModelState, policy: Policy, version: str, why: str) -> ModelState:
    check = policy.blue_green.ready_check
    return incidents.open_incident(
        turn,
        state,
        kind=AlertKind.STANDBY_NOT_READY,
        trigger=_SUBJECT,
        severity=Severity.CRITICAL,
        sentence=f"Blue may not be ready to switch back to: {why}. Start {version}, then "
        f"headgate check report {state.model} {version} {check} --passed, and again at least every "
        f"{say_duration(policy.blue_green.ready_last)} until it is scaled down.",
        versions=(version,),
        numbers={},
    )
