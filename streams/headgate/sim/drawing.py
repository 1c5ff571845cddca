"""Drawing what became of many requests of one version, at many looks at once, as the counts that
ingest keeps.
"""

from __future__ import annotations

from itertools import repeat

import numpy as np
from msgspec import Struct

from headgate.measure.cells import Cell
from headgate.measure.hdr import IntArray
from headgate.measure.measures import MAX_SAFETY_IDS
from headgate.measure.slots import NO_SLOTS, add_slots
from headgate.sim.arms import RATING_SPREAD, TOKENS_SPREAD, Behaviour
from headgate.sim.batch import Batch
from headgate.sim.filled import filled
from headgate.sim.shapes import log_normal, star_shares, token_sums
from headgate.sim.slotting import slots_of

_STARS = np.array([10, 20, 30, 40, 50])  # in tenths, each a bucket of its own


class Served(Struct, frozen=True):
    """What became of requests: `outcomes` is heard at once, `labels` when they come."""

    outcomes: Cell
    labels: Cell
    failed: int

    def at_once(self) -> Cell:
        """Both, where labels come with the outcome that they are about."""
        return _joined(self.outcomes, self.labels, self.outcomes.outcomes)


def together(outcomes: Cell, labels: Cell) -> Cell:
    """What became of requests, and labels of others: their sum, since they count other things."""
    return _joined(outcomes, labels, outcomes.outcomes + labels.outcomes)


def _joined(outcomes: Cell, labels: Cell, count: int) -> Cell:
    if not labels.outcomes:
        return outcomes
    return Cell(
        outcomes=count,
        requests=outcomes.requests,
        errors=outcomes.errors,
        labelled=labels.labelled,
        flagged=labels.flagged,
        sums={**outcomes.sums, **labels.sums},
        counts={**outcomes.counts, **labels.counts},
        sketches={**outcomes.sketches, **labels.sketches},
        safety_request_ids=labels.safety_request_ids,
        slots=add_slots([outcomes.slots, labels.slots]),
    )


def draw(
    rng: np.random.Generator,
    behaviour: Behaviour,
    looks: IntArray,
    slotting: np.random.Generator | None = None,
) -> list[Served]:
    """So many requests at each look as their counts: binomial and multinomial, in the order of
    `Behaviour`. With `slotting` they have slots, so that users' requests can be compared.
    """
    heard = looks - _some(rng, looks, behaviour.swallowed)
    failed = _some(rng, heard, behaviour.error_rate)
    outcomes = _outcomes(rng, behaviour, heard, failed)
    labels = _labels(rng, behaviour, heard - failed)
    cells = [
        batch.cells(slots_of(slotting, batch) if slotting else repeat(NO_SLOTS))
        for batch in (outcomes, labels)
    ]
    return list(map(Served, *cells, failed.tolist()))


def _some(rng: np.random.Generator, counts: IntArray, share: float) -> IntArray:
    return rng.binomial(counts, share) if share else np.zeros_like(counts)


def _outcomes(
    rng: np.random.Generator, behaviour: Behaviour, heard: IntArray, failed: IntArray
) -> Batch:
    """Errors, and latency, tokens and cost of the requests that were answered."""
    answered = heard - failed
    latency = log_normal(behaviour.latency_p50_ms * 1000, behaviour.spread)
    tokens = token_sums(behaviour.input_tokens, behaviour.output_tokens, TOKENS_SPREAD)
    took = latency.filled(latency.draw(rng, answered))
    counts = tokens.draw(rng, answered)
    used, spent = tokens.filled(counts), tokens.priced(counts, behaviour.usd_per_1k_tokens * 1000)
    asked = behaviour.input_tokens / (behaviour.input_tokens + behaviour.output_tokens)
    told = np.rint(used.sums * asked).astype(np.int64)
    return Batch(
        outcomes=heard,
        requests=heard,
        measured=answered,
        errors={behaviour.error_type: failed},
        sums={
            "latency_us": took.sums,
            "tokens": used.sums,
            "cost_microusd": spent.sums,
            "input_tokens": told,
            "output_tokens": used.sums - told,
        },
        filled={"latency_us": took, "tokens": used, "cost_microusd": spent},
    )


def _labels(rng: np.random.Generator, behaviour: Behaviour, answered: IntArray) -> Batch:
    """Ratings and judges' verdicts of requests that were answered; no requests by themselves."""
    rated = _some(rng, answered, behaviour.rated)
    judged = _some(rng, answered, behaviour.judged)
    false = _some(rng, judged, behaviour.hallucination_rate)
    unsafe = _some(rng, judged, behaviour.safety_rate)
    stars = rng.multinomial(rated, star_shares(behaviour.rating_mean, RATING_SPREAD))
    ratings = filled(stars, _STARS, _STARS)
    return Batch(
        outcomes=np.maximum(rated, judged),
        requests=np.zeros_like(answered),
        measured=rated,
        labelled={"hallucination": judged, "safety_violation": judged},
        flagged={"hallucination": false, "safety_violation": unsafe},
        sums={"rating_tenths": ratings.sums},
        filled={"rating_tenths": ratings},
        safety_request_ids=[_some_ids(rng, count) for count in unsafe.tolist()],
    )


def _some_ids(rng: np.random.Generator, violations: int) -> tuple[str, ...]:
    named = min(violations, MAX_SAFETY_IDS)
    return tuple([f"simulated-{rng.integers(1 << 48):012x}" for _ in range(named)])
