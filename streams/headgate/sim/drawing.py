"""Drawing what became of many requests of one version at once, as the counts that ingest keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec.structs import replace

from headgate.measure.cells import NOTHING, Cell
from headgate.measure.measures import MAX_SAFETY_IDS
from headgate.measure.sketch import Sketch
from headgate.sim.arms import RATING_SPREAD, TOKENS_SPREAD, Behaviour
from headgate.sim.shapes import log_normal, star_shares, token_sums

_STARS = np.array([10, 20, 30, 40, 50])  # in tenths, each a bucket of its own


@dataclass(frozen=True, slots=True)
class Served:
    """What became of requests: `outcomes` is heard at once, `labels` when they come."""

    outcomes: Cell
    labels: Cell
    failed: int

    def at_once(self) -> Cell:
        """Both, where labels come with the outcome that they are about."""
        heard, labels = self.outcomes, self.labels
        if not labels.outcomes:
            return heard
        return replace(
            heard,
            labelled=labels.labelled,
            flagged=labels.flagged,
            sums={**heard.sums, **labels.sums},
            counts={**heard.counts, **labels.counts},
            sketches={**heard.sketches, **labels.sketches},
            safety_request_ids=labels.safety_request_ids,
        )


def draw(rng: np.random.Generator, behaviour: Behaviour, requests: int) -> Served:
    """So many requests as their counts: binomial and multinomial, in the order of `Behaviour`."""
    heard = requests - _some(rng, requests, behaviour.swallowed)
    if not heard:
        return Served(NOTHING, NOTHING, 0)
    failed = _some(rng, heard, behaviour.error_rate)
    answered = heard - failed
    measured = _measures(rng, behaviour, answered) if answered else {}
    outcomes = Cell(
        outcomes=heard,
        requests=heard,
        errors={behaviour.error_type: failed} if failed else {},
        **measured,
    )
    return Served(outcomes, _labels(rng, behaviour, answered) if answered else NOTHING, failed)


def _some(rng: np.random.Generator, count: int, share: float) -> int:
    return int(rng.binomial(count, share)) if count and share else 0


def _measures(rng: np.random.Generator, behaviour: Behaviour, answered: int) -> dict[str, Any]:
    """Latency, tokens and cost of requests that were answered."""
    latency = log_normal(behaviour.latency_p50_ms * 1000, behaviour.spread)
    tokens = token_sums(behaviour.input_tokens, behaviour.output_tokens, TOKENS_SPREAD)
    took, used = latency.draw(rng, answered), tokens.draw(rng, answered)
    total = tokens.total(used)
    asked = round(
        total * behaviour.input_tokens / (behaviour.input_tokens + behaviour.output_tokens)
    )
    cost, spent = tokens.priced(used, behaviour.usd_per_1k_tokens * 1000, answered)
    sums = {
        "latency_us": latency.total(took),
        "tokens": total,
        "cost_microusd": spent,
        "input_tokens": asked,
        "output_tokens": total - asked,
    }
    return {
        "sums": sums,
        "counts": dict.fromkeys(sums, answered),
        "sketches": {
            "latency_us": latency.sketch(took, answered),
            "tokens": tokens.sketch(used, answered),
            "cost_microusd": cost,
        },
    }


def _labels(rng: np.random.Generator, behaviour: Behaviour, answered: int) -> Cell:
    """Ratings and judges' verdicts of requests that were answered; no requests by themselves."""
    rated = _some(rng, answered, behaviour.rated)
    judged = _some(rng, answered, behaviour.judged)
    if not rated + judged:
        return NOTHING
    flagged = {
        "hallucination": _some(rng, judged, behaviour.hallucination_rate),
        "safety_violation": _some(rng, judged, behaviour.safety_rate),
    }
    names = ("hallucination", "safety_violation") if judged else ()
    return Cell(
        outcomes=max(rated, judged),
        labelled=dict.fromkeys(names, judged),
        flagged={name: count for name, count in flagged.items() if count},
        **(_ratings(rng, behaviour, rated) if rated else {}),
        safety_request_ids=tuple(
            f"simulated-{rng.integers(1 << 48):012x}"
            for _ in range(min(flagged["safety_violation"], MAX_SAFETY_IDS))
        ),
    )


def _ratings(rng: np.random.Generator, behaviour: Behaviour, rated: int) -> dict[str, Any]:
    counts = rng.multinomial(rated, star_shares(behaviour.rating_mean, RATING_SPREAD))
    filled = counts.nonzero()[0]
    return {
        "sums": {"rating_tenths": int(counts @ _STARS)},
        "counts": {"rating_tenths": rated},
        "sketches": {"rating_tenths": Sketch(_STARS[filled], counts[filled], rated)},
    }
