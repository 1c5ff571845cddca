"""Observing: what came since the last tick goes into the tests of every sequential trigger."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.judge.sequential.arms import Observed, arms_of, label_delay_ms
from headgate.judge.sequential.bank import Bank, bank_of
from headgate.judge.sequential.columns import breach_log_e, columns_of
from headgate.judge.sequential.gathering import Gatherer, Moment
from headgate.judge.sequential.looks import LOOK_MS
from headgate.judge.sequential.remembering import count, with_points
from headgate.judge.sequential.state import Evidence, is_beside
from headgate.judge.sequential.table import LookTable, empty_breach


def observe(policy: Policy, evidence: Evidence, seen: Observed) -> Evidence:
    """The evidence after a tick; the same object where nothing came and no look fell due."""
    bank = bank_of(policy)
    if seen.ended:
        evidence = _begun_anew(bank, evidence, seen)
    if not seen.fresh and not _is_due(evidence, seen.now_ms):
        return evidence
    arms, table = arms_of(evidence, seen, bank.takes), LookTable(bank)
    moment, came = _moment(evidence, seen.now_ms), list[int]()
    looks = Gatherer(table, evidence, moment, arms, came).gather(bank)
    requests = evidence.requests + sum([cell.requests for cell in arms.candidate.cells])
    columns = columns_of(bank, evidence).copy()
    table.apply(columns, requests, evidence.planned, forever=evidence.forever)
    breach = breach_log_e(bank, columns, is_beside(evidence))
    count(columns, came, breach, moment.since_ms)
    stable = [cell.requests for (version, _), cell in seen.fresh.items() if version == seen.stable]
    paths = evidence.paths or ((),) * len(bank)
    return replace(
        evidence,
        requests=requests,
        stable_requests=evidence.stable_requests + sum(stable),
        observed_ms=seen.now_ms,
        columns=columns,
        paths=with_points(paths, came, breach, seen.now_ms),
        looks=looks,
        label_delay_ms=label_delay_ms(evidence, seen),
    )


def _begun_anew(bank: Bank, evidence: Evidence, seen: Observed) -> Evidence:
    """Without what was gathered against triggers whose hold has ended: what was spent of the budget
    stays spent. What blocks told before tells nothing of what comes.
    """
    columns = columns_of(bank, evidence).copy()
    for name in sorted(seen.ended):
        empty_breach(columns, bank.row_of[name])
    return replace(
        evidence,
        columns=columns,
        holding={name: at for name, at in evidence.holding.items() if name not in seen.ended},
        blocks_from_ms=seen.now_ms,
        block_ms=-1,
    )


def _is_due(evidence: Evidence, now_ms: int) -> bool:
    """Whether an open look has both arms and its minute is over."""
    return any(
        now_ms - look.opened_ms >= LOOK_MS and look.candidate.n and look.stable.n
        for looks in evidence.looks.values()
        for look in looks.values()
    )


def _moment(evidence: Evidence, now_ms: int) -> Moment:
    warm_up = evidence.warm_up
    warming = warm_up is not None and evidence.observed_ms < warm_up.until_ms
    since_ms = max(evidence.observed_ms, evidence.started_ms)
    elapsed_s = (now_ms - since_ms) / 1000
    return Moment(
        now_ms=now_ms,
        since_ms=since_ms,
        in_flight=warm_up.routed_per_s * elapsed_s if warm_up and warming else 0.0,
        warm_up=warm_up,
        warming=warming,
        splits={split.revision: split for split in evidence.splits},
        current=evidence.splits[-1].revision if evidence.splits else 0,
    )
