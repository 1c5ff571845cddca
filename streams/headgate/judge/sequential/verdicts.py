"""Verdicts of sequential proof: the evidence of a trigger as a person reads it."""

from __future__ import annotations

from functools import lru_cache
from math import log
from typing import Any

from headgate.judge.policy import Policy, Trigger
from headgate.judge.sequential import words
from headgate.judge.sequential.bank import Kind, bank_of
from headgate.judge.sequential.combining import (
    Combined,
    combine,
    e_value,
    is_beside,
    log_good,
)
from headgate.judge.sequential.holds import is_hold
from headgate.judge.sequential.plan import Plan, plan_of
from headgate.judge.sequential.state import UNTESTED, Evidence, TriggerEvidence
from headgate.judge.verdicts import Assessment
from headgate.vocabulary import Reason, Verdict


@lru_cache(maxsize=64)
def assess_sequential(
    policy: Policy, evidence: Evidence, *, brief: bool = False
) -> dict[str, Assessment]:
    """The verdict of every sequential trigger; a read of unchanged evidence costs nothing.

    `brief` leaves out the words and numbers of what nobody will be told.
    """
    combined, bank = combine(policy, evidence), bank_of(policy)
    beside, triggers, found = is_beside(evidence), evidence.triggers, {}
    loud = set()
    for trigger, plan in zip(bank.triggers, bank.plans, strict=True):
        name = trigger.name
        known, calm = triggers.get(name, UNTESTED), combined.log_e[name] < 0
        missing = _missing(plan, known, beside=beside)
        proven = name in combined.proven
        held = known.holding_since_ms is not None and is_hold(policy, combined.tests[name])
        if brief and not proven and not held:
            found[name] = _in_brief(name, missing, calm=calm)
            continue
        reason = missing or _reason(calm=calm, proven=proven, held=held)
        found[name] = seen = _in_full(policy, trigger, evidence, combined, reason)
        if seen.verdict is Verdict.BREACH or seen.hold:
            loud.add(name)
    for trigger in policy.triggers if loud else ():
        if trigger.name in found and loud.intersection(trigger.quiet_when):
            found[trigger.name] = _said_elsewhere(found[trigger.name], trigger, loud)
    return found


_VERDICTS = {
    Reason.PROVEN: Verdict.BREACH,
    Reason.NOT_WORSE_THAN_STABLE: Verdict.SUSPECT,
    Reason.NOT_PROVEN: Verdict.SUSPECT,
    Reason.WITHIN_LIMIT: Verdict.OK,
}


def _reason(*, calm: bool, proven: bool, held: bool) -> Reason:
    if proven:
        return Reason.PROVEN
    if held:
        return Reason.NOT_WORSE_THAN_STABLE
    return Reason.WITHIN_LIMIT if calm else Reason.NOT_PROVEN


@lru_cache(maxsize=1024)
def _in_brief(trigger: str, missing: Reason | None, *, calm: bool) -> Assessment:
    """The assessment of what is neither proven nor held, without its words and numbers."""
    reason = missing or _reason(calm=calm, proven=False, held=False)
    verdict = _VERDICTS.get(reason, Verdict.UNKNOWN)
    cleared = calm and missing is None
    return Assessment(trigger=trigger, verdict=verdict, reason=reason, sentence="", cleared=cleared)


def _in_full(
    policy: Policy, trigger: Trigger, evidence: Evidence, combined: Combined, reason: Reason
) -> Assessment:
    """The assessment with its words and numbers."""
    plan, known = plan_of(trigger), evidence.triggers.get(trigger.name, UNTESTED)
    verdict = _VERDICTS.get(reason, Verdict.UNKNOWN)
    if verdict is Verdict.UNKNOWN:
        sentence = words.unknown(trigger, plan, known, reason)
        return Assessment(trigger=trigger.name, verdict=verdict, reason=reason, sentence=sentence)
    good = log_good(policy, trigger, evidence)
    numbers = _numbers(policy, trigger, evidence, combined, good)
    held = reason is Reason.NOT_WORSE_THAN_STABLE
    return Assessment(
        trigger=trigger.name,
        verdict=verdict,
        reason=reason,
        sentence=words.sentence(trigger, plan, known, reason, numbers),
        evidence=numbers,
        hold=held,
        cleared=combined.log_e[trigger.name] < 0 and not held,
        proven_good=None if good is None else good >= log(1 / policy.proof.false_promotion),
    )


def _missing(plan: Plan, known: TriggerEvidence, *, beside: bool) -> Reason | None:
    """What a verdict lacks; unknown never promotes and never rolls back."""
    if plan.limit is None and not beside:
        return Reason.NO_BASELINE
    if plan.limit is not None and known.spent[Kind.ABSOLUTE] < 0:
        return Reason.TOO_FEW_SAMPLES
    if plan.relative is not None and beside and known.spent[Kind.RELATIVE] < 0:
        return (
            Reason.TOO_FEW_SAMPLES if not known.total.candidate else Reason.TOO_FEW_STABLE_SAMPLES
        )
    return None


def _said_elsewhere(seen: Assessment, trigger: Trigger, loud: set[str]) -> Assessment:
    names = ", ".join(name for name in trigger.quiet_when if name in loud)
    if seen.verdict is not Verdict.BREACH:
        return seen
    return Assessment(
        trigger=seen.trigger,
        verdict=Verdict.SUSPECT,
        reason=Reason.SAID_ELSEWHERE,
        sentence=f"{seen.sentence} The breach of {names} says it all.",
        evidence=seen.evidence,
    )


def _numbers(
    policy: Policy, trigger: Trigger, evidence: Evidence, combined: Combined, good: float | None
) -> dict[str, Any]:
    """The evidence as data: counts of both arms, the limit, the e-value and what it took."""
    plan, known = plan_of(trigger), evidence.triggers[trigger.name]
    tests, spent = combined.tests[trigger.name], known.spent
    counted = known.building if known.building.candidate else known.total
    mine, stable = words.values(plan, counted)
    needed = combined.needed[trigger.name]
    numbers: dict[str, Any] = {
        "proof": "sequential",
        "metric": trigger.metric,
        "candidate": _short(mine),
        "candidate_samples": counted.candidate,
        "stable": _short(stable),
        "stable_samples": counted.stable,
        "limit": _short(words.limit(plan, known)),
        "e_value": _short(e_value(combined.log_e[trigger.name])),
        "e_needed": _short(needed),
        "e_absolute": _short(e_value(tests[0])) if spent[0] >= 0 else None,
        "e_relative": _short(e_value(tests[1])) if spent[1] >= 0 else None,
        "e_combined": _short(combined.total) if trigger.can_roll_back else None,
        "e_good": _short(e_value(good)) if good is not None else None,
        "e_good_needed": _short(1 / policy.proof.false_promotion) if good is not None else None,
        "took_ms": max(evidence.observed_ms - counted.since_ms, 0),
        "since_ms": counted.since_ms,
        "path": [[at_ms - evidence.started_ms, log_e] for at_ms, log_e in known.path],
    }
    if plan.counts_hits:
        numbers["candidate_hits"] = counted.candidate_hits
        numbers["stable_hits"] = counted.stable_hits
    return {name: value for name, value in numbers.items() if value is not None}


def _short(number: float | None) -> float | None:
    """Five significant digits: what a person reads, and the same on every machine."""
    return None if number is None else float(f"{number:.5g}")
