"""What on-call asks: what runs, is it good and how sure, what happens next, what can I do."""

from __future__ import annotations

import shlex
from math import log

from headgate.cli.moments import countdown, when
from headgate.cli.phrases import by_urgency, split_words, trigger_name, watch_words
from headgate.cli.plot import say_evidence
from headgate.judge.durations import say_duration
from headgate.vocabulary import AlertKind, AlertState, Mode, RolloutKind, Severity, Verdict
from headgate.wire.alerts import Alert
from headgate.wire.status import ModelStatus, RolloutStatus, TriggerStatus, VersionStatus

OLD_MS = 30_000
_MORE_TRAFFIC = frozenset({"advance", "cutover", "skip", "set-weight", "promote"})


def runs_now(status: ModelStatus) -> str:
    """Which versions serve, and in which part."""
    if not status.weights:
        return "nothing yet: no version is adopted"
    words, rollout = split_words(status.weights), status.rollout
    if rollout is None:
        return f"{words}; {watch_words(status)}"
    place = f": {rollout.place}" if rollout.place else ""
    if rollout.kind is RolloutKind.AB:
        *arms, last = [arm.version for arm in status.weights]
        return f"{words}; A/B test of {', '.join(arms)} and {last}"
    return f"{words}; {rollout.kind.replace('_', '-')} of {rollout.candidate}{place}"


def good_so_far(status: ModelStatus) -> str:
    """One sentence about the verdicts on the candidate, or on the version in production."""
    if not status.fresh:
        return "not known: telemetry is stale or lagging, so nothing is decided"
    if status.rollout is None and status.watch is None:
        return "nothing is being compared"
    rows = by_urgency(status.triggers)
    return _verdict_words(status, rows) if rows else "not known yet"


def pinned_callers(status: ModelStatus) -> list[str]:
    """Of each deprecated version that still answers, what the callers who pinned it meet."""
    judged = [
        f"{version.version} is deprecated; good so far for who pinned it: "
        f"{_pinned_words(status, version)}"
        for version in status.versions
        if version.watch is not None
    ]
    if status.unjudged:
        judged.append(
            f"not judged, though pinned callers ask for it: {', '.join(status.unjudged)} "
            f"({len(judged)} are, the most at a time)"
        )
    return judged


def _pinned_words(status: ModelStatus, version: VersionStatus) -> str:
    if not status.fresh:
        return "not known, telemetry is stale or lagging"
    rows = by_urgency(version.triggers)
    return _verdict_words(status, rows) if rows else "not known yet"


def _verdict_words(status: ModelStatus, rows: list[TriggerStatus]) -> str:
    """`rows` is not empty and in order of urgency."""
    of = {verdict: [row for row in rows if row.verdict is verdict] for verdict in Verdict}
    fine, suspect, unknown = of[Verdict.OK], of[Verdict.SUSPECT], of[Verdict.UNKNOWN]
    if of[Verdict.BREACH]:
        return f"no: {rows[0].because.sentence}"
    if suspect and (suspect[0].severity == "critical" or (not fine and not unknown)):
        return f"doubtful: {suspect[0].because.sentence}"
    if not fine:
        return f"not known yet: {unknown[0].because.sentence}"
    beyond = ""  # of what only warns, chance alone takes some beyond their limits
    if suspect:
        beyond = f"; not proven, but beyond a warning's limit: {_names(status, suspect)}"
    if unknown:
        names = _names(status, unknown)
        return f"yes, as far as is known ({names}: too little to tell){beyond}"
    if len(rows) == 1:
        return "yes: its only trigger is within its limit"
    which = "nothing critical is beyond its limit" if suspect else _all_within(fine)
    return f"yes: {which}{beyond}"


def _all_within(fine: list[TriggerStatus]) -> str:
    return f"all {len(fine)} triggers are within their limits"


def _names(status: ModelStatus, rows: list[TriggerStatus]) -> str:
    return ", ".join(trigger_name(status, row) for row in rows)


def how_sure(status: ModelStatus) -> list[str]:
    """How near a proof is: of bad the nearest one, of good all that is lacking."""
    if status.rollout is None:
        return []
    lines = []
    tested = [row for row in status.triggers if row.because.evidence.get("e_needed")]
    if tested:
        nearest = max(tested, key=_nearness)
        numbers = nearest.because.evidence
        lines.append(
            f"nearest to a proof of bad: {trigger_name(status, nearest)}, evidence "
            f"{say_evidence(numbers['e_value'])} of {say_evidence(numbers['e_needed'])} to 1"
        )
    lines += [f"not proven good yet: {row.sentence}" for row in status.rollout.lacking]
    provable = any("e_good" in row.because.evidence for row in tested)
    if provable and not status.rollout.lacking and status.rollout.kind is not RolloutKind.AB:
        lines.append("everything that promotion needs is proven good")
    return lines


def _nearness(row: TriggerStatus) -> float:
    numbers = row.because.evidence
    return log(max(numbers["e_value"], 1e-300)) / log(max(numbers["e_needed"], 1.000001))


def happens_next(status: ModelStatus, now_ms: int) -> str:
    """What Headgate will do by itself, and when."""
    due = [alert for alert in status.alerts if alert.deadline_ms is not None and not acted(alert)]
    if due:
        back_to = status.rollout.stable if status.rollout is not None else status.previous
        first = min(due, key=lambda alert: alert.deadline_ms or 0)
        left = countdown(first.deadline_ms or 0, now_ms)
        if status.mode is Mode.OBSERVE:
            return f"nothing: in observe mode; it would roll back {left} ({first.trigger})"
        return f"rollback to {back_to} {left} unless {first.trigger} falls back"
    if status.recovering:
        wanted = routers_wanted(status)
        then = _without_a_deadline(status, now_ms)
        return f"{wanted}. {then}" if status.rollout is not None else wanted
    return _without_a_deadline(status, now_ms)


def _without_a_deadline(status: ModelStatus, now_ms: int) -> str:
    doubtful = _critical(status, Verdict.SUSPECT)
    if status.rollout is None and not (status.watch and doubtful):
        words = "nothing until a rollout starts" + (", while all is well" if status.watch else "")
        words += _of_standby(status, now_ms)
    elif status.rollout is not None and status.rollout.holding:
        words = "nothing: the rollout holds until both versions are well again"
    elif status.mode is Mode.OBSERVE:
        words = "nothing by itself: in observe mode Headgate judges and does not act"
    elif doubtful:
        become = "becomes a breach" if len(doubtful) == 1 else "become breaches"
        words = f"if it lasts, {' and '.join(doubtful)} {become}, and Headgate acts"
    else:
        words = _on_its_course(status.rollout, now_ms) if status.rollout is not None else ""
    return words


def _of_standby(status: ModelStatus, now_ms: int) -> str:
    """What becomes of the version that a blue-green rollout replaced."""
    standby = status.standby
    if standby is None:
        return ""
    return f"; {standby.version} stands by, to be scaled down {when(standby.until_ms, now_ms)}"


def _on_its_course(rollout: RolloutStatus, now_ms: int) -> str:
    """What the rollout itself says of its next step, and when that can come at the earliest."""
    stands = rollout.paused or (f"waits for a person: {rollout.waits}" if rollout.waits else "")
    words = f"{stands}. {rollout.next}" if stands else rollout.next
    if rollout.next_at_ms is None:
        return words
    return f"{words} Earliest: {when(rollout.next_at_ms, now_ms)}."


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
    """Commands to paste: the alerts' own first, then what the rollout admits now.

    Nothing that means more traffic while a critical alert is open or trigger in doubt.
    """
    told = [
        command
        for alert in status.alerts
        for command in alert.commands
        if not command.startswith("headgate status")
    ]
    alarmed = any(
        alert.severity is Severity.CRITICAL and alert.kind is not AlertKind.PINNED_BREACH
        for alert in status.alerts
    )
    offered = list(status.can)
    if alarmed or _critical(status, Verdict.SUSPECT, Verdict.BREACH):
        told, offered = _without_more_traffic(told), _without_more_traffic(offered)
    known = {_verb(command) for command in told}
    commands = told + [command for command in offered if _verb(command) not in known]
    if status.mode is Mode.OBSERVE:
        commands.append(f"headgate mode {shlex.quote(status.model)} enforce")
    by_what_it_does: dict[str, str] = {}
    for command in commands:
        by_what_it_does.setdefault(command.partition(" --reason ")[0], command)
    return list(by_what_it_does.values())


def _without_more_traffic(commands: list[str]) -> list[str]:
    """A test may be stopped all the same, but for no winner."""
    kept = [command.partition(" --winner ")[0] for command in commands]
    return [command for command in kept if _verb(command) not in _MORE_TRAFFIC]


def _verb(command: str) -> str:
    """What a command does: the third word of `headgate rollout promote m`."""
    words = command.split()
    return words[2] if words[1:2] == ["rollout"] else " ".join(words[1:3])


def age_warning(status: ModelStatus, now_ms: int) -> str:
    """A sentence if the status is too old to trust, else nothing."""
    age_ms = now_ms - status.at_ms
    if age_ms <= OLD_MS:
        return ""
    return (
        f"This is {say_duration(age_ms)} old: is a worker with the agent govern running? "
        "Check its /readyz, or look for its heartbeat: headgate tail alerts"
    )
