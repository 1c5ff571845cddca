"""A status in words: what runs, is it good so far, what happens next, what can be done now."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import datetime

from headgate.judge.durations import say_duration
from headgate.vocabulary import BASIS_POINTS, AlertState, Mode, Verdict
from headgate.wire.alerts import Alert
from headgate.wire.control import Weight
from headgate.wire.status import ModelStatus, RouterStatus, TriggerStatus, VersionStatus

OLD_MS = 30_000
_WORST_FIRST = (Verdict.BREACH, Verdict.SUSPECT, Verdict.UNKNOWN, Verdict.OK)


def clock_time(at_ms: int) -> str:
    """Local time of day."""
    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%H:%M:%S")


def share(basis_points: int) -> str:
    """Basis points as a percentage."""
    return f"{basis_points / 100:g} %"


def split_words(weights: Iterable[Weight]) -> str:
    """`v2 25 %, v1 75 %`."""
    return ", ".join(f"{arm.version} {share(arm.weight)}" for arm in weights) or "no split yet"


def number(value: float | None, digits: int = 0) -> str:
    """A number for a table; a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    """A share of 1 as a percentage with two significant digits below ten."""
    if value is None:
        return "-"
    return f"{value * 100:.1f} %" if value < 0.0995 else f"{value * 100:.0f} %"


def countdown(deadline_ms: int, now_ms: int) -> str:
    """How far away a deadline is."""
    left_ms = deadline_ms - now_ms
    if left_ms <= 0:
        return "now"
    return f"in {say_duration(max(1_000, round(left_ms, -3)))}"


def runs_now(status: ModelStatus) -> str:
    """Which versions serve, and in which part."""
    if not status.weights:
        return "nothing yet: no version is adopted"
    words = split_words(status.weights)
    if status.rollout is None:
        return f"{words}; {watch_words(status)}"
    return f"{words}; {status.rollout.kind} of {status.rollout.candidate}"


def watch_words(status: ModelStatus) -> str:
    """What the version in production is held against, where no rollout runs."""
    if status.watch is None:
        return "no rollout"
    against = f"against the recorded performance of {status.watch.against}"
    held = against if status.watch.against else "against the policy's own limits"
    return f"no rollout; {status.watch.version} is watched {held}"


def by_urgency(triggers: Iterable[TriggerStatus]) -> list[TriggerStatus]:
    """Breaches first, critical before warnings."""
    return sorted(
        triggers, key=lambda row: (_WORST_FIRST.index(row.verdict), row.severity != "critical")
    )


def trigger_name(status: ModelStatus, row: TriggerStatus) -> str:
    """The trigger, and whose it is where several versions are judged."""
    several = len({other.version for other in status.triggers}) > 1
    return f"{row.trigger} of {row.version}" if several else row.trigger


def good_so_far(status: ModelStatus) -> str:
    """One sentence about the verdicts on the candidate, or on the version in production."""
    if not status.fresh:
        return "not known: telemetry is stale or lagging, so nothing is decided"
    if status.rollout is None and status.watch is None:
        return "nothing is being compared"
    rows = by_urgency(status.triggers)
    return _verdict_words(status, rows) if rows else "not known yet"


def _verdict_words(status: ModelStatus, rows: list[TriggerStatus]) -> str:
    """`rows` is not empty and in order of urgency."""
    worst = rows[0]
    if worst.verdict in {Verdict.BREACH, Verdict.SUSPECT}:
        answer = "no" if worst.verdict is Verdict.BREACH else "doubtful"
        return f"{answer}: {worst.because.sentence}"
    fine = [row.trigger for row in rows if row.verdict is Verdict.OK]
    unknown = [trigger_name(status, row) for row in rows if row.verdict is Verdict.UNKNOWN]
    if not fine:
        return f"not known yet: {worst.because.sentence}"
    if unknown:
        return f"yes, as far as is known ({', '.join(unknown)}: too little to tell)"
    return f"yes: all {len(fine)} triggers are within their limits"


def happens_next(status: ModelStatus, now_ms: int) -> str:
    """What Headgate will do by itself, and when."""
    due = [alert for alert in status.alerts if alert.deadline_ms is not None and not acted(alert)]
    if due:
        back_to = status.rollout.stable if status.rollout is not None else status.previous
        first = min(due, key=lambda alert: alert.deadline_ms or 0)
        when = countdown(first.deadline_ms or 0, now_ms)
        if status.mode is Mode.OBSERVE:
            return f"nothing: in observe mode; it would roll back {when} ({first.trigger})"
        return f"rollback to {back_to} {when} unless {first.trigger} falls back"
    if status.recovering:
        return routers_wanted(status)
    return _without_a_deadline(status)


def _without_a_deadline(status: ModelStatus) -> str:
    doubtful = _critical(status, Verdict.SUSPECT)
    if status.rollout is None and not (status.watch and doubtful):
        words = "nothing until a rollout starts" + (", while all is well" if status.watch else "")
    elif status.rollout is not None and status.rollout.holding:
        words = "nothing: the rollout holds until both versions are well again"
    elif status.mode is Mode.OBSERVE:
        words = "nothing by itself: in observe mode Headgate judges and does not act"
    elif doubtful:
        words = f"if it lasts, {' and '.join(doubtful)} becomes a breach, and Headgate acts"
    else:
        words = "nothing by itself while all is well; you raise the weight or promote"
    return words


def _critical(status: ModelStatus, *verdicts: Verdict) -> list[str]:
    """The critical triggers with one of these verdicts."""
    return [
        trigger_name(status, row)
        for row in status.triggers
        if row.verdict in verdicts and row.severity == "critical"
    ]


def routers_wanted(status: ModelStatus) -> str:
    """Whom a command that is not obeyed everywhere yet waits for."""
    live = [router for router in status.routers if router.live]
    if not live:
        return f"routers take revision {status.revision} up as they start; none is heard yet"
    behind = [router.router_id for router in live if router.revision < status.revision]
    return f"waiting for routers to obey revision {status.revision}: {', '.join(behind) or 'all'}"


def acted(alert: Alert) -> bool:
    """Whether the alert has led to a decision."""
    return alert.state is AlertState.ESCALATED


def can_do(status: ModelStatus) -> list[str]:
    """Commands that make sense now, to paste."""
    model, rollout = shlex.quote(status.model), status.rollout
    commands = [
        command
        for alert in status.alerts
        for command in alert.commands
        if not command.startswith("headgate status")
    ]
    if rollout is not None:
        usual = [f"headgate rollout rollback {model}"]
        if not status.alerts and not _critical(status, Verdict.SUSPECT, Verdict.BREACH):
            usual = [*_more_traffic(model, rollout.weight), *usual]
        commands += [row for row in usual if not any(known.startswith(row) for known in commands)]
    elif status.production:
        commands.append(
            f"headgate rollout start {model} --stable {status.production} --candidate VERSION "
            "--weight 500"
        )
    else:
        commands.append(f"headgate adopt {model} VERSION")
    if status.mode is Mode.OBSERVE:
        commands.append(f"headgate mode {model} enforce")
    return list(dict.fromkeys(commands))


def _more_traffic(model: str, weight: int) -> list[str]:
    """Twice the share, up to a half; then all of it."""
    promote = f"headgate rollout promote {model}"
    if weight >= BASIS_POINTS // 2:
        return [promote]
    doubled = min(BASIS_POINTS // 2, max(2 * weight, 100))
    return [f"headgate rollout set-weight {model} {doubled}", promote]


def version_label(version: VersionStatus) -> str:
    """The version's name with its part in the split."""
    return f"{version.version} ({version.role})" if version.role else version.version


def age_warning(status: ModelStatus, now_ms: int) -> str:
    """A sentence if the status is too old to trust, else nothing."""
    age_ms = now_ms - status.at_ms
    if age_ms <= OLD_MS:
        return ""
    return (
        f"This is {say_duration(age_ms)} old: is a worker with the agent govern running? "
        "Check its /readyz, or look for its heartbeat: headgate tail alerts"
    )


def refused_commands(router: RouterStatus) -> str:
    """What is added of a router that refused commands since it started."""
    if not router.refused:
        return ""
    return f", refused {router.refused} command{'s' if router.refused > 1 else ''} as not signed"
