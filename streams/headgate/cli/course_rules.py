"""A policy's rollouts in words: a canary's steps, blue-green, and when they may go on."""

from __future__ import annotations

from headgate.cli.steps import step_words
from headgate.judge.calendar import Calendar
from headgate.judge.courses import MAX_HOLD_TIMES, BlueGreenSettings, CanarySettings
from headgate.judge.durations import say_duration
from headgate.judge.policy import Policy


def course_lines(policy: Policy) -> list[str]:
    """What the kinds of rollouts will do under a policy, a paragraph each."""
    return [
        f"Canary: {canary_words(policy)}",
        f"Blue-green: {blue_green_words(policy.blue_green)} {_early_end(policy.canary)}",
        f"Calendar: {calendar_words(policy.calendar)}",
    ]


def canary_words(policy: Policy) -> str:
    """Its steps, what ends one, and what holds it up."""
    canary = policy.canary
    steps = ", then ".join(step_words(row.step()) for row in canary.steps)
    return " ".join(
        (
            f"{steps}, then promotion.",
            _step_ends(policy),
            f"Without that it waits for a person, {_longest(canary)}.",
            _unknown(canary),
            _early_promotion(canary),
        )
    )


def _step_ends(policy: Policy) -> str:
    required = [row.name for row in policy.triggers if row.proven_good == "required"]
    reported = [row.name for row in policy.triggers if row.proven_good == "when_reported"]
    told = ", ".join(required)
    if reported:
        where = f"{', '.join(reported)} where stable reports it"
        told = f"{told}, and {where}" if told else where
    when = "at once when" if policy.canary.early else "when its hold has passed and"
    if not told:
        return "A step ends when its hold has passed: the policy requires nothing proven good."
    return f"A step ends {when} these are proven good: {told}."


def _longest(canary: CanarySettings) -> str:
    steps = [row.step() for row in canary.steps]
    if all(step.max_hold_ms == MAX_HOLD_TIMES * step.hold_ms for step in steps):
        return "after twice the hold"
    said = ", ".join(say_duration(step.max_hold_ms) for step in steps)
    return f"after {said} of the step"


def _unknown(canary: CanarySettings) -> str:
    if not canary.pause_when_unknown:
        return "It is never paused for want of telemetry."
    lasting = say_duration(canary.pause_when_unknown)
    return f"It is paused when one of them has been unknown for {lasting}."


def _early_promotion(canary: CanarySettings) -> str:
    if canary.early_promotion == "allowed":
        return "A person may promote it at any time."
    return "A person who promotes it earlier needs a second person's approval."


def _early_end(canary: CanarySettings) -> str:
    if canary.early_promotion == "allowed":
        return "A person may end the watch at any time."
    return "A person who ends the watch earlier needs a second person's approval."


def blue_green_words(settings: BlueGreenSettings) -> str:
    """What green must pass, who cuts over, how it is watched, and how long blue stays."""
    checks = "needs no check"
    if settings.checks:
        names, lasting = ", ".join(settings.checks), say_duration(settings.checks_last)
        checks = f"must be reported to have passed {names} within the last {lasting}"
    ready, kept = say_duration(settings.ready_last), say_duration(settings.keep_blue)
    cutover = (
        "a person cuts over" if settings.cutover == "manual" else "Headgate cuts over by itself"
    )
    return (
        f"green takes nothing and {checks}; then {cutover}, while blue serves or was reported "
        f"{settings.ready_check} within the last {ready}. For {say_duration(settings.watch)} any "
        f"critical breach switches back at once. Blue is kept for {kept} after the cutover."
    )


def calendar_words(calendar: Calendar) -> str:
    """When a rollout may advance."""
    hours, freezes = calendar.business_hours, calendar.freezes
    if hours is None and not freezes:
        return "a rollout may advance at any time."
    words = "a rollout advances at any time"
    if hours is not None:
        words = (
            f"a rollout advances {', '.join(hours.days)} from {hours.since:%H:%M} to "
            f"{hours.end} ({calendar.time_zone})"
        )
    for freeze in freezes:
        why = f" ({freeze.reason})" if freeze.reason else ""
        words += f", not from {freeze.since:%Y-%m-%d %H:%M} to {freeze.until:%Y-%m-%d %H:%M}{why}"
    zone = f" ({calendar.time_zone})" if hours is None else ""
    return f"{words}{zone}. A rollback goes at any time."
