"""Words that many views share: shares, numbers, splits, names of triggers and versions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from headgate.vocabulary import Verdict
from headgate.wire.control import Weight
from headgate.wire.status import ModelStatus, RouterStatus, TriggerStatus, VersionStatus

_WORST_FIRST = (Verdict.BREACH, Verdict.SUSPECT, Verdict.UNKNOWN, Verdict.OK)


def clock_time(at_ms: int) -> str:
    """Local time of day."""
    return datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%H:%M:%S")


def clock_time_on(at_ms: int, now_ms: int) -> str:
    """Local time of day, with its date where that is not today."""
    day, today = (datetime.fromtimestamp(ms / 1000).astimezone().date() for ms in (at_ms, now_ms))
    return clock_time(at_ms) if day == today else f"{day} {clock_time(at_ms)}"


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


def watch_words(status: ModelStatus) -> str:
    """What the version in production is held against, where no rollout runs."""
    if status.watch is None:
        return "no rollout"
    version, of = status.watch.version, status.watch.against
    whose = "its own recorded performance" if of == version else f"the recorded performance of {of}"
    held = f"against {whose}" if of else "against the policy's own limits"
    return f"no rollout; {version} is watched {held}"


def by_urgency(triggers: Iterable[TriggerStatus]) -> list[TriggerStatus]:
    """Breaches first, critical before warnings."""
    return sorted(
        triggers, key=lambda row: (_WORST_FIRST.index(row.verdict), row.severity != "critical")
    )


def trigger_name(status: ModelStatus, row: TriggerStatus) -> str:
    """The trigger, and whose it is where several versions are judged."""
    several = len({other.version for other in status.triggers}) > 1
    return f"{row.trigger} of {row.version}" if several else row.trigger


def version_label(version: VersionStatus) -> str:
    """The version's name with its part in the split."""
    return f"{version.version} ({version.role})" if version.role else version.version


def refused_commands(router: RouterStatus) -> str:
    """What is added of a router that refused commands since it started."""
    if not router.refused:
        return ""
    return f", refused {router.refused} command{'s' if router.refused > 1 else ''} as not signed"
