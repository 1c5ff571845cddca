"""Verdicts of sequential proof: the evidence of a trigger as a person reads it."""

from __future__ import annotations

from functools import lru_cache
from math import log
from typing import Any

from msgspec import Struct

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
from headgate.judge.sequential.process import NOTHING
from headgate.judge.sequential.state import UNTESTED, Evidence, TriggerEvidence
from headgate.judge.verdicts import Assessment
from headgate.vocabulary import Reason, Verdict


@lru_cache(maxsize=512)
def assess_sequential(
    policy: Policy, evidence: Evidence, *, brief: bool = False
) -> dict[str, Assessment]:
    """The verdict of every sequential trigger; a read of unchanged evidence costs nothing.

    `brief` leaves out the words and numbers of what nobody will be told.
    """
    combined, bank = combine(policy, evidence), bank_of(policy)
    beside = is_beside(evidence)
    found = {}
    for trigger, plan in zip(bank.triggers, bank.plans, strict=True):
        known = evidence.triggers.get(trigger.name, UNTESTED)
        standing = _standing(policy, trigger, plan, known, combined, beside=beside)
        quiet = brief and not standing.proven and not standing.held
        found[trigger.name] = (
            _in_brief(trigger, standing)
            if quiet
            else _in_full(policy, trigger, standing, evidence, combined)
        )
    loud = {name for name, seen in found.items() if seen.verdict is Verdict.BREACH or seen.hold}
    for trigger in policy.triggers if loud else ():
        if trigger.name in found and loud.intersection(trigger.quiet_when):
            found[trigger.name] = _said_elsewhere(found[trigger.name], trigger, loud)
    return found


class _Standing(Struct, frozen=True):
    """Where a trigger's evidence stands; `log_e` is ln E of a breach, if that is known."""

    verdict: Verdict
    reason: Reason
    log_e: float = NOTHING
    proven: bool = False
    held: bool = False

    @property
    def cleared(self) -> bool:
        """Whether what was proven is not any more."""
        return self.log_e < 0 and not self.held and self.verdict is not Verdict.UNKNOWN


def _standing(
    policy: Policy,
    trigger: Trigger,
    plan: Plan,
    known: TriggerEvidence,
    combined: Combined,
    *,
    beside: bool,
) -> _Standing:
    missing = _missing(plan, known, beside=beside)
    if missing is not None:
        return _Standing(Verdict.UNKNOWN, missing)
    name = trigger.name
    log_e, proven = combined.log_e[name], name in combined.proven
    held = known.holding_since_ms is not None and is_hold(policy, combined.tests[name])
    if proven:
        return _Standing(Verdict.BREACH, Reason.PROVEN, log_e, proven, held)
    if held:
        return _Standing(Verdict.SUSPECT, Reason.NOT_WORSE_THAN_STABLE, log_e, proven, held)
    if log_e >= 0:
        return _Standing(Verdict.SUSPECT, Reason.NOT_PROVEN, log_e)
    return _Standing(Verdict.OK, Reason.WITHIN_LIMIT, log_e)


def _in_brief(trigger: Trigger, standing: _Standing) -> Assessment:
    return Assessment(
        trigger=trigger.name,
        verdict=standing.verdict,
        reason=standing.reason,
        sentence="",
        cleared=standing.cleared,
    )


def _in_full(
    policy: Policy, trigger: Trigger, standing: _Standing, evidence: Evidence, combined: Combined
) -> Assessment:
    plan = plan_of(trigger)
    known, reason = evidence.triggers.get(trigger.name, UNTESTED), standing.reason
    if standing.verdict is Verdict.UNKNOWN:
        return Assessment(
            trigger=trigger.name,
            verdict=standing.verdict,
            reason=reason,
            sentence=words.unknown(trigger, plan, known, reason),
        )
    good = log_good(policy, trigger, evidence)
    numbers = _numbers(policy, trigger, evidence, combined, good)
    return Assessment(
        trigger=trigger.name,
        verdict=standing.verdict,
        reason=reason,
        sentence=words.sentence(trigger, plan, known, reason, numbers),
        evidence=numbers,
        hold=standing.held and not standing.proven,
        cleared=standing.cleared,
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
