"""Outage holds: bad absolutely, but stable is bad too, and nobody can say whose fault it is."""

from __future__ import annotations

from functools import lru_cache
from math import log

from msgspec.structs import replace

from headgate.judge.looks import Look
from headgate.judge.policy import Policy, Trigger
from headgate.judge.sequential.bank import KINDS, Kind, bank_of
from headgate.judge.sequential.columns import columns_of
from headgate.judge.sequential.state import Evidence
from headgate.measure.metrics import METRICS

BEGINS_MS = 60_000
ENDS_MS = 300_000
_ENOUGH = 20


def is_hold(policy: Policy, log_e: list[float]) -> bool:
    """Absolute proven, relative not; `log_e` of a trigger's tests."""
    proven = log(1 / policy.proof.false_rollback)
    return log_e[Kind.ABSOLUTE] >= proven > log_e[Kind.RELATIVE]


def with_holds(policy: Policy, evidence: Evidence, look: Look) -> Evidence:
    """Begin a hold where stable is over the limit too; end none: see `over`."""
    if look.stable is None:
        return evidence
    log_e = columns_of(bank_of(policy), evidence).log_e.tolist()
    begun = {
        trigger.name: look.now_ms
        for trigger, test in _needing_both(policy)
        if log_e[test] >= 0  # what is proven is far above
        and is_hold(policy, log_e[test : test + KINDS])
        and trigger.name not in evidence.holding
        and _is_beyond(trigger, look, BEGINS_MS) is True
    }
    return replace(evidence, holding={**evidence.holding, **begun}) if begun else evidence


def over(policy: Policy, evidence: Evidence, look: Look) -> frozenset[str]:
    """The triggers whose hold ends: stable is within the limit again over five minutes."""
    if not evidence.holding:
        return frozenset()
    return frozenset(
        trigger.name
        for trigger, _ in _needing_both(policy)
        if trigger.name in evidence.holding and _is_beyond(trigger, look, ENDS_MS) is False
    )


@lru_cache(maxsize=256)
def _needing_both(policy: Policy) -> tuple[tuple[Trigger, int], ...]:
    """Those triggers, and where their tests begin."""
    bank = bank_of(policy)
    rows = enumerate(zip(bank.triggers, bank.plans, strict=True))
    return tuple((trigger, row * KINDS) for row, (trigger, plan) in rows if plan.needs_both)


def _is_beyond(trigger: Trigger, look: Look, window_ms: int) -> bool | None:
    """Whether stable itself is beyond the limit; None with too little to tell."""
    if look.stable is None:
        return None
    reading = METRICS[trigger.metric].read(look.stable.window(window_ms), look.faults)
    if reading.value is None or reading.samples < _ENOUGH:
        return None
    if trigger.limit.above is not None:
        return reading.value > trigger.limit.above
    return trigger.limit.below is not None and reading.value < trigger.limit.below
