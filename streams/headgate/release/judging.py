"""Judging: what the proofs may see of one version now, and what they say of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from msgspec import Struct

from headgate.judge.looks import Arm, Look
from headgate.judge.policy import Policy
from headgate.judge.proofs import Remembered, assess
from headgate.judge.routing import Answered
from headgate.judge.verdicts import Assessment, Memory
from headgate.measure.cells import Cell, Depth
from headgate.measure.reading import read_window
from headgate.release.freshness import Blindness
from headgate.release.state import ModelState, Watched
from headgate.release.watched import weight_beside
from headgate.vocabulary import Reason

_BLIND = frozenset({Reason.TELEMETRY_STALE, Reason.INGEST_LAGGING})


class Judged(Struct, frozen=True):
    """The verdicts on one version by trigger, and what thresholds remember for the next look."""

    policy: Policy
    assessments: Mapping[str, Assessment]
    memories: dict[str, Memory]

    @property
    def blind(self) -> bool:
        """Whether nothing that the tables said could be trusted at that look."""
        return any(seen.reason in _BLIND for seen in self.assessments.values())


def look_of(
    state: ModelState,
    watched: Watched,
    policy: Policy,
    now_ms: int,
    blind: Blindness,
    *,
    answered: Answered | None = None,
    brief: bool = False,
) -> Look:
    """What the proofs may see of a version now."""
    stable_is_live = weight_beside(state, watched) > 0
    return Look(
        now_ms=now_ms,
        candidate=_arm(state, watched, watched.version, now_ms),
        stable=_arm(state, watched, watched.beside, now_ms) if stable_is_live else None,
        faults=policy.caller_faults.rules(),
        blind=blind.sentence,
        blind_because_lagging=blind.lagging,
        answered=answered,
        brief=brief,
    )


def _arm(state: ModelState, watched: Watched, version: str, now_ms: int) -> Arm:
    def read(window_ms: int, since_revision: int, *, depth: Depth = "distributions") -> Cell:
        return read_window(
            state.tables,
            version,
            now_ms=now_ms,
            window_ms=window_ms,
            from_ms=watched.since_ms,
            since_revision=since_revision,
            depth=depth,
        )

    return Arm(
        version=version,
        window=partial(read, since_revision=watched.first_revision),
        same_split=partial(read, since_revision=state.split_since_revision),
    )


def judge_by(policy: Policy, watched: Watched, seen: Look) -> Judged:
    """What a policy says of one version, after what is known of it and what is seen."""
    known = Remembered(watched.memories, watched.evidence)
    return Judged(policy, *assess(policy, seen, known))
