"""A random walk over rollouts of one kind: traffic good and bad, weather, people, and time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from headgate.release.fold import Unreadable
from headgate.vocabulary import Mode, RolloutKind
from headgate.wire.rollout_requests import ApplyPolicy, Resume, SetMode
from support.checkpoints import taken_over
from support.course_calendar import OPEN, is_closed
from support.course_laws import Laws
from support.course_people import ask, policy_for, report_all, start
from support.course_stage import Stage
from support.ledger import Traffic

FINE = Traffic(requests=900, error_rate=0.02, rating=4.2, slotted=True)
FATES: dict[str, Traffic] = {
    "fine": FINE,
    "better": replace(FINE, rating=4.6),
    "failing": replace(FINE, error_rate=0.4),
    "slow": replace(FINE, latency_ms=4_000.0),
    "disliked": replace(FINE, rating=2.5),
    "unsafe": replace(FINE, safety_violations=1),
    "silent": FINE,
    "rare": replace(FINE, requests=4),
    "wordy": replace(FINE, tokens=9_000),
}
LIKELY = {"fine": 10, "better": 6, "failing": 2, "disliked": 2, "rare": 2}  # others: 1
OUTAGE = replace(FINE, error_rate=0.6)
LOST = replace(FINE, buckets=(0, 3))


class Walk:
    """One walk: a stage, its laws, and the fate of every version that was ever started."""

    def __init__(self, kind: RolloutKind, seed: int) -> None:
        self.kind, self.chance = kind, random.Random(f"{kind}-{seed}")
        self.laws = Laws()
        self.stage = Stage(seed=seed, watch=self.laws)
        self.fates: dict[str, str] = {}
        self.outage = False
        self.stage.tick(1)
        self.stage.adopt(policy_for(self, OPEN))
        self.stage.show(8, {"v1": FINE})

    def step(self) -> None:
        """One move; what has gone wrong comes right again after a few."""
        moves = tuple(_MOVES)
        self.chance.choices(moves, [_MOVES[move] for move in moves])[0](self)
        self._weather()

    def fate_of(self, version: str) -> Traffic:
        """What a version serves for as long as it lives."""
        fates = tuple(FATES)
        likely = [LIKELY.get(fate, 1) for fate in fates]
        fate = self.fates.setdefault(version, self.chance.choices(fates, likely)[0])
        return FATES[fate]

    def _weather(self) -> None:
        stage, chance = self.stage, self.chance.random
        stage.stalled = chance() < (0.7 if stage.stalled else 0.015)
        stage.deaf = chance() < (0.8 if stage.deaf else 0.03)
        self.outage = chance() < (0.75 if self.outage else 0.01)
        rollout = stage.model.rollout
        if stage.model.mode is Mode.OBSERVE and chance() < 0.15:
            stage.request(SetMode, mode=Mode.ENFORCE)
        if rollout is not None and rollout.paused is not None and chance() < 0.15:
            stage.request(Resume)
        if self.kind is RolloutKind.BLUE_GREEN and chance() < 0.12:
            report_all(self)
        if rollout is None and is_closed(stage.model, stage.now_ms) and chance() < 0.5:
            stage.request(ApplyPolicy, policy=policy_for(self, OPEN))
        if rollout is None and chance() < 0.6:
            start(self)

    def _serve(self) -> None:
        stage = self.stage
        arms = [row.version for row in stage.model.command.weights] if stage.model.command else []
        stable = stage.model.production
        rates = {name: FINE if name == stable else self.fate_of(name) for name in arms}
        if self.outage:
            rates = {name: replace(OUTAGE, requests=rate.requests) for name, rate in rates.items()}
        elif self.chance.random() < 0.003:
            rates[stable] = LOST
        stage.silent = frozenset(n for n in arms if n != stable and self.fates[n] == "silent")
        self.laws.silent |= stage.silent
        stage.show(self.chance.randint(1, 4), rates)

    def _idle(self) -> None:
        self.stage.tick(self.chance.choice((0.5, 3, 20)))

    def _jump(self) -> None:
        self.stage.tick(self.chance.choice((300, 3_600, 9 * 3_600)))

    def _ack(self) -> None:
        revision = self.stage.model.command.revision if self.stage.model.command else 1
        fields = self.chance.choice(
            (
                {"revision": revision},
                {"revision": revision - 1, "decision_id": ""},
                {"decision_id": "d-of-another"},
                {"state": "goodbye"},
                {"revision": revision + 3},
            )
        )
        self.stage.ack(self.chance.choice(("r1", "r2")), **fields)

    def _noise(self) -> None:
        self.stage.feed(Unreadable(path="$", reason="noise"))

    def _checkpoint(self) -> None:
        """Another worker takes over from a checkpoint."""
        self.stage.state = taken_over(self.stage.state)

    def _ask(self) -> None:
        ask(self)


_MOVES: dict[Callable[[Walk], None], int] = {
    Walk._serve: 60,
    Walk._ask: 26,
    Walk._idle: 5,
    Walk._ack: 5,
    Walk._jump: 1,
    Walk._noise: 1,
    Walk._checkpoint: 2,
}
