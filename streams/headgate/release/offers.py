"""Offers: the commands that would be admitted now, to paste into a shell."""

from __future__ import annotations

import shlex

from headgate.judge.calendar import closed_because
from headgate.judge.policy import Policy
from headgate.judge.promoting import Promotion
from headgate.release.alert_commands import check_command
from headgate.release.courses import comparing
from headgate.release.courses.blue_green import blue_unready, failing, unpassed
from headgate.release.courses.brakes import forbidding, unfit
from headgate.release.courses.course import BlueGreen, Experiment
from headgate.release.courses.reviewing import objection_of
from headgate.release.state import ModelState, Rollout
from headgate.release.taking_back import take_back
from headgate.wire.rollout_requests import SplitRequest


def idle_commands(state: ModelState, policy: Policy | None, now_ms: int) -> tuple[str, ...]:
    """Commands that would be admitted now that no rollout runs; green may come at any time."""
    model = shlex.quote(state.model)
    if not state.production:
        return (f"headgate adopt {model} VERSION",)
    way = "--blue-green" if _is_closed(policy, now_ms) else "--canary"
    known = state.versions.get(state.previous)
    may_go_back = state.previous and not (known is not None and known.rolled_back)
    back = (take_back(state),) if may_go_back else ()
    yes = _approvals(state, now_ms)
    return (f"headgate rollout start {model} {way} --candidate VERSION", *back, *yes)


def _approvals(state: ModelState, now_ms: int, *, no_more: bool = False) -> tuple[str, ...]:
    """The approvals that requests wait for; of what changes a split while that is still the one
    that was looked at, and while nothing forbids more traffic.
    """
    revision = state.command.revision if state.command is not None else None
    return tuple(
        f"headgate approve {shlex.quote(state.model)} {shlex.quote(name)}"
        for name, row in state.waiting.items()
        if now_ms <= row.until_ms
        if not isinstance(row.request, SplitRequest)
        or (not no_more and row.request.if_revision == revision)
    )


def _is_closed(policy: Policy | None, now_ms: int) -> bool:
    return policy is not None and bool(closed_because(policy.calendar, now_ms))


def running_commands(
    state: ModelState,
    policy: Policy | None,
    proof: Promotion | None,
    now_ms: int,
    *,
    in_doubt: bool = False,
) -> tuple[str, ...]:
    """Commands about the rollout that runs; none for more traffic where that is forbidden, and no
    approval of it while the candidate is `in_doubt`.
    """
    model, rollout = shlex.quote(state.model), state.rollout
    if rollout is None:
        return ()
    course = rollout.course
    commands = [f"{take_back(state, name)} --reason '...'" for name in state.watched]
    waits = course is not None and course.stay is not None and course.stay.waits
    if rollout.paused is not None or waits:
        commands.append(f"headgate rollout resume {model}")
    if rollout.paused is None:
        commands.append(f"headgate rollout pause {model}")
    no_more = forbidding(state) is not None or rollout.paused is not None
    no_more = no_more or _is_closed(policy, now_ms)
    commands += _approvals(state, now_ms, no_more=no_more or in_doubt)
    if isinstance(course, Experiment):
        winner = "" if no_more else " --winner VERSION"
        return (*commands, f"headgate ab stop {model}{winner}")
    if no_more or unfit(state, rollout.candidate):
        return tuple(commands)
    commands += _ways_on(state, policy, rollout, proof, now_ms)
    if not isinstance(course, BlueGreen):
        commands.append(f"headgate rollout set-weight {model} BASIS_POINTS")
    if not isinstance(course, BlueGreen) or course.stay is not None:
        commands.append(f"headgate rollout promote {model}")
    return tuple(commands)


def _ways_on(
    state: ModelState, policy: Policy | None, rollout: Rollout, proof: Promotion | None, now_ms: int
) -> tuple[str, ...]:
    """How a person can take the next step now; only with a reason while a check or review speaks
    against it.
    """
    course, model = rollout.course, shlex.quote(state.model)
    if course is None or policy is None:
        return ()
    advance = f"headgate rollout advance {model}"
    skip = f"headgate rollout skip {model} --reason '...'"
    if isinstance(course, BlueGreen) and course.stay is None:
        return _before_cutover(state, policy, rollout, course, now_ms)
    if failed := failing(policy.blue_green, course):
        return (check_command(state.model, rollout.candidate, *failed), skip)
    if objection_of(comparing.of_rollout(state), rollout.candidate):
        return (skip,)
    return (advance, skip) if proof is None or proof.proven else (skip,)


def _before_cutover(
    state: ModelState, policy: Policy, rollout: Rollout, course: BlueGreen, now_ms: int
) -> tuple[str, ...]:
    """The checks that are still to be run, of green and then of blue; after them the cutover."""
    settings, blue = policy.blue_green, rollout.stable
    if missing := unpassed(settings, course, now_ms):
        return (check_command(state.model, rollout.candidate, *missing),)
    if blue_unready(state, settings, blue, course.blue_ready, now_ms):
        return (check_command(state.model, blue, settings.ready_check),)
    return (f"headgate rollout cutover {shlex.quote(state.model)}",)
