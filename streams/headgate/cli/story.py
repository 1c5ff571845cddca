"""What the demo has seen so far, and how it tells it: action, trigger, how fast, what to try."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headgate.judge.durations import say_duration
from headgate.sim.scenarios import SCENARIOS, Scenario
from headgate.vocabulary import Action, AlertKind, AlertState, Severity
from headgate.wire.alerts import Alert
from headgate.wire.audit import AuditRecord
from headgate.wire.control import Command
from headgate.wire.status import ModelStatus

NONE, WARNING, HOLD, ROLLBACK = "none", "warning", "hold", "rollback"
_RANK = (NONE, WARNING, HOLD, ROLLBACK)


@dataclass
class Story:
    """Listens to messages; times are seconds from the scenario's turn to the record's timestamp."""

    scenario: Scenario
    model: str
    action: str = NONE
    trigger: str = ""
    why: str = ""
    decision_id: str = ""
    seconds_to_command: float | None = None
    seconds_to_alert: float | None = None
    seconds_to_last_ack: float | None = None
    status: ModelStatus | None = None
    _acks: dict[str, float] = field(default_factory=dict)

    def hear(self, message: object, at_s: float) -> None:
        """Take one message in; those about other models are not meant."""
        if getattr(message, "model", None) != self.model:
            return
        if isinstance(message, ModelStatus):
            self.status = message
        elif isinstance(message, Command) and message.action is Action.ROLLBACK:
            self._rolled_back(message, at_s)
        elif isinstance(message, AuditRecord) and message.event == "recovered":
            self._acks[message.decision_id] = at_s
        elif isinstance(message, Alert) and message.state is AlertState.FIRING:
            self._alerted(message, at_s)
        if self.decision_id in self._acks and self.seconds_to_last_ack is None:
            self.seconds_to_last_ack = self._acks[self.decision_id]

    def _rolled_back(self, command: Command, at_s: float) -> None:
        if self.seconds_to_command is not None:
            return
        because = command.reasons[0] if command.reasons else None
        self.seconds_to_command = at_s
        self.decision_id = command.decision_id
        self._note(
            ROLLBACK, because.trigger if because else "", because.sentence if because else ""
        )

    def _alerted(self, alert: Alert, at_s: float) -> None:
        if alert.kind is AlertKind.OUTAGE_HOLD:
            action = HOLD
        elif alert.kind is AlertKind.BREACH and alert.severity is Severity.WARNING:
            action = WARNING
        else:
            return
        if _RANK.index(action) > _RANK.index(self.action):
            self.seconds_to_alert = at_s
            self._note(action, alert.trigger, alert.sentence)

    def _note(self, action: str, trigger: str, why: str) -> None:
        self.action, self.trigger, self.why = action, trigger, why

    @property
    def as_expected(self) -> bool:
        """Whether Headgate did what the scenario is there to show."""
        right = not self.scenario.triggers or self.trigger in self.scenario.triggers
        return self.action == self.scenario.action and right

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to wait for; a quiet scenario never is."""
        if self.action == ROLLBACK:
            return self.seconds_to_last_ack is not None
        return self.action != NONE and self.action == self.scenario.action

    @property
    def counted(self) -> int:
        """Outcomes in Headgate's tables, all versions together."""
        versions = self.status.versions if self.status else ()
        return sum(row.outcomes for each in versions for row in each.windows if not row.window_s)

    def summary(self, *, published: int) -> dict[str, Any]:
        """The demo's result for machines."""
        return {
            "scenario": self.scenario.name,
            "action": self.action,
            "trigger": self.trigger or None,
            "seconds_to_command": _rounded(self.seconds_to_command),
            "seconds_to_last_ack": _rounded(self.seconds_to_last_ack),
            "outcomes_published": published,
            "outcomes_counted": self.counted,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def explain(story: Story, *, stable: str, candidate: str, published: int) -> list[str]:
    """What happened, why, how fast, and what to try next."""
    lines = ["", "What happened", f"  Meant to happen: {story.scenario.story}."]
    lines += [f"  {line}" for line in _happened(story, stable, candidate)]
    if story.why:
        lines += ["", "Why", f"  {story.why}"]
    if story.action == ROLLBACK:
        lines += ["", "How fast", *(f"  {line}" for line in _speed(story))]
    same = "every one of them" if story.counted == published else f"{story.counted:,} of them"
    lines += [
        "",
        f"{published:,} outcomes were published; Headgate's tables count {same}.",
        "The demo's policy has much shorter deadlines than config/policies/default.yaml, which "
        "waits 15 min on ratings and 30 min on hallucinations for a person to step in.",
        "",
        "Try next",
        *(f"  headgate demo --scenario {name}" for name in _others(story.scenario.name)),
        "  headgate demo --bootstrap-servers HOST:PORT   (the same on your own Kafka)",
        "  docs/architecture.md follows one outcome from the topic to the router",
    ]
    if not story.as_expected:
        lines.append(f"NOT AS EXPECTED: this scenario should end in: {story.scenario.action}.")
    return lines


def _happened(story: Story, stable: str, candidate: str) -> list[str]:
    if story.action == ROLLBACK:
        return [f"Headgate took all traffic from {candidate} and gave it back to {stable}."]
    if story.action == HOLD:
        return [
            f"Both versions are bad, so {candidate} is not to blame: Headgate held the rollout,",
            "rolled nothing back, and told on-call.",
        ]
    if story.action == WARNING:
        return [f"Headgate warned on-call and left {candidate}'s traffic alone."]
    return [f"Nothing: {candidate} keeps its traffic, and no alert was raised."]


def _speed(story: Story) -> list[str]:
    def words(seconds: float | None) -> str:
        return "not seen" if seconds is None else say_duration(seconds * 1000)

    return [
        f"{words(story.seconds_to_command)} from the first bad outcome to the rollback command",
        f"{words(story.seconds_to_last_ack)} until every router had obeyed and said so",
    ]


def _others(name: str) -> list[str]:
    return [other for other in SCENARIOS if other in {"outage", "safety", "cost"} - {name}]
