"""Plain proof: a metric over a window beyond its limit, for long enough, is a breach.

Simple to explain and quick to fool: repeated looks at small windows fire on noise. It stays
available per trigger; a sequential proof can take its place without the rest noticing.
"""

from __future__ import annotations

from functools import partial

from msgspec import Struct

from headgate.judge.durations import say_duration
from headgate.judge.looks import Look, Reader
from headgate.judge.policy import Trigger
from headgate.judge.recorded import origin_of, subject_of, unrecorded
from headgate.judge.verdicts import Assessment, Memory
from headgate.measure.metrics import METRICS, Reading
from headgate.vocabulary import Reason, Verdict


class _Comparison(Struct, frozen=True):
    """The numbers of one look at one trigger; `limit` is None where nothing can be compared."""

    candidate: Reading
    stable: Reading | None
    limit: float | None
    crossed: bool = False
    shared_with_stable: bool = False
    missing: Reason | None = None


def assess_threshold(trigger: Trigger, look: Look, memory: Memory) -> tuple[Assessment, Memory]:
    """The verdict of one look and what to remember of it.

    Unknown forgets: time that nobody watched counts neither as crossed nor as clear.
    """
    if look.blind:
        return blind(trigger, look), Memory()
    seen = _compare(trigger, look)
    if seen.missing is not None:
        return _unknown(trigger, seen), Memory()
    if seen.crossed:
        since_ms = memory.crossed_since_ms if memory.crossed_since_ms is not None else look.now_ms
        lasted_ms = look.now_ms - since_ms
        return _crossed(trigger, seen, lasted_ms), Memory(crossed_since_ms=since_ms)
    since_ms = memory.clear_since_ms if memory.clear_since_ms is not None else look.now_ms
    cleared = look.now_ms - since_ms >= trigger.lasting
    brief = look.brief
    return _within(trigger, seen, cleared, brief=brief), Memory(clear_since_ms=since_ms)


def _compare(trigger: Trigger, look: Look) -> _Comparison:
    read = partial(_read, trigger, look)
    relative = trigger.limit.beside_stable
    candidate = read(look.candidate.same_split if relative else look.candidate.window)
    missing = _few(trigger, candidate)
    if look.brief and not relative and (missing or not _is_crossed(trigger, candidate)):
        return _Comparison(candidate, None, _absolute_limit(trigger), missing=missing)
    stable = read(look.stable.same_split) if look.stable else None
    if missing is not None:
        return _Comparison(candidate, stable, None, missing=missing)
    if relative:
        return _compare_with_baseline(trigger, candidate, stable)
    limit = _absolute_limit(trigger)
    if limit is None or not _is_crossed(trigger, candidate):
        return _Comparison(candidate, stable, limit)
    if trigger.beside_stable is None or look.stable is None:
        return _Comparison(candidate, stable, limit, crossed=True)
    beside = read(look.candidate.same_split)
    return _compare_beside(trigger, candidate, beside, stable, limit)


def _read(trigger: Trigger, look: Look, arm: Reader) -> Reading:
    row = METRICS[trigger.metric]
    return row.read(arm(trigger.window, depth=row.depth), look.faults)


def _compare_with_baseline(
    trigger: Trigger, candidate: Reading, stable: Reading | None
) -> _Comparison:
    if stable is None:
        return _Comparison(candidate, None, None, missing=Reason.NO_BASELINE)
    if stable.value is None or stable.samples < trigger.min_stable_samples:
        return _Comparison(candidate, stable, None, missing=Reason.TOO_FEW_STABLE_SAMPLES)
    value = candidate.value if candidate.value is not None else stable.value
    if trigger.limit.below_stable_by is not None:
        limit = stable.value - trigger.limit.below_stable_by
        crossed = value < limit
    else:
        limit = (trigger.limit.above_stable_times or 1.0) * stable.value
        crossed = value > limit
    return _Comparison(candidate, stable, limit, crossed=crossed)


def _few(trigger: Trigger, candidate: Reading) -> Reason | None:
    few = candidate.value is None or candidate.samples < trigger.min_samples
    return Reason.TOO_FEW_SAMPLES if few else None


def _absolute_limit(trigger: Trigger) -> float | None:
    return trigger.limit.above if trigger.limit.above is not None else trigger.limit.below


def _is_crossed(trigger: Trigger, candidate: Reading) -> bool:
    """Whether it lies beyond an absolute limit."""
    value = candidate.value
    if value is None:
        return False
    if trigger.limit.above is not None:
        return value > trigger.limit.above
    return trigger.limit.below is not None and value < trigger.limit.below


def _compare_beside(
    trigger: Trigger, candidate: Reading, beside: Reading, stable: Reading | None, limit: float
) -> _Comparison:
    """Bad absolutely; now also against stable under the same split?"""
    rule = trigger.beside_stable
    if beside.value is None or beside.samples < trigger.min_samples:
        return _Comparison(candidate, stable, limit, missing=Reason.TOO_FEW_SAMPLES)
    few_stable = stable is None or stable.samples < trigger.min_stable_samples
    if rule is None or stable is None or stable.value is None or few_stable:
        return _Comparison(candidate, stable, limit, missing=Reason.TOO_FEW_STABLE_SAMPLES)
    if rule.above_times is not None:
        worse = beside.value > rule.above_times * stable.value
    else:
        worse = beside.value < stable.value - (rule.below_margin or 0.0)
    return _Comparison(candidate, stable, limit, crossed=True, shared_with_stable=not worse)


def _crossed(trigger: Trigger, seen: _Comparison, lasted_ms: int) -> Assessment:
    lasting = lasted_ms >= trigger.lasting
    words = _words(trigger, seen)
    evidence = {**_evidence(trigger, seen), "lasted_ms": lasted_ms}
    if seen.shared_with_stable:
        return Assessment(
            trigger=trigger.name,
            verdict=Verdict.SUSPECT,
            reason=Reason.NOT_WORSE_THAN_STABLE,
            sentence=f"{words}, but stable is no better: an outage, not this version's fault.",
            evidence=evidence,
            hold=lasting,
        )
    if trigger.metric == "safety_violations":
        reason = Reason.SAFETY_VIOLATION
    else:
        reason = Reason.LIMIT_CROSSED_LASTING if lasting else Reason.LIMIT_CROSSED
    length = f"for {say_duration(lasted_ms)}" if lasted_ms else "just now"
    return Assessment(
        trigger=trigger.name,
        verdict=Verdict.BREACH if lasting else Verdict.SUSPECT,
        reason=reason,
        sentence=f"{words}, {length}"
        + ("." if lasting else f"; a breach after {say_duration(trigger.lasting)}."),
        evidence=evidence,
    )


def _within(trigger: Trigger, seen: _Comparison, cleared: bool, *, brief: bool) -> Assessment:
    return Assessment(
        trigger=trigger.name,
        verdict=Verdict.OK,
        reason=Reason.WITHIN_LIMIT,
        sentence="" if brief else f"{_words(trigger, seen)}.",
        evidence={} if brief else _evidence(trigger, seen),
        cleared=cleared,
    )


def _unknown(trigger: Trigger, seen: _Comparison) -> Assessment:
    row = METRICS[trigger.metric]
    have, need, whose = seen.candidate.samples, trigger.min_samples, subject_of(trigger)
    if seen.missing is Reason.TOO_FEW_STABLE_SAMPLES:
        have = seen.stable.samples if seen.stable else 0
        need, whose = trigger.min_stable_samples, "stable"
    if seen.missing is Reason.NO_BASELINE:
        sentence = f"The {row.noun} has no baseline: {unrecorded(trigger)}."
    else:
        window = say_duration(trigger.window)
        sentence = (
            f"{have} of {need} {row.unit_samples} that a verdict needs from {whose} in {window}."
        )
    return Assessment(
        trigger=trigger.name,
        verdict=Verdict.UNKNOWN,
        reason=seen.missing or Reason.TOO_FEW_SAMPLES,
        sentence=sentence[0].upper() + sentence[1:],
        evidence=_evidence(trigger, seen),
    )


def blind(trigger: Trigger, look: Look) -> Assessment:
    """Unknown, whatever the tables say: they can't be trusted now."""
    lagging = look.blind_because_lagging
    return Assessment(
        trigger=trigger.name,
        verdict=Verdict.UNKNOWN,
        reason=Reason.INGEST_LAGGING if lagging else Reason.TELEMETRY_STALE,
        sentence=look.blind,
    )


def _words(trigger: Trigger, seen: _Comparison) -> str:
    row = METRICS[trigger.metric]
    falls = trigger.limit.below is not None or trigger.limit.below_stable_by is not None
    side = "under" if falls else "over"
    if not seen.crossed:
        side = {"under": "not under", "over": "within"}[side]
    if trigger.metric == "safety_violations":
        count = seen.candidate.hits or 0
        noun = "safety violation" if count == 1 else "safety violations"
        return f"{count} {noun} of {subject_of(trigger)} in {say_duration(trigger.window)}"
    words = f"{row.noun} {row.say(seen.candidate.value)} is {side} the limit {row.say(seen.limit)}"
    words += origin_of(trigger)
    if seen.stable is not None and seen.stable.value is not None:
        words += f" (stable: {row.say(seen.stable.value)})"
    words += f" over {seen.candidate.samples:,} {row.unit_samples}"
    return words[0].upper() + words[1:]


def _evidence(trigger: Trigger, seen: _Comparison) -> dict[str, object]:
    numbers: dict[str, object] = {
        "metric": trigger.metric,
        "window_ms": trigger.window,
        "candidate": seen.candidate.value,
        "candidate_samples": seen.candidate.samples,
        "candidate_hits": seen.candidate.hits,
        "limit": seen.limit,
        "stable": seen.stable.value if seen.stable else None,
        "stable_samples": seen.stable.samples if seen.stable else None,
        "stable_hits": seen.stable.hits if seen.stable else None,
        "request_ids": list(seen.candidate.request_ids) or None,
    }
    return {name: value for name, value in numbers.items() if value is not None}
