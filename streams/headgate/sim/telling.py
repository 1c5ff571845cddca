"""What a run tells: what happened when and why, how it ended, and who met which version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from headgate.judge.durations import say_duration
from headgate.release.state import ModelState
from headgate.sdk.split import SplitTable
from headgate.sim.script import Change, Ending, Fault, Script
from headgate.sim.users import Users
from headgate.sim.world import World
from headgate.vocabulary import ANY_MODEL, Action, AlertState
from headgate.wire.alerts import Alert
from headgate.wire.audit import AuditRecord
from headgate.wire.control import Command
from headgate.wire.registry import VersionEntry

SCENARIO = "scenario"
_ENDS = {Action.PROMOTE: "promoted", Action.ROLLBACK: "rolled_back"}
_FAULTS = {
    "router_down": ("is down", "is up again"),
    "router_cut_off": ("hears and says nothing any more", "hears and speaks again"),
    "acks_lost": ("is not heard any more", "is heard again"),
    "telemetry_lost": ("No outcome is counted any more", "Outcomes are counted again"),
}


class Line(Struct, frozen=True):
    """A line of the timeline; `at_ms` counts from the start of the script."""

    at_ms: int
    event: str
    sentence: str


class Met(Struct, frozen=True):
    """Requests that a version served, how many of them failed, and from how many users."""

    version: str
    requests: int = 0
    failures: int = 0
    users: int = 0


class MetBad(Met, frozen=True):
    """What a version served since it `turned_ms`: 0, the start, where it never became other."""

    turned_ms: int = 0


class Told(Struct, frozen=True, kw_only=True):
    """One finished run. `met_bad` counts what the candidate served since it `turned_ms`, until its
    rollback was in force at every router; `bad` the same of every version that turned or was rolled
    back from, in the order of names, and of the candidate where none did. `trigger` is what a
    rollback was for.
    """

    seed: int
    ending: Ending
    ended_ms: int
    trigger: str
    turned_ms: int
    met_bad: Met
    bad: tuple[MetBad, ...]
    met: tuple[Met, ...]
    looks: int
    timeline: tuple[Line, ...]
    weights: tuple[tuple[int, dict[str, int]], ...]


@dataclass(slots=True, eq=False)
class _Sent:
    """What was sent to one arm of a split, and as `bad` what of it since its version turned."""

    table: SplitTable
    arm: int
    turned_ms: int
    requests: int = 0
    failures: int = 0
    bad_requests: int = 0
    bad_failures: int = 0

    @property
    def version(self) -> str:
        return self.table.versions[self.arm]


class Telling:
    """Filled while a simulation runs; `told` sums up."""

    def __init__(self, script: Script, world: World, users: Users) -> None:
        self._script, self._world, self._users = script, world, users
        self.lines: list[Line] = []
        self.weights: list[tuple[int, dict[str, int]]] = []
        self._sent: dict[tuple[int, int], _Sent] = {}  # by revision and arm
        self._bad = {name for change in script.changes for name in change.arms}
        self._end: tuple[Ending, int, str] | None = None
        self._started = False

    def note(self, at_ms: int, event: str, sentence: str) -> None:
        """Add a line."""
        self.lines.append(Line(at_ms, event, sentence))

    def hear(self, message: object) -> None:
        """Take in what the fold publishes."""
        if isinstance(message, AuditRecord):
            self.note(self._since(message.at_ms), message.event, _told_of(message))
            asked = message.event == "accepted" and message.request_type == "start_rollout"
            self._started |= asked
        elif isinstance(message, Alert) and message.model == ANY_MODEL:
            ends = message.state is AlertState.RESOLVED
            event = "incident_resolved" if ends else "incident_opened"
            self.note(self._since(message.at_ms), event, message.sentence)
        elif isinstance(message, Command):
            self._command(message)
        elif isinstance(message, VersionEntry) and message.rolled_back:
            self._bad.add(message.version)

    def _command(self, command: Command) -> None:
        at_ms = self._since(command.issued_at_ms)
        self.weights.append((at_ms, {arm.version: arm.weight for arm in command.weights}))
        ending: Any = _ENDS.get(command.action)
        if command.rollout_id and not ending and len(command.weights) == 1:
            ending = "stopped"
        if ending:
            because = command.reasons if command.action is Action.ROLLBACK else ()
            trigger = because[0].trigger if because else ""
            self._end = (ending, at_ms, trigger)

    def served(self, table: SplitTable, arm: int, requests: int, failures: int, at_ms: int) -> None:
        """An arm of a split was sent so many requests by `at_ms`, and so many of them failed."""
        sent = self._sent.get((table.revision, arm))
        if sent is None:
            turned_ms = self._world.turns_ms(table.versions[arm])
            sent = self._sent[table.revision, arm] = _Sent(table, arm, turned_ms)
        sent.requests += requests
        sent.failures += failures
        if at_ms > sent.turned_ms:
            sent.bad_requests += requests
            sent.bad_failures += failures

    def told(self, *, seed: int, looks: int, model: ModelState | None, now_ms: int) -> Told:
        """The whole run."""
        ending, ended_ms, trigger = self._ending(model, self._since(now_ms))
        candidate = self._script.candidate
        names = sorted({sent.version for sent in self._sent.values()})
        bad = tuple(self._met_bad(name) for name in names if name in self._bad)
        return Told(
            seed=seed,
            ending=ending,
            ended_ms=ended_ms,
            trigger=trigger,
            turned_ms=self._world.turns_ms(candidate),
            met_bad=self._met(candidate, bad=True),
            bad=bad or (self._met_bad(candidate),),
            met=tuple(self._met(name) for name in names),
            looks=looks,
            timeline=tuple(self.lines),
            weights=tuple(self.weights),
        )

    def _ending(self, model: ModelState | None, at_ms: int) -> tuple[Ending, int, str]:
        if model is not None and model.rollout is not None:
            course = model.rollout.course
            waits = course is not None and course.stay is not None and course.stay.waits
            return "waiting" if waits or model.rollout.paused else "running", at_ms, ""
        if self._started and self._end is not None:
            return self._end
        return "not_started", at_ms, ""

    def _met_bad(self, version: str) -> MetBad:
        met, turned_ms = self._met(version, bad=True), self._world.turns_ms(version)
        return MetBad(met.version, met.requests, met.failures, met.users, turned_ms)

    def _met(self, version: str, *, bad: bool = False) -> Met:
        """What a version served, or only since it turned."""
        mine = [sent for sent in self._sent.values() if sent.version == version]
        failures = sum(sent.bad_failures if bad else sent.failures for sent in mine)
        rows = [(row.table, row.arm, row.bad_requests if bad else row.requests) for row in mine]
        users = self._users.met(rows)
        return Met(version, sum(count for _, _, count in rows), failures, users)

    def _since(self, at_ms: int) -> int:
        return at_ms - self._script.starts_ms


def _told_of(record: AuditRecord) -> str:
    refused = record.event == "refused" and record.remedy
    return f"{record.sentence} Instead: {record.remedy}" if refused else record.sentence


def turns(script: Script) -> Iterator[Line]:
    """What the script itself does to the fleet, in words."""
    for change in script.changes:
        yield Line(change.at, SCENARIO, _change_words(change))
        if change.until is not None:
            yield Line(change.until, SCENARIO, f"{_names(change.arms)} as before.")
    for fault in script.faults:
        broken, mended = _FAULTS[fault.kind]
        yield Line(fault.at, SCENARIO, _fault_words(fault, broken))
        if fault.until is not None:
            yield Line(fault.until, SCENARIO, _fault_words(fault, mended))


def _change_words(change: Change) -> str:
    new = ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in change.set.items()
    )
    over = f" over {say_duration(change.over)}" if change.over else ""
    return f"{_names(change.arms)}: {new}{over}."


def _fault_words(fault: Fault, words: str) -> str:
    if fault.kind == "telemetry_lost":
        return f"{words}."
    who = ", ".join(fault.routers) if fault.routers else "Every router"
    return f"{who} {words}."


def _names(arms: tuple[str, ...]) -> str:
    return ", ".join(arms) if arms else "Every version"
