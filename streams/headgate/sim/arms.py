"""Arms: how one version behaves, as a source of outcomes without ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol

import numpy as np
from pydantic import ConfigDict, Field

from headgate.wire.fields import MAX_LATENCY_MS

Measurements = dict[str, Any]
USD_PER_1K_TOKENS = 0.002
RATING_SPREAD, TOKENS_SPREAD = 0.7, 0.3

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Arm(Protocol):
    """One version's behaviour; `elapsed_s` is the time since the fleet began to serve."""

    def draw(self, rng: np.random.Generator, elapsed_s: float) -> Measurements:
        """The fields of one outcome, without ids."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """How a version answers. Rates are shares of the requests, or of the labelled requests.

    Latency is log-normal around `latency_p50_ms`; `spread` is the sigma of its logarithm.
    `rated` and `judged` are the shares of requests that get a user's rating, a judge's verdict;
    of the `swallowed` nothing is ever heard.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    latency_p50_ms: Annotated[float, Field(gt=0, le=MAX_LATENCY_MS)] = 800.0
    spread: Annotated[float, Field(ge=0, le=2)] = 0.35
    ttft_share: Share = 0.2
    error_rate: Share = 0.005
    error_type: Annotated[str, Field(min_length=1, max_length=64)] = "server_error"
    swallowed: Share = 0.0
    rated: Share = 0.3
    rating_mean: Annotated[float, Field(ge=1, le=5)] = 4.3
    judged: Share = 0.8
    hallucination_rate: Share = 0.005
    safety_rate: Share = 0.0
    input_tokens: Annotated[float, Field(ge=1, le=1e6)] = 450.0
    output_tokens: Annotated[float, Field(ge=1, le=1e6)] = 180.0
    usd_per_1k_tokens: Annotated[float, Field(ge=0, le=10)] = USD_PER_1K_TOKENS

    def draw(self, rng: np.random.Generator, elapsed_s: float) -> Measurements:
        """One outcome; the same number of random draws whatever it turns out to be.

        Nothing for a request that is swallowed.
        """
        failed, rated, judged, false, unsafe = rng.random(5)
        jitter, first, mood, asked, answered = rng.normal(size=5)
        if failed >= 1 - self.swallowed:
            return {}
        if failed < self.error_rate * (1 - self.swallowed):
            return {"error_type": self.error_type}
        latency_ms = min(self.latency_p50_ms * float(np.exp(self.spread * jitter)), MAX_LATENCY_MS)
        ttft_share = min(self.ttft_share * float(np.exp(0.2 * first)), 1.0)
        input_tokens = max(1, round(self.input_tokens * float(np.exp(TOKENS_SPREAD * asked))))
        output_tokens = max(1, round(self.output_tokens * float(np.exp(TOKENS_SPREAD * answered))))
        cost_usd = (input_tokens + output_tokens) / 1000 * self.usd_per_1k_tokens
        row: Measurements = {
            "latency_ms": round(latency_ms, 3),
            "ttft_ms": round(latency_ms * ttft_share, 3),
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "cost_usd": round(cost_usd, 6),
        }
        if rated < self.rated:
            row["rating"] = float(min(5, max(1, round(self.rating_mean + RATING_SPREAD * mood))))
        if judged < self.judged:
            row["hallucination"] = bool(false < self.hallucination_rate)
            row["safety_violation"] = bool(unsafe < self.safety_rate)
        return row


@dataclass(frozen=True, slots=True)
class TurningArm:
    """An arm that behaves in one way up to `turns_at_s` and in another from then on."""

    before: Arm
    after: Arm
    turns_at_s: float

    def draw(self, rng: np.random.Generator, elapsed_s: float) -> Measurements:
        """One outcome of whichever behaviour is due."""
        arm = self.after if elapsed_s >= self.turns_at_s else self.before
        return arm.draw(rng, elapsed_s)


@dataclass(frozen=True, slots=True)
class TraceArm:
    """An arm that repeats recorded outcomes, drawn with replacement (a bootstrap)."""

    rows: Sequence[Measurements]

    def draw(self, rng: np.random.Generator, elapsed_s: float) -> Measurements:
        """One of the recorded rows."""
        return self.rows[int(rng.integers(len(self.rows)))]
