"""Observing: what came since the last tick goes into the tests of every sequential trigger."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.judge.sequential import looks
from headgate.judge.sequential.arms import Observed, arms_of, label_delay_ms
from headgate.judge.sequential.plan import plan_of
from headgate.judge.sequential.process import empty
from headgate.judge.sequential.reference import Stable
from headgate.judge.sequential.state import NOT_COUNTED, Evidence, TriggerEvidence
from headgate.judge.sequential.tester import Moment, Tester


def observe(policy: Policy, evidence: Evidence, seen: Observed) -> Evidence:
    """The evidence after a tick; the same object where nothing came and no look fell due."""
    if not seen.fresh and not seen.ended and not _is_due(evidence, seen.now_ms):
        return evidence
    arms = arms_of(evidence, seen)
    moment = _moment(evidence, seen.now_ms, arms.candidate.requests)
    triggers = dict(evidence.triggers)
    for trigger in policy.triggers:
        if trigger.proof != "sequential":
            continue
        known = triggers.get(trigger.name, TriggerEvidence())
        if trigger.name in seen.ended:
            known = _anew(known)
        plan = plan_of(trigger)
        take, faults = plan.sampled.take, seen.faults
        tester = Tester(plan, moment, evidence.effects.get(trigger.name, looks.NO_EFFECT))
        pairs = {rev: (take(a, faults), take(b, faults)) for rev, (a, b) in arms.pairs.items()}
        triggers[trigger.name] = tester.after(known, take(arms.candidate, faults), pairs)
    stable = [cell for (version, _), cell in seen.fresh.items() if version == seen.stable]
    return replace(
        evidence,
        requests=moment.requests,
        observed_ms=seen.now_ms,
        triggers=triggers,
        reference=moment.reference.after(stable),
        label_delay_ms=label_delay_ms(evidence, seen),
    )


def _is_due(evidence: Evidence, now_ms: int) -> bool:
    """Whether an open look has both arms and its minute is over."""
    return any(
        now_ms - look.opened_ms >= looks.LOOK_MS and look.candidate.n and look.stable.n
        for trigger in evidence.triggers.values()
        for look in trigger.looks.values()
    )


def _moment(evidence: Evidence, now_ms: int, completed: int) -> Moment:
    warm_up = evidence.warm_up
    warming = warm_up is not None and evidence.observed_ms < warm_up.until_ms
    elapsed_ms = now_ms - max(evidence.observed_ms, evidence.started_ms)
    return Moment(
        now_ms=now_ms,
        requests=evidence.requests + completed,
        planned=evidence.planned,
        in_flight=warm_up.routed_per_s * elapsed_ms / 1000 if warm_up and warming else 0.0,
        warm_up=warm_up,
        warming=warming,
        splits={split.revision: split for split in evidence.splits},
        current=evidence.splits[-1].revision if evidence.splits else 0,
        reference=Stable(evidence.reference),
    )


def _anew(known: TriggerEvidence) -> TriggerEvidence:
    """Dropping evidence keeps every bound; what was spent of the budget stays spent."""
    zero = tuple(empty().tolist())
    absolute, relative = known.absolute, known.relative
    if absolute.begun:
        absolute = replace(absolute, wealth=zero, log_e=-1e3)
    if relative.begun:
        relative = replace(relative, wealth=zero, log_e=-1e3)
    return replace(
        known,
        absolute=absolute,
        relative=relative,
        building=NOT_COUNTED,
        holding_since_ms=None,
    )
