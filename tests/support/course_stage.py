"""A stage for random rollouts: telemetry stalls on it, acks get lost, and laws watch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from headgate.release.clocks import Position
from headgate.release.fold import Unreadable
from headgate.release.state import PartitionState
from headgate.vocabulary import Topic
from headgate.wire.acks import Choices
from headgate.wire.codec import Codec
from headgate.wire.key_requests import Approve
from headgate.wire.ledger import AdmittedRequest, Entry
from headgate.wire.messages import ALERT, AUDIT, COMMAND
from headgate.wire.requests import AnyRequest
from support.ledger import MODEL, LedgerBench, Traffic

_CODECS: dict[Topic, Codec[Any]] = {
    Topic.ALERTS: ALERT,
    Topic.AUDIT: AUDIT,
    Topic.CONTROL: COMMAND,
}


@dataclass(frozen=True)
class Seen:
    """One entry, the states around it, and all that was published because of it, read back."""

    before: PartitionState
    after: PartitionState
    entry: Entry | Unreadable
    at: Position
    said: tuple[Any, ...]


def asked_in(seen: Seen) -> AnyRequest | None:
    """The request that an entry carries out, also where an approval does that."""
    if not isinstance(seen.entry, AdmittedRequest):
        return None
    request = seen.entry.request
    if not isinstance(request, Approve):
        return request
    waiting = seen.before.models[MODEL].waiting.get(request.approves)
    return waiting.request if waiting else None


def stable_in(seen: Seen) -> str:
    """The stable version of the rollout that ran before an entry."""
    rollout = seen.before.models[MODEL].rollout
    return rollout.stable if rollout else ""


@dataclass
class Stage(LedgerBench):
    """`pace` is the seconds between looks; `deaf` loses acks, `stalled` lets no progress through.

    `silent` versions get requests and answer none; `watch` is called after every entry.
    """

    pace: float = 5.0
    deaf: bool = False
    stalled: bool = False
    silent: frozenset[str] = frozenset()
    watch: Callable[[Seen], None] = field(default=lambda _: None)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.chosen: dict[tuple[str, int], int] = {}  # by r1, since it was started
        self.began = self.now_ms

    def feed(self, entry: Entry | Unreadable) -> None:
        before, told = self.state, len(self.records)
        super().feed(entry)
        known = [row for row in self.records[told:] if row.topic in _CODECS]
        said = tuple(_CODECS[row.topic].decode(row.value) for row in known)
        self.watch(Seen(before, self.state, entry, self.entries[-1][1], said))

    def tick(self, seconds: float = 0.0) -> None:
        super().tick(seconds or self.pace)

    def progress(self, *, lag: int = 0) -> None:
        if not self.stalled:
            super().progress(lag=lag)

    def ack(self, router_id: str = "r1", **fields: Any) -> None:
        if self.deaf and not fields:
            return
        rows = [
            Choices(version=version, revision=revision, count=count)
            for (version, revision), count in sorted(self.chosen.items(), key=lambda row: row[0][1])
        ]
        told = {
            "choices": tuple(rows[-8:]) if router_id == "r1" else (),
            "started_at_ms": self.began,
        }
        super().ack(router_id, **{**told, **fields})
        if router_id == "r1" and fields.get("state") == "goodbye":
            self.chosen, self.began = {}, self.now_ms

    def show(self, looks: int, arms: dict[str, Traffic]) -> None:
        """Some looks at arms that serve; routers choose also whom nobody hears of."""
        for _ in range(looks):
            live = {name: rate for name, rate in arms.items() if self._choose(name, rate)}
            self.serve(0.5, **{name: replace(rate, revision=None) for name, rate in live.items()})

    def _choose(self, version: str, traffic: Traffic) -> bool:
        command = self.model.command
        weight = sum(row.weight for row in command.weights if row.version == version)
        if weight:
            key = (version, command.revision)
            self.chosen[key] = self.chosen.get(key, 0) + traffic.requests
        return weight > 0 and version not in self.silent
