"""Evidence in words: one sentence a tired person understands."""

from __future__ import annotations

from typing import Any

from headgate.judge.durations import say_duration
from headgate.judge.policy import Trigger
from headgate.judge.recorded import origin_of, subject_of, unrecorded
from headgate.judge.sequential.columns import TriggerEvidence
from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.samples import SAMPLED, Family
from headgate.judge.sequential.state import Counted
from headgate.measure.metrics import METRICS
from headgate.vocabulary import Reason

Pair = tuple[float | None, float | None]


def values(plan: Plan, counted: Counted) -> Pair:
    """Both arms' values in the metric's unit; for quantiles the share that is slower."""
    if plan.counts_hits:
        mine, stable = counted.candidate_hits, counted.stable_hits
        unit = 1
    else:
        mine, stable = counted.candidate_total, counted.stable_total
        unit = plan.sampled.per_unit
    return (
        mine / counted.candidate / unit if counted.candidate else None,
        stable / counted.stable / unit if counted.stable else None,
    )


def limit(plan: Plan, known: TriggerEvidence) -> float | None:
    """The limit in the metric's unit: the absolute one, or what stable's value allows."""
    if plan.limit is not None:
        return plan.limit
    if plan.relative is None:
        return None
    if plan.sampled.family is Family.RATE:
        _, stable = values(plan, known.total)
        return None if stable is None else plan.relative * stable
    reference = known.reference / plan.sampled.per_unit
    if plan.sampled.family is Family.RATING:
        return reference - plan.relative
    return plan.relative * reference


def sentence(
    trigger: Trigger,
    plan: Plan,
    known: TriggerEvidence,
    reason: Reason,
    numbers: dict[str, Any],
) -> str:
    """What was seen, what it is measured by, and how sure that is."""
    seen = _seen(trigger, plan, numbers)
    evidence = f"evidence {_odds(numbers['e_value'])} to 1, {_odds(numbers['e_needed'])} needed"
    took = say_duration(numbers["took_ms"])
    if reason is Reason.PROVEN:
        end = f": proven ({evidence}) in {took}."
    elif reason is Reason.NOT_WORSE_THAN_STABLE:
        end = ", but stable is no better: an outage, not this version's fault."
    elif reason is Reason.NOT_PROVEN:
        end = f": not proven ({evidence})."
    else:
        end = "."
    return seen + end


def _seen(trigger: Trigger, plan: Plan, numbers: dict[str, Any]) -> str:
    row = METRICS[trigger.metric]
    count = f"{numbers['candidate_samples']:,} {row.unit_samples}"
    if plan.sampled.family is Family.QUANTILE:
        share, stable = numbers.get("candidate"), numbers.get("stable")
        times = f"{plan.relative:g} times stable's {row.noun}, " if plan.relative else ""
        origin = origin_of(trigger)
        beside = f" (stable: {stable:.1%} over it)" if stable is not None and plan.relative else ""
        slower = f"{share:.1%}" if share is not None else "None"
        return (
            f"{slower} of {count} took longer than {times}{row.say(numbers.get('limit'))}"
            f"{origin}{beside}"
        )
    stable = numbers.get("stable")
    beside = f" (stable: {row.say(stable)})" if stable is not None else ""
    side = _side(trigger, numbers)
    words = f"{row.noun} {row.say(numbers.get('candidate'))}{beside} over {count}"
    words += f" is {side} the limit {row.say(numbers.get('limit'))}{origin_of(trigger)}"
    return words[0].upper() + words[1:]


def is_beyond(trigger: Trigger, numbers: dict[str, Any]) -> bool:
    """Whether what was seen lies beyond the limit, however few they are; of quantiles, whether more
    are slower than the quantile says.
    """
    value, allowed = numbers.get("candidate"), numbers.get("limit")
    sampled = SAMPLED[trigger.metric]
    if sampled.family is Family.QUANTILE:
        allowed = 1 - sampled.share
    if value is None or allowed is None:
        return False
    falls = trigger.limit.below is not None or trigger.limit.below_stable_by is not None
    return bool(value < allowed if falls else value > allowed)


def _side(trigger: Trigger, numbers: dict[str, Any]) -> str:
    falls = trigger.limit.below is not None or trigger.limit.below_stable_by is not None
    if numbers.get("candidate") is None or numbers.get("limit") is None:
        return "near"
    if is_beyond(trigger, numbers):
        return "under" if falls else "over"
    return "not under" if falls else "within"


def _odds(e: float) -> str:
    if e >= 1e6:
        return "over 1,000,000"
    return f"{e:,.0f}" if e >= 10 else f"{e:.2g}"


def unknown(trigger: Trigger, plan: Plan, known: TriggerEvidence, missing: Reason) -> str:
    """What a verdict lacks."""
    row = METRICS[trigger.metric]
    if missing is Reason.NO_BASELINE:
        return f"The {row.noun} has no baseline: {unrecorded(trigger)}."
    if missing is Reason.TOO_FEW_SAMPLES:
        return f"No {row.unit_samples} of {subject_of(trigger)} to judge by yet."
    have = known.total
    return (
        f"{have.candidate} {row.unit_samples} of the candidate and {have.stable} of stable are too "
        f"few to compare; a look needs {plan.look_samples} of each under one split."
    )
