"""Observing: what came since the last tick goes into the tests of every sequential trigger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace as with_changes

from msgspec import Struct
from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.judge.sequential.arms import Arms, Observed, arms_of, label_delay_ms
from headgate.judge.sequential.bank import Bank, bank_of
from headgate.judge.sequential.bets import Floats
from headgate.judge.sequential.gathering import NO_EFFECT, Gatherer, Moment
from headgate.judge.sequential.looks import LOOK_MS
from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.process import NOTHING, log_e_value
from headgate.judge.sequential.samples import Family
from headgate.judge.sequential.state import (
    NO_SAMPLE,
    NOT_COUNTED,
    UNTESTED,
    Evidence,
    TriggerEvidence,
)
from headgate.judge.sequential.table import LookTable, emptied
from headgate.measure.cells import Cell, merge
from headgate.measure.metrics import CallerFaults
from headgate.measure.windows import Row

WARNINGS_EVERY_MS = 2_000  # nobody waits for them
PATH_POINTS = 48
_PATH_STEP, _PATH_EVERY_MS = 0.7, 60_000  # ln 2: a doubling is worth a point


def observe(policy: Policy, evidence: Evidence, seen: Observed) -> Evidence:
    """The evidence after a tick; the same object where nothing came and no look fell due."""
    if not seen.fresh and not seen.ended and not _is_due(evidence, seen.now_ms):
        return evidence
    bank, arms = bank_of(policy), arms_of(evidence, seen)
    moment, table = _moment(evidence, seen.now_ms), LookTable(bank)
    later = (*evidence.later, dict(seen.fresh)) if seen.fresh else evidence.later
    warns = seen.now_ms - evidence.warned_ms >= WARNINGS_EVERY_MS
    wide = arms_of(evidence, with_changes(seen, fresh=_merged(later))) if warns else None
    tick = _Tick(bank, evidence, moment, table, seen.faults)
    rows = [
        tick.gather(row, arms if trigger.can_roll_back else wide)
        for row, trigger in enumerate(bank.triggers)
    ]
    requests = evidence.requests + arms.candidate.requests
    wealth = bank.wealth(evidence.wealth)
    if seen.ended:
        wealth = emptied(wealth, [bank.row_of[name] for name in sorted(seen.ended)])
        rows = [
            _anew(known) if trigger.name in seen.ended else known
            for trigger, known in zip(bank.triggers, rows, strict=True)
        ]
    wealth, rows = _looked(table, wealth, rows, requests, evidence)
    log_e = log_e_value(wealth).tolist()
    rows = _told(bank, rows, log_e, moment)
    return replace(
        evidence,
        requests=requests,
        stable_requests=evidence.stable_requests
        + sum(cell.requests for (version, _), cell in seen.fresh.items() if version == seen.stable),
        observed_ms=seen.now_ms,
        later=() if warns else later,
        warned_ms=seen.now_ms if warns else evidence.warned_ms,
        wealth=wealth.tobytes(),
        log_e=log_e,
        blocks_from_ms=seen.now_ms if seen.ended else evidence.blocks_from_ms,
        block_ms=-1 if seen.ended else evidence.block_ms,
        triggers=dict(zip((trigger.name for trigger in bank.triggers), rows, strict=True)),
        label_delay_ms=label_delay_ms(evidence, seen),
    )


def _merged(later: Sequence[Mapping[Row, Cell]]) -> dict[Row, Cell]:
    """What came in several ticks, as if it had come in one."""
    cells: dict[Row, list[Cell]] = {}
    for fresh in later:
        for row, cell in fresh.items():
            cells.setdefault(row, []).append(cell)
    return {row: merge(parts) for row, parts in cells.items()}


def _is_due(evidence: Evidence, now_ms: int) -> bool:
    """Whether warnings have something to look at, or an open look has both arms and its minute is
    over.
    """
    if evidence.later and now_ms - evidence.warned_ms >= WARNINGS_EVERY_MS:
        return True
    return any(
        now_ms - look.opened_ms >= LOOK_MS and look.candidate.n and look.stable.n
        for trigger in evidence.triggers.values()
        for look in trigger.looks.values()
    )


def _moment(evidence: Evidence, now_ms: int) -> Moment:
    warm_up = evidence.warm_up
    warming = warm_up is not None and evidence.observed_ms < warm_up.until_ms
    elapsed_ms = now_ms - max(evidence.observed_ms, evidence.started_ms)
    return Moment(
        now_ms=now_ms,
        in_flight=warm_up.routed_per_s * elapsed_ms / 1000 if warm_up and warming else 0.0,
        warm_up=warm_up,
        warming=warming,
        splits={split.revision: split for split in evidence.splits},
        current=evidence.splits[-1].revision if evidence.splits else 0,
    )


class _Tick(Struct, frozen=True):
    """What every trigger gathers from."""

    bank: Bank
    evidence: Evidence
    moment: Moment
    table: LookTable
    faults: CallerFaults

    def gather(self, row: int, arms: Arms | None) -> TriggerEvidence:
        """One trigger's samples into the table, where it is to look at any now. Of traffic that
        just started only failures tell.
        """
        name, plan = self.bank.triggers[row].name, self.bank.plans[row]
        known = self.evidence.triggers.get(name, UNTESTED)
        if arms is None or (not known.looks and not _has_any(plan, arms)):
            return known
        take, faults = plan.sampled.take, self.faults
        unripe = self.moment.warming and plan.sampled.family is not Family.RATE
        mine = NO_SAMPLE if unripe else take(arms.candidate, faults)
        pairs = {
            revision: (take(one, faults), take(other, faults))
            for revision, (one, other) in arms.pairs.items()
            if not unripe or revision != self.moment.current
        }
        effects = self.evidence.effects.get(name, NO_EFFECT)
        reference = self.evidence.references.get(name, 0.0)
        if not mine.n and not known.looks and not any(a.n or b.n for a, b in pairs.values()):
            return known
        gatherer = Gatherer(self.table, self.moment, row, plan, effects, reference)
        seen, stable, left = NO_SAMPLE, NO_SAMPLE, known.looks
        if plan.relative is not None and (pairs or known.looks):
            left, seen, stable = gatherer.relative(known.looks, pairs)
        if plan.limit is not None and mine.n:
            seen = gatherer.absolute(mine)
        if not seen.n and not stable.n and left == known.looks:
            return known
        return replace(
            known,
            looks=left,
            reference=reference or known.reference,
            building=known.building.plus(seen, stable, self.moment.now_ms),
            total=known.total.plus(seen, stable, self.moment.now_ms),
        )


def _has_any(plan: Plan, arms: Arms) -> bool:
    """Whether either arm brought a sample."""
    is_in = plan.sampled.is_in
    return is_in(arms.candidate) or any(
        is_in(mine) or is_in(stable) for mine, stable in arms.pairs.values()
    )


def _looked(
    table: LookTable, wealth: Floats, rows: list[TriggerEvidence], requests: int, known: Evidence
) -> tuple[Floats, list[TriggerEvidence]]:
    """The wealth after the look, and every test's budget spent up to it."""
    spent = [row.spent for row in rows]
    wealth = table.after(wealth, spent, requests, known.planned, forever=known.forever)
    return wealth, [
        replace(told, spent=table.spent(row, told.spent, requests))
        if table.has_looked(row)
        else told
        for row, told in enumerate(rows)
    ]


def _told(
    bank: Bank, rows: list[TriggerEvidence], log_e: list[list[float]], moment: Moment
) -> list[TriggerEvidence]:
    """Keep the path of the evidence; the counts begin anew while it is nothing."""
    split = moment.splits.get(moment.current)
    beside = split is not None and split.stable > 0
    told = []
    for plan, known, values in zip(bank.plans, rows, log_e, strict=True):
        if not known.total.candidate:
            told.append(known)
            continue
        now = log_evidence(plan, values, beside=beside)
        calm = now < 0 and known.building.candidate
        after = replace(known, building=NOT_COUNTED) if calm else known
        told.append(_with_point(after, moment.now_ms, now))
    return told


def _with_point(known: TriggerEvidence, now_ms: int, now: float) -> TriggerEvidence:
    path = known.path
    if path:
        last_ms, last = path[-1]
        if abs(now - last) < _PATH_STEP and now_ms - last_ms < _PATH_EVERY_MS:
            return known
    path = (*path, (now_ms, round(now, 3)))
    if len(path) > PATH_POINTS:
        path = (*path[:-1:2], path[-1])
    return replace(known, path=path)


def _anew(known: TriggerEvidence) -> TriggerEvidence:
    """After a hold: what was spent of the budget stays spent."""
    return replace(known, building=NOT_COUNTED, holding_since_ms=None)


def log_evidence(plan: Plan, log_e: list[float], *, beside: bool) -> float:
    """ln E of a breach: `beside` a live stable arm the lesser of both, else the test there is."""
    absolute, relative = log_e[0], log_e[1]
    if plan.limit is None:
        return relative if beside else NOTHING
    return min(absolute, relative) if plan.needs_both and beside else absolute
