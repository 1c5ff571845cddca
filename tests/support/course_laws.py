"""Laws of rollouts, kept beside the fold: what was published must never break one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headgate.release.fold import Unreadable
from headgate.release.rollouts import policy_of
from headgate.release.state import STALE_MS, ModelState
from headgate.vocabulary import Action, AlertKind, AlertState, Mode, RolloutKind
from headgate.wire.alerts import Alert
from headgate.wire.audit import AuditRecord
from headgate.wire.control import Command
from headgate.wire.ledger import AdmittedAck, Progress, Snapshot, Tick
from headgate.wire.rollout_requests import (
    Advance,
    Promote,
    ReportCheck,
    Rollback,
    SetWeight,
    Skip,
    StartRollout,
    StopTest,
)
from support import course_twins
from support.course_calendar import is_closed
from support.course_stage import Seen, asked_in, stable_in
from support.ledger import MODEL

ALL = 10_000
GOING_ON = (Advance, Skip, SetWeight, Promote, StopTest)
E_GOOD = 20  # 1 / false_promotion


def weights_of(command: Command | None) -> dict[str, int]:
    """The split as a dictionary."""
    return {row.version: row.weight for row in command.weights} if command else {}


def is_stopping(alert: Alert) -> bool:
    """Whether an alert forbids that its version gets more."""
    if alert.kind is AlertKind.OUTAGE_HOLD:
        return True
    proven = alert.kind is AlertKind.BREACH and alert.deadline_ms is not None
    return proven and alert.state is AlertState.FIRING and not alert.would_have


@dataclass
class Laws:
    """What was seen so far; `counts` says what a walk has really met."""

    counts: Counter[str] = field(default_factory=Counter)
    command: Command | None = None
    request: StartRollout | None = None
    banned: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    open: dict[str, Alert] = field(default_factory=dict)
    checks: dict[tuple[str, str], tuple[bool, int]] = field(default_factory=dict)
    heard_ms: dict[str, int] = field(default_factory=dict)
    progress_ms: int = 0
    silent: set[str] = field(default_factory=set)
    asked: dict[str, str] = field(default_factory=dict)

    def __call__(self, seen: Seen) -> None:
        now_ms = seen.after.time_ms
        if isinstance(seen.entry, Progress):
            self.progress_ms = now_ms
        elif isinstance(seen.entry, Snapshot):
            self.heard_ms[seen.entry.version] = now_ms
        for message in seen.said:
            if isinstance(message, Command):
                self._command(seen, message)
            elif isinstance(message, Alert):
                self._alert(seen, message)
            elif isinstance(message, AuditRecord):
                self._audit(seen, message)
        self._breaches_that_act_at_once(seen)
        self._state(seen.after.models[MODEL]) if MODEL in seen.after.models else None

    def is_blind(self, now_ms: int) -> bool:
        """Whether nothing was heard of telemetry for so long that every verdict is unknown."""
        return now_ms - self.progress_ms > STALE_MS

    def _command(self, seen: Seen, command: Command) -> None:
        last, self.command = self.command, command
        if last is not None and command.revision <= last.revision:
            assert command == last
            self.counts["republished"] += 1
            return
        had, has = weights_of(last), weights_of(command)
        assert sum(has.values()) == ALL
        assert all(0 <= weight <= ALL for weight in has.values())
        if last is not None and isinstance(seen.entry, AdmittedAck):
            assert (command.weights, command.salt) == (last.weights, last.salt)
            self.counts["given again"] += 1
            return
        asked = asked_in(seen)
        if isinstance(asked, StartRollout):
            self._started(seen, asked, command)
        self._course(command, had, has)
        more = {name for name, weight in has.items() if weight > had.get(name, 0)}
        if isinstance(asked, Rollback) and asked.overrides == self.banned.get(command.to_version):
            del self.banned[command.to_version]
            self.counts["gone back to all the same"] += 1
        self._more(more, seen.before.models.get(MODEL))
        if not command.operator:
            self._by_headgate(seen, command, more)
        elif isinstance(asked, GOING_ON) and more - {stable_in(seen)}:
            self._by_person(seen, command, asked)
        if command.action is Action.ROLLBACK:
            assert not has.get(command.from_version)
            all_of_it = isinstance(asked, Rollback) and not asked.version
            gone = had.keys() - {*has, stable_in(seen)} if all_of_it else {command.from_version}
            self.banned |= dict.fromkeys(gone, command.decision_id)
        if len(has) == 1:
            self.ended.add(command.rollout_id)
            self.request = None
        self.counts[f"{command.action} by {'a person' if command.operator else 'headgate'}"] += 1

    def _started(self, seen: Seen, request: StartRollout, command: Command) -> None:
        assert self.request is None, "one rollout at a time"
        self.request = request
        self.counts["started"] += 1
        candidates = sum(row.weight for row in command.weights[:-1])
        assert not candidates or not is_closed(seen.before.models[MODEL], seen.after.time_ms)
        for name in weights_of(command):
            if self.banned.get(name) in request.overrides.split(","):
                del self.banned[name]
                self.counts["overridden"] += 1

    def _course(self, command: Command, had: Mapping[str, int], has: Mapping[str, int]) -> None:
        """A rollout that ended stays ended; green takes nothing or all; a test's arms are fixed."""
        assert not command.rollout_id or command.rollout_id not in self.ended
        kind = self.request.kind if self.request else None
        if kind is RolloutKind.BLUE_GREEN:
            assert set(has.values()) <= {0, ALL}
        if kind is RolloutKind.AB and self.request and len(has) > 1 and had.keys() != has.keys():
            if command.action is not Action.ROLLBACK:
                assert [*has.items()] == [(row.version, row.weight) for row in self.request.arms]
                return
            gone = command.from_version
            kept = {name: weight for name, weight in had.items() if name != gone}
            kept[self.request.stable] += had[gone]
            assert has == kept
            self.counts["arm dropped"] += 1
        elif kind is RolloutKind.AB and len(has) > 1:
            assert had == has

    def _more(self, more: set[str], model: ModelState | None) -> None:
        observed = model is not None and model.mode is Mode.OBSERVE
        for name in more:
            assert name not in self.banned, name
            if observed:
                continue
            stopping = [a for a in self.open.values() if is_stopping(a) and name in a.versions[:1]]
            assert not stopping, stopping[0].sentence

    def _by_headgate(self, seen: Seen, command: Command, more: set[str]) -> None:
        model = seen.before.models[MODEL]
        if command.action is Action.RETIRE:
            return
        assert model.mode is Mode.ENFORCE
        if command.action is Action.ROLLBACK:
            assert command.reasons
            assert all(row.verdict == "breach" for row in command.reasons)
            silent = any(row.trigger == "silent" for row in command.reasons)
            assert not silent or command.from_version in self.silent
            course_twins.check_rollback_waits_for_nothing(seen, command)
            return
        assert isinstance(seen.entry, Tick)
        rollout, now_ms = model.rollout, seen.after.time_ms
        assert rollout is not None
        assert rollout.paused is None
        assert not is_closed(model, now_ms)
        assert not [alert for alert in self.open.values() if is_stopping(alert)]
        stay = rollout.course.stay if rollout.course else None
        if rollout.kind is RolloutKind.BLUE_GREEN and stay is None:
            self._cut_over(model, now_ms)
            return
        assert stay is not None
        assert not stay.waits
        assert not self.is_blind(now_ms)
        good = {row.trigger: row.evidence.get("e_good", 0) for row in command.reasons}
        policy = policy_of(model)
        assert policy is not None
        warnings = {row.name for row in policy.triggers if not row.can_roll_back}
        critical = [row for row in command.reasons if row.trigger not in warnings]
        assert all(row.verdict in {"ok", "suspect"} for row in critical)
        assert good["error_rate"] >= E_GOOD
        assert good["latency_p95"] >= E_GOOD

    def _by_person(self, seen: Seen, command: Command, asked: Any) -> None:
        model, now_ms = seen.before.models[MODEL], seen.after.time_ms
        rollout = model.rollout
        assert rollout is not None
        assert rollout.paused is None
        assert not is_closed(model, now_ms)
        stay = rollout.course.stay if rollout.course else None
        if isinstance(asked, SetWeight) and stay is not None:
            assert asked.weight < ALL or stay.step.weight == ALL
        if rollout.kind is RolloutKind.BLUE_GREEN and stay is None:
            self._cut_over(model, now_ms)
        elif isinstance(asked, Advance) and stay is not None:
            assert not self.is_blind(now_ms)
        if rollout.kind is RolloutKind.BLUE_GREEN and stay and asked.request_id not in self.asked:
            assert now_ms - stay.since_ms >= stay.step.hold_ms
        if asked.request_id in self.asked:
            assert command.rollout_id == self.asked[asked.request_id]
            self.counts["approved"] += 1
        elif isinstance(asked, Promote) and stay is not None:
            assert not self.is_blind(now_ms)

    def _cut_over(self, model: ModelState, now_ms: int) -> None:
        assert model.rollout is not None
        assert model.policy is not None
        green, blue = model.rollout.candidate, model.rollout.stable
        for check in model.policy.content["blue_green"]["checks"]:
            assert self.checks[green, check][0], check
        passed, at_ms = self.checks.get((blue, "ready"), (True, 0))
        assert passed
        assert now_ms - max(at_ms, self.heard_ms.get(blue, 0)) <= 310_000
        self.counts["cutover"] += 1

    def _alert(self, seen: Seen, alert: Alert) -> None:
        assert alert.kind is not AlertKind.MODEL_NOT_JUDGED, alert.sentence
        assert alert.kind is not AlertKind.ENTRY_NOT_APPLIED or isinstance(seen.entry, Unreadable)
        if alert.state is AlertState.RESOLVED:
            self.open.pop(alert.alert_id, None)
            return
        self.counts[f"{alert.kind} {alert.state}"] += alert.alert_id not in self.open
        self.open[alert.alert_id] = alert

    def _audit(self, seen: Seen, row: AuditRecord) -> None:
        if row.event == "scale_down":
            assert not weights_of(self.command).get(row.details["version"]), row.sentence
            self.counts["scaled down"] += 1
        if row.request_type:
            self.counts[f"{row.request_type} {row.event}"] += 1
        if row.event == "waiting":
            rollout = seen.before.models[MODEL].rollout
            self.asked[row.request_id] = rollout.rollout_id if rollout else ""
        asked = asked_in(seen)
        if row.event == "accepted" and isinstance(asked, ReportCheck):
            self.checks[asked.version, asked.check] = (asked.passed, row.at_ms)

    def _breaches_that_act_at_once(self, seen: Seen) -> None:
        alerts = [message for message in seen.said if isinstance(message, Alert)]
        if any(alert.kind is AlertKind.NO_ROLLBACK_TARGET for alert in alerts):
            return
        for alert in alerts:
            if is_stopping(alert) and alert.deadline_ms == alert.at_ms:
                assert not weights_of(self.command).get(alert.versions[0], 0), alert.sentence
                self.counts["acted at once"] += 1

    def _state(self, model: ModelState) -> None:
        assert model.command == self.command
        if model.rollout is None or model.command is None:
            return
        names = [row.version for row in model.command.weights]
        assert names == [*model.watched, model.rollout.stable]
        assert model.rollout.weight == model.command.weights[0].weight
        self.counts["paused"] += model.rollout.paused is not None
