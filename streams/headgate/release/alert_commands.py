"""The commands that an alert carries: what a person can do now, to paste into a shell."""

from __future__ import annotations

import shlex

from headgate.release.courses.course import BlueGreen, Experiment
from headgate.release.state import Incident, ModelState, Rollout
from headgate.release.taking_back import despite_rollback, take_back
from headgate.vocabulary import AbVerdict, AlertKind

CHECKS = "checks"  # what an alert is about that waits for checks of green


def check_command(model: str, version: str, *checks: str) -> str:
    """How some checks of a version are run and reported."""
    only = " ".join(f"--only {name}" for name in checks)
    of = f"--model {shlex.quote(model)} --version {shlex.quote(version)}"
    return f"headgate check run FILE {of} {only} --report"


def commands_of(state: ModelState, incident: Incident) -> tuple[str, ...]:
    """What a person can do now, to paste into a shell."""
    model, alert_id = shlex.quote(state.model), shlex.quote(incident.alert_id)
    alert = shlex.quote(f"alert {incident.alert_id}")
    commands = [f"headgate status {model}"]
    if incident.acted:
        return (
            *commands,
            f"headgate explain {incident.acted}",
            f"headgate rollout history {model}",
        )
    if state.rollout is not None and incident.kind is AlertKind.ROLLOUT_WAITING:
        back = f"{take_back(state)} --reason {alert}"
        commands += _decisions(state, incident, state.rollout, back)
    if state.rollout is not None and incident.kind is AlertKind.OUTAGE_HOLD:
        commands.append(f"headgate rollout end-hold {model} --reason '...'")
    in_production = state.rollout is None and state.previous in state.rolled_back_by
    if in_production and incident.kind is AlertKind.NO_ROLLBACK_TARGET:
        back = despite_rollback(state)
        commands.append(f"{back} --reason {alert}")
    if incident.kind is AlertKind.PINNED_BREACH:
        commands.append(f"headgate lifecycle plan {model}")
    if incident.kind is AlertKind.BREACH and _can_go_back(state):
        back = take_back(state, incident.version)
        commands.append(f"{back} --reason {alert}")
        puts_off = incident.deadline_ms is not None and incident.deadline_ms > incident.opened_ms
        if puts_off and not incident.deferred:
            commands.append(f"headgate defer {model} {alert_id} --minutes 30 --reason '...'")
    return tuple(commands)


def _decisions(
    state: ModelState, incident: Incident, rollout: Rollout, back: str
) -> tuple[str, ...]:
    """How a person ends the waiting of a rollout."""
    model = shlex.quote(state.model)
    if isinstance(rollout.course, BlueGreen) and incident.trigger == CHECKS:
        checks = rollout.course.checks.items()
        failed = [name for name, known in checks if not known.passed]
        return (check_command(state.model, rollout.candidate, *failed), back)
    if isinstance(rollout.course, Experiment):
        report = rollout.course.comparing.report
        won = report is not None and report.verdict is AbVerdict.WINNER
        winner = f" --winner {shlex.quote(report.leaders[0])}" if report is not None and won else ""
        return (f"headgate ab stop {model}{winner}", f"headgate ab report {model}")
    return (
        f"headgate rollout resume {model}",
        f"headgate rollout skip {model} --reason '...'",
        back,
    )


def _can_go_back(state: ModelState) -> bool:
    """Whether a rollback by hand has somewhere to go: from a candidate always."""
    record = state.versions.get(state.previous)
    return state.rollout is not None or (record is not None and not record.rolled_back)
