"""A verdict: what one look says about one trigger, with the numbers that it compared."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from headgate.vocabulary import Reason, Verdict


class Memory(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a threshold proof remembers between looks: since when it is crossed, or clear."""

    crossed_since_ms: int | None = None
    clear_since_ms: int | None = None


class Assessment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A verdict with its reason, its numbers and one sentence for a tired person.

    `hold` marks an absolute breach that stable shares: an outage, not the candidate's fault.
    `cleared` says that the evidence has fallen back for long enough to resolve an incident.
    `proven_good` tells whether promotion could rest on it; None where that cannot be asked.
    """

    trigger: str
    verdict: Verdict
    reason: Reason
    sentence: str
    evidence: dict[str, Any] = {}
    hold: bool = False
    cleared: bool = False
    proven_good: bool | None = None
