"""A rollout's course as a person sees it: a canary's steps, a blue-green's checks and watch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rich.text import Text

from headgate.cli.moments import ago
from headgate.cli.phrases import share
from headgate.judge.durations import say_duration
from headgate.vocabulary import RolloutKind
from headgate.wire.status import CheckStatus, ModelStatus, RolloutStatus

HOLD_CELLS = 20


class Place(StrEnum):
    """Whether a stage of the course is over."""

    DONE = "done"
    NOW = "now"
    TO_COME = "to come"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a course; `progress` is how far its hold has passed, from 0 to 1."""

    name: str
    place: Place
    progress: float | None = None
    words: str = ""


_MARKS = {Place.DONE: "✔", Place.NOW: "▶", Place.TO_COME: "○"}
_STYLES = {Place.DONE: "green", Place.NOW: "bold yellow", Place.TO_COME: "dim"}


def stages(rollout: RolloutStatus, now_ms: int) -> list[Stage]:
    """The stages from the first to promotion; none for a rollout by hand."""
    progress, words = _hold(rollout, now_ms)
    if rollout.kind is RolloutKind.CANARY:
        at = rollout.step - 1
        names = [
            share(step.weight)
            if place != at or step.weight == rollout.weight
            else f"{share(step.weight)} ({share(rollout.weight)} by hand)"
            for place, step in enumerate(rollout.steps)
        ]
    elif rollout.kind is RolloutKind.BLUE_GREEN:
        names, at = ["checks", "watch"], 0 if rollout.since_ms is None else 1
    else:
        return []
    found = [
        Stage(name, Place.DONE)
        if place < at
        else Stage(name, Place.NOW, progress, words)
        if place == at
        else Stage(name, Place.TO_COME)
        for place, name in enumerate(names)
    ]
    return [*found, Stage("promotion", Place.TO_COME)] if names else []


def _hold(rollout: RolloutStatus, now_ms: int) -> tuple[float | None, str]:
    """How far the present hold has passed, and in words."""
    since_ms, until_ms = rollout.since_ms, rollout.hold_until_ms
    if since_ms is None or until_ms is None or until_ms <= since_ms:
        return None, ""
    hold_ms, passed_ms = until_ms - since_ms, max(now_ms - since_ms, 0)
    if rollout.paused or rollout.waits:
        return min(passed_ms / hold_ms, 1.0), "paused" if rollout.paused else "waits for a person"
    if passed_ms >= hold_ms:
        return 1.0, f"hold of {say_duration(hold_ms)} over"
    return passed_ms / hold_ms, f"{say_duration(passed_ms)} of {say_duration(hold_ms)}"


def course_text(rollout: RolloutStatus, now_ms: int) -> Text:
    """The stages in one line, the present one with its hold as a bar."""
    line = Text()
    for place, stage in enumerate(stages(rollout, now_ms)):
        line.append("  " if place else "")
        line.append(f"{_MARKS[stage.place]} {stage.name}", _STYLES[stage.place])
        if stage.progress is not None:
            full = int(stage.progress * HOLD_CELLS)
            line.append(" ").append("━" * full, "yellow")
            line.append("─" * (HOLD_CELLS - full), "dim").append(f" {stage.words}")
    return line


def course_line(rollout: RolloutStatus, now_ms: int) -> str:
    """The same in words: `5 % done, 50 % now (3 d of 1 w), promotion to come`."""
    return ", ".join(
        f"{stage.name} {stage.place}" + (f" ({stage.words})" if stage.words else "")
        for stage in stages(rollout, now_ms)
    )


def check_words(status: ModelStatus, now_ms: int) -> Iterator[tuple[str, bool | None]]:
    """Each check in words, and whether it passed; None where nobody reported it. What stands by has
    a line while no rollout runs.
    """
    rollout, standby = status.rollout, status.standby
    of_standby = (standby.ready,) if standby is not None else ()
    for check in rollout.checks if rollout is not None else of_standby:
        of_candidate = rollout is not None and check.version == rollout.candidate
        name = check.check if of_candidate else _named(check)
        if check.passed is None:
            yield f"{name} not reported", None
            continue
        said = "passed" if check.passed else "failed"
        since = f" {ago(check.at_ms, now_ms)}" if check.at_ms is not None else ""
        detail = f": {check.detail}" if check.detail and not check.passed else ""
        yield f"{name} {said}{since}{detail}", check.passed


def _named(check: CheckStatus) -> str:
    return f"{check.check} of {check.version}"
