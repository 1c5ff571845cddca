"""Verdicts of sequential proof: the evidence of a trigger as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import log
from typing import Any

import numpy as np

from headgate.judge.policy import Policy, Trigger
from headgate.judge.sequential import words
from headgate.judge.sequential.bank import KINDS, Kind, bank_of
from headgate.judge.sequential.bets import Flags, Floats, Whole
from headgate.judge.sequential.columns import known_of
from headgate.judge.sequential.combining import (
    Combined,
    combine,
    e_value,
    log_good,
)
from headgate.judge.sequential.holds import is_hold
from headgate.judge.sequential.plan import Plan, plan_of
from headgate.judge.sequential.state import Evidence, is_beside
from headgate.judge.verdicts import Assessment
from headgate.measure.compiled import compiled
from headgate.vocabulary import Reason, Verdict


@lru_cache(maxsize=64)
def assess_sequential(
    policy: Policy, evidence: Evidence, *, brief: bool = False
) -> dict[str, Assessment]:
    """The verdict of every sequential trigger; a read of unchanged evidence costs nothing.

    `brief` leaves out the words and numbers of what nobody will be told.
    """
    combined = combine(policy, evidence)
    quiet = _in_brief(policy, is_beside(evidence), _signs(combined)) if brief else {}
    if quiet and not combined.proven and not evidence.holding:
        return quiet
    known = known_of(policy, evidence)
    held = {name for name in evidence.holding if is_hold(policy, combined.tests[name])}
    said = combined.proven | held if brief else known.keys()
    found = {
        trigger.name: _in_full(policy, trigger, evidence, combined, held=trigger.name in held)
        if trigger.name in said
        else quiet[trigger.name]
        for trigger in combined.bank.triggers
    }
    loud = {name for name, seen in found.items() if seen.verdict is Verdict.BREACH or seen.hold}
    for trigger in combined.bank.triggers if loud else ():
        if loud.intersection(trigger.quiet_when):
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


def _signs(combined: Combined) -> bytes:
    """What a brief verdict rests on: of each trigger whether its evidence is nothing and whether
    nothing came of the candidate, of each test whether it has not looked.
    """
    columns, triggers = combined.columns, len(combined.bank)
    signs = np.empty(triggers * (2 + KINDS), np.bool_)
    _set_signs(signs, combined.breach, columns.counts, columns.spent)
    return signs.tobytes()


@compiled("(b1[::1], f8[::1], i8[:,:,::1], i8[::1])")
def _set_signs(signs: Flags, breach: Floats, counts: Whole, spent: Whole) -> None:
    triggers = len(breach)
    for row in range(triggers):
        signs[row], signs[triggers + row] = breach[row] < 0, counts[1, row, 1] == 0
    for test in range(len(spent)):
        signs[2 * triggers + test] = spent[test] < 0


@lru_cache(maxsize=4096)
def _in_brief(policy: Policy, beside: bool, signs: bytes) -> dict[str, Assessment]:
    """The assessments of what is neither proven nor held, without their words and numbers."""
    bank = bank_of(policy)
    calm, empty, unspent = signs[: len(bank)], signs[len(bank) :], signs[2 * len(bank) :]
    found = {}
    for row, (name, plan) in enumerate(zip(bank.names, bank.plans, strict=True)):
        tests = unspent[row * KINDS : row * KINDS + KINDS]
        missing = _missing(plan, tests, empty=bool(empty[row]), beside=beside)
        reason = missing or _reason(calm=bool(calm[row]), proven=False, held=False)
        found[name] = Assessment(
            trigger=name,
            verdict=_VERDICTS.get(reason, Verdict.UNKNOWN),
            reason=reason,
            sentence="",
            cleared=bool(calm[row]) and missing is None,
        )
    return found


def _in_full(
    policy: Policy, trigger: Trigger, evidence: Evidence, combined: Combined, *, held: bool
) -> Assessment:
    """The assessment with its words and numbers."""
    name, plan, known = trigger.name, plan_of(trigger), known_of(policy, evidence)[trigger.name]
    calm, unspent = combined.log_e[name] < 0, [spent < 0 for spent in known.spent]
    empty, beside = not known.total.candidate, is_beside(evidence)
    missing = _missing(plan, unspent, empty=empty, beside=beside)
    reason = missing or _reason(calm=calm, proven=name in combined.proven, held=held)
    verdict = _VERDICTS.get(reason, Verdict.UNKNOWN)
    if verdict is Verdict.UNKNOWN:
        sentence = words.unknown(trigger, plan, known, reason)
        return Assessment(trigger=name, verdict=verdict, reason=reason, sentence=sentence)
    good = log_good(policy, trigger, evidence)
    numbers = _numbers(policy, trigger, evidence, combined, good)
    if reason is Reason.WITHIN_LIMIT and words.is_beyond(trigger, numbers):
        reason = Reason.NOT_PROVEN
    held = reason is Reason.NOT_WORSE_THAN_STABLE
    return Assessment(
        trigger=name,
        verdict=_VERDICTS[reason],
        reason=reason,
        sentence=words.sentence(trigger, plan, known, reason, numbers),
        evidence=numbers,
        hold=held,
        cleared=calm and not held,
        proven_good=None if good is None else good >= log(1 / policy.proof.false_promotion),
    )


def _missing(plan: Plan, unspent: Sequence[int], *, empty: bool, beside: bool) -> Reason | None:
    """What a verdict lacks, where tests are `unspent` or nothing came (`empty`); unknown never
    promotes and never rolls back.
    """
    if plan.limit is None and not beside:
        return Reason.NO_BASELINE
    if plan.limit is not None and unspent[Kind.ABSOLUTE]:
        return Reason.TOO_FEW_SAMPLES
    if plan.relative is not None and beside and unspent[Kind.RELATIVE]:
        return Reason.TOO_FEW_SAMPLES if empty else Reason.TOO_FEW_STABLE_SAMPLES
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
    plan, known = plan_of(trigger), known_of(policy, evidence)[trigger.name]
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
