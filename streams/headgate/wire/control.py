"""`control`: the complete desired split of a model. The newest record of a key is the truth."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from headgate.vocabulary import Action
from headgate.wire.fields import BasisPoints, Count, Name, TimestampMs


class Weight(Struct, frozen=True, kw_only=True):
    version: Name
    weight: BasisPoints


class Because(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reason for a decision: a sentence for people and the numbers behind it."""

    trigger: str
    verdict: str
    reason: str
    sentence: str
    evidence: dict[str, Any] = {}


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A whole split, not a change.

    `weights` are in order (candidates first, stable last) and sum to 10,000; arms take buckets
    in that order. Routers ignore a `revision` that is not above their own. Pins to a `retired`
    version, whose hosts may have stopped, follow the split.
    """

    model: Name
    revision: Count
    action: Action
    weights: tuple[Weight, ...]
    salt: str
    decision_id: Name
    issued_at_ms: TimestampMs
    recover_by_ms: TimestampMs | None = None
    rollout_id: str = ""
    from_version: str = ""
    to_version: str = ""
    operator: str = ""
    reasons: tuple[Because, ...] = ()
    retired: tuple[Name, ...] = ()
