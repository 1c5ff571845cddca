"""The report of an A/B test: what each arm did, every comparison, and what they say together."""

from __future__ import annotations

from msgspec import Struct

from headgate.vocabulary import AbReason, AbVerdict
from headgate.wire.fields import BasisPoints, Count, Name, TimestampMs


class TestCriterion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A metric to compare by, which direction is better (`higher` or `lower`), and the smallest
    relative difference that matters (0.1: 10 %).
    """

    __test__ = False  # no test of pytest's

    metric: Name
    better: Name
    matters: float


class ArmResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one arm has done since the test began; a metric is None without samples."""

    version: Name
    weight: BasisPoints
    requests: Count = 0
    error_rate: float | None = None
    success_rate: float | None = None
    rating_mean: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    tokens_mean: float | None = None
    cost_mean_usd: float | None = None


class PairResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Arm `one` beside arm `other` by one metric.

    `low`, `difference` and `high` are relative (0.1: one's value is 10 % above the other's; None:
    no bound). The interval holds however often it is read. `more` is about how many more requests
    of the model a verdict takes.
    """

    metric: Name
    one: Name
    other: Name
    better: Name
    matters: float
    verdict: AbVerdict
    reason: AbReason
    sentence: str
    winner: str = ""
    value: float | None = None
    other_value: float | None = None
    samples: Count = 0
    other_samples: Count = 0
    low: float | None = None
    difference: float | None = None
    high: float | None = None
    more: Count | None = None
    settled_ms: TimestampMs | None = None


class TestReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reading of a test at `at_ms`. `alpha` is the chance that anything false is ever declared.

    `needed` is how many requests of the model the first criterion was forecast to take, None where
    nothing was known beforehand. `void` says why nothing of this may be believed.
    """

    __test__ = False

    began_ms: TimestampMs
    at_ms: TimestampMs
    alpha: float
    verdict: AbVerdict
    reason: AbReason
    sentence: str
    requests: Count = 0
    needed: Count | None = None
    more: Count | None = None
    leaders: tuple[str, ...] = ()
    decided_ms: TimestampMs | None = None
    void: str = ""
    arms: tuple[ArmResult, ...] = ()
    pairs: tuple[PairResult, ...] = ()
