"""Drawing what became of many requests of one version, at many looks at once, as the counts that
ingest keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec.structs import replace

from headgate.measure.cells import NOTHING, Cell
from headgate.measure.hdr import IntArray
from headgate.measure.measures import MAX_SAFETY_IDS
from headgate.measure.sketch import Sketch
from headgate.sim.arms import RATING_SPREAD, TOKENS_SPREAD, Behaviour
from headgate.sim.shapes import log_normal, sketches_of, star_shares, token_sums
from headgate.sim.slotting import both, slotted

_STARS = np.array([10, 20, 30, 40, 50])  # in tenths, each a bucket of its own


@dataclass(frozen=True, slots=True)
class Served:
    """What became of requests: `outcomes` is heard at once, `labels` when they come."""

    outcomes: Cell
    labels: Cell
    failed: int

    def at_once(self) -> Cell:
        """Both, where labels come with the outcome that they are about."""
        cell = together(self.outcomes, self.labels)
        return replace(cell, outcomes=self.outcomes.outcomes) if self.labels.outcomes else cell


def together(outcomes: Cell, labels: Cell) -> Cell:
    """What became of requests, and labels of others: their sum, since they count other things."""
    if not labels.outcomes:
        return outcomes
    return replace(
        outcomes,
        outcomes=outcomes.outcomes + labels.outcomes,
        labelled=labels.labelled,
        flagged=labels.flagged,
        sums={**outcomes.sums, **labels.sums},
        counts={**outcomes.counts, **labels.counts},
        sketches={**outcomes.sketches, **labels.sketches},
        safety_request_ids=labels.safety_request_ids,
        slots=both(outcomes.slots, labels.slots),
    )


def draw(rng: np.random.Generator, behaviour: Behaviour, looks: IntArray) -> list[Served]:
    """So many requests at each look as their counts: binomial and multinomial, in the order of
    `Behaviour`.
    """
    heard = looks - _some(rng, looks, behaviour.swallowed)
    failed = _some(rng, heard, behaviour.error_rate)
    answered = heard - failed
    measured, labels = _measures(rng, behaviour, answered), _labels(rng, behaviour, answered)
    counted = zip(heard.tolist(), failed.tolist(), measured, labels, strict=True)
    return [
        Served(_outcomes(behaviour, requests, failures, measures), label, failures)
        for requests, failures, measures, label in counted
    ]


def dealt(rng: np.random.Generator, looks: list[Served]) -> list[Served]:
    """The looks with slots, so that users' requests can be compared."""
    outcomes = slotted(rng, [served.outcomes for served in looks])
    labels = slotted(rng, [served.labels for served in looks])
    failed = [served.failed for served in looks]
    return list(map(Served, outcomes, labels, failed))


def _some(rng: np.random.Generator, counts: IntArray, share: float) -> IntArray:
    return rng.binomial(counts, share) if share else np.zeros_like(counts)


def _outcomes(behaviour: Behaviour, heard: int, failed: int, measures: dict[str, Any]) -> Cell:
    if not heard:
        return NOTHING
    errors = {behaviour.error_type: failed} if failed else {}
    return Cell(outcomes=heard, requests=heard, errors=errors, **measures)


def _measures(
    rng: np.random.Generator, behaviour: Behaviour, answered: IntArray
) -> Iterator[dict[str, Any]]:
    """Latency, tokens and cost of the requests of each look that were answered."""
    latency = log_normal(behaviour.latency_p50_ms * 1000, behaviour.spread)
    tokens = token_sums(behaviour.input_tokens, behaviour.output_tokens, TOKENS_SPREAD)
    took, used = latency.draw(rng, answered), tokens.draw(rng, answered)
    costs, spent = tokens.priced(used, behaviour.usd_per_1k_tokens * 1000)
    totals = zip(latency.totals(took), tokens.totals(used), spent, strict=True)
    sketches = zip(latency.sketches(took), tokens.sketches(used), costs, strict=True)
    asked = behaviour.input_tokens / (behaviour.input_tokens + behaviour.output_tokens)
    for count, sums, shapes in zip(answered.tolist(), totals, sketches, strict=True):
        yield _measured(count, sums, shapes, asked) if count else {}


def _measured(
    count: int, sums: tuple[int, int, int], sketches: tuple[Sketch, ...], asked: float
) -> dict[str, Any]:
    """The tables of a cell; of the tokens a share was `asked`, the rest answered."""
    names = ("latency_us", "tokens", "cost_microusd")
    total = sums[1]
    told = round(total * asked)
    summed = {
        **dict(zip(names, sums, strict=True)),
        "input_tokens": told,
        "output_tokens": total - told,
    }
    return {
        "sums": summed,
        "counts": dict.fromkeys(summed, count),
        "sketches": dict(zip(names, sketches, strict=True)),
    }


def _labels(rng: np.random.Generator, behaviour: Behaviour, answered: IntArray) -> Iterator[Cell]:
    """Ratings and judges' verdicts of requests that were answered; no requests by themselves."""
    rated = _some(rng, answered, behaviour.rated)
    judged = _some(rng, answered, behaviour.judged)
    flagged = {
        "hallucination": _some(rng, judged, behaviour.hallucination_rate).tolist(),
        "safety_violation": _some(rng, judged, behaviour.safety_rate).tolist(),
    }
    ratings = _ratings(rng, behaviour, rated)
    for look, (stars, verdicts) in enumerate(zip(rated.tolist(), judged.tolist(), strict=True)):
        counts = {name: found[look] for name, found in flagged.items() if found[look]}
        yield _label(rng, verdicts, counts, stars, ratings[look] if stars else {})


def _label(
    rng: np.random.Generator,
    judged: int,
    flagged: dict[str, int],
    rated: int,
    ratings: dict[str, Any],
) -> Cell:
    if not rated + judged:
        return NOTHING
    named = min(flagged.get("safety_violation", 0), MAX_SAFETY_IDS)
    names = ("hallucination", "safety_violation") if judged else ()
    return Cell(
        outcomes=max(rated, judged),
        labelled=dict.fromkeys(names, judged),
        flagged=flagged,
        **ratings,
        safety_request_ids=tuple(f"simulated-{rng.integers(1 << 48):012x}" for _ in range(named)),
    )


def _ratings(
    rng: np.random.Generator, behaviour: Behaviour, rated: IntArray
) -> list[dict[str, Any]]:
    counts = rng.multinomial(rated, star_shares(behaviour.rating_mean, RATING_SPREAD))
    rows = zip((counts @ _STARS).tolist(), rated.tolist(), sketches_of(_STARS, counts), strict=True)
    return [
        {
            "sums": {"rating_tenths": total},
            "counts": {"rating_tenths": count},
            "sketches": {"rating_tenths": sketch},
        }
        for total, count, sketch in rows
    ]
