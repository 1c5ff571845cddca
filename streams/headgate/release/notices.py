"""Notices: lifecycle steps are announced on alerts before they happen, a week and a day ahead.

A notice is an alert with a lasting id: it fires when a step is announced, fires again as a
reminder, and resolves when the step is done or does not come any more.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from msgspec.structs import replace

from headgate.judge.durations import say_duration
from headgate.registry.timeline import SLACK_MS, key_of
from headgate.registry.tombstones import stakeholders_of
from headgate.release.state import ModelState, Notice
from headgate.release.turn import RUNBOOK, Turn
from headgate.vocabulary import AlertKind, AlertState, LifecycleStep, Mode, Severity
from headgate.wire.alerts import Alert
from headgate.wire.registry import PlannedStep

_DONE = {
    LifecycleStep.DEPRECATE: "deprecated",
    LifecycleStep.ARCHIVE: "archived",
    LifecycleStep.REMOVE: "removed",
    LifecycleStep.DELETE_ARTIFACT: "deleted",
}


def follow(turn: Turn, state: ModelState, ahead: Iterable[PlannedStep]) -> ModelState:
    """Announce what comes near, remind of it, and take back what does not come any more."""
    near = {key_of(row): row for row in ahead if _is_near(state, row, turn.now_ms)}
    for key, notice in tuple(state.notices.items()):
        if key not in near:
            said = f"{_who(state, notice.version, notice.step)} not to be {_DONE[notice.step]} now."
            state = _resolve(turn, state, key, said)
    for key, row in near.items():
        state = _announce(turn, state, key, row)
    return state


def moments(state: ModelState, row: PlannedStep, at_ms: int, now_ms: int) -> list[int]:
    """When the step is next to be announced, reminded of, or taken."""
    settings = state.lifecycle
    notice = state.notices.get(key_of(row))
    if notice is None:
        return [at_ms - settings.notice_ms - SLACK_MS]
    return [at_ms] if notice.reminded else [at_ms - settings.reminder_ms - SLACK_MS]


def done(turn: Turn, state: ModelState, step: PlannedStep) -> ModelState:
    """The step was taken."""
    return _resolve(
        turn,
        state,
        key_of(step),
        f"{_who(state, step.version, step.step)} {_DONE[step.step]} now: {step.why}.",
    )


def would_have(turn: Turn, state: ModelState, step: PlannedStep) -> ModelState:
    """In observe mode a step that is due is told once and not taken."""
    notice = state.notices.get(key_of(step))
    if notice is None or notice.would_have:
        return state
    said = (
        f"{_who(state, step.version, step.step)} to be {_DONE[step.step]} now ({step.why}), but "
        f"{state.model} is in observe mode: that waits until Headgate enforces again."
    )
    notice = replace(notice, would_have=True)
    turn.alert(_alert(state, notice, AlertState.ESCALATED, said, turn.now_ms))
    turn.audit(state.model, "decision", said, would_have=True, details={"version": step.version})
    return _keep(state, notice)


def _is_near(state: ModelState, row: PlannedStep, now_ms: int) -> bool:
    return row.at_ms is not None and row.at_ms - now_ms <= state.lifecycle.notice_ms + SLACK_MS


def _announce(turn: Turn, state: ModelState, key: str, row: PlannedStep) -> ModelState:
    at_ms = row.at_ms or 0
    left_ms = at_ms - turn.now_ms
    last = left_ms <= state.lifecycle.reminder_ms + SLACK_MS
    before = state.notices.get(key)
    if before is not None and (before.reminded or not last):
        return state if before.at_ms == at_ms else _keep(state, replace(before, at_ms=at_ms))
    notice = Notice(
        alert_id=before.alert_id if before else f"a-{turn.place}-{row.step}-{row.version}"[:128],
        version=row.version,
        step=row.step,
        at_ms=at_ms,
        announced_ms=before.announced_ms if before else turn.now_ms,
        reminded=last,
    )
    said = _sentence(state, row, left_ms)
    turn.alert(_alert(state, notice, AlertState.FIRING, said, turn.now_ms))
    return _keep(state, notice)


def _resolve(turn: Turn, state: ModelState, key: str, said: str) -> ModelState:
    notice = state.notices.get(key)
    if notice is None:
        return state
    turn.alert(_alert(state, notice, AlertState.RESOLVED, said, turn.now_ms))
    return replace(state, notices={name: row for name, row in state.notices.items() if name != key})


def _alert(
    state: ModelState, notice: Notice, alert_state: AlertState, said: str, at_ms: int
) -> Alert:
    over = alert_state is AlertState.RESOLVED
    return Alert(
        alert_id=notice.alert_id,
        kind=AlertKind.LIFECYCLE_STEP,
        state=alert_state,
        severity=Severity.INFO,
        model=state.model,
        sentence=said,
        runbook=f"{RUNBOOK}{AlertKind.LIFECYCLE_STEP}",
        at_ms=at_ms,
        versions=(notice.version,),
        trigger=str(notice.step),
        deadline_ms=None if over else notice.at_ms,
        would_have=state.mode is Mode.OBSERVE,
        numbers={"stakeholders": list(_stakeholders(state, notice.version))},
        commands=() if over else _commands(state, notice),
    )


def _commands(state: ModelState, notice: Notice) -> tuple[str, ...]:
    model, version = shlex.quote(state.model), shlex.quote(notice.version)
    commands = (
        f"headgate lifecycle plan {model}",
        f"headgate lifecycle postpone {model} {version} --days 30 --reason '...'",
    )
    if notice.step in {LifecycleStep.REMOVE, LifecycleStep.DELETE_ARTIFACT}:
        return (*commands, f"headgate lifecycle retain {model} {version} --reason '...'")
    return commands


def _sentence(state: ModelState, row: PlannedStep, left_ms: int) -> str:
    when = f" in {say_duration(left_ms)}" if left_ms > 0 else ""
    told = ", ".join(_stakeholders(state, row.version))
    whom = f" For: {told}." if told else ""
    who = _who(state, row.version, row.step)
    return f"{who} to be {_DONE[row.step]}{when}: {row.why}.{whom}"


def _who(state: ModelState, version: str, step: LifecycleStep) -> str:
    if step is LifecycleStep.DELETE_ARTIFACT:
        return f"The artifacts of {state.model} {version} are"
    return f"{state.model} {version} is"


def _stakeholders(state: ModelState, version: str) -> tuple[str, ...]:
    return stakeholders_of(state.catalogue, version)


def _keep(state: ModelState, notice: Notice) -> ModelState:
    return replace(state, notices={**state.notices, f"{notice.step}/{notice.version}": notice})
