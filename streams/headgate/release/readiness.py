"""Readiness: which checks green and blue have passed, as a status tells it."""

from __future__ import annotations

from headgate.judge.policy import Policy
from headgate.release.courses.course import BlueGreen, Check
from headgate.release.state import ModelState, Rollout
from headgate.wire.status import CheckStatus, StandbyStatus


def checks_of(rollout: Rollout, policy: Policy | None) -> tuple[CheckStatus, ...]:
    """The checks of green that the policy names, and of blue its readiness."""
    course = rollout.course
    if not isinstance(course, BlueGreen) or policy is None:
        return ()
    rows: list[tuple[str, str, Check | None]] = [
        (name, rollout.candidate, course.checks.get(name)) for name in policy.blue_green.checks
    ]
    rows.append((policy.blue_green.ready_check, rollout.stable, course.blue_ready))
    return tuple(_check(*row) for row in rows)


def _check(name: str, version: str, known: Check | None) -> CheckStatus:
    return CheckStatus(
        check=name,
        version=version,
        passed=known.passed if known else None,
        at_ms=known.at_ms if known else None,
        detail=known.detail if known else "",
    )


def standby_status(state: ModelState, policy: Policy | None) -> StandbyStatus | None:
    """What stands by to be gone back to; None where nothing does."""
    standby = state.standby
    if standby is None or policy is None:
        return None
    ready = _check(policy.blue_green.ready_check, standby.version, standby.ready)
    return StandbyStatus(version=standby.version, until_ms=standby.until_ms, ready=ready)
