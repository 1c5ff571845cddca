"""Observing: what came since the last tick goes into the tests of every sequential trigger."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct
from msgspec.structs import replace

from headgate.judge.policy import Policy
from headgate.judge.sequential.arms import Arms, Observed, arms_of, label_delay_ms, sorted_by_arm
from headgate.judge.sequential.bank import Bank, bank_of
from headgate.judge.sequential.gathering import NO_EFFECT, Gatherer, Moment
from headgate.judge.sequential.looks import LOOK_MS
from headgate.judge.sequential.pending import pending
from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.process import NOTHING
from headgate.judge.sequential.remembering import Gathered, log_evidence, remembered
from headgate.judge.sequential.samples import Family
from headgate.judge.sequential.state import (
    NO_SAMPLE,
    NOT_COUNTED,
    UNTESTED,
    Evidence,
    TriggerEvidence,
)
from headgate.judge.sequential.table import LookTable, after_look, emptied


def observe(policy: Policy, evidence: Evidence, seen: Observed) -> Evidence:
    """The evidence after a tick; the same object where nothing came and no look fell due."""
    bank, now_ms = bank_of(policy), seen.now_ms
    if not seen.fresh and not seen.ended and not _is_due(evidence, now_ms):
        return evidence
    came = sorted_by_arm(evidence, seen)
    arms = arms_of([came], seen.faults)
    rest = pending(bank, evidence, came, arms, seen.faults)
    tick = _Tick(bank, evidence, _moment(evidence, now_ms), LookTable(bank))
    gathered = {}
    for row, turn in enumerate(bank.turn_of):
        mine = arms if turn is None else rest.arms[turn]
        samples = None if mine is None else tick.gather(row, mine)
        if samples is not None:
            gathered[row] = samples
    requests = evidence.requests + sum(cell.requests for cell in arms.candidate.cells)
    wealth, log_e, triggers = tick.looked(gathered, requests, seen.ended)
    return replace(
        evidence,
        requests=requests,
        stable_requests=evidence.stable_requests
        + sum(cell.requests for (version, _), cell in seen.fresh.items() if version == seen.stable),
        observed_ms=now_ms,
        later=rest.later,
        turns_ms=rest.turns_ms,
        next_turn_ms=rest.next_ms,
        wealth=wealth,
        log_e=log_e,
        blocks_from_ms=now_ms if seen.ended else evidence.blocks_from_ms,
        block_ms=-1 if seen.ended else evidence.block_ms,
        triggers=triggers,
        label_delay_ms=label_delay_ms(evidence, seen),
    )


def _is_due(evidence: Evidence, now_ms: int) -> bool:
    """Whether a turn has come with something to look at, or an open look has both arms and its
    minute is over.
    """
    if evidence.later and now_ms >= evidence.next_turn_ms:
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
    """What every trigger gathers from and looks at."""

    bank: Bank
    evidence: Evidence
    moment: Moment
    table: LookTable

    def gather(self, row: int, arms: Arms) -> Gathered | None:
        """One trigger's samples into the table; None if nothing came of it. Of traffic that just
        started only failures tell.
        """
        plan, known = self.bank.plans[row], self._known(row)
        sampled = plan.sampled
        unripe = self.moment.warming and sampled.family is not Family.RATE
        mine = NO_SAMPLE if unripe else arms.candidate.sample(sampled)
        pairs = {}
        for revision, (one, other) in arms.pairs.items():
            if plan.relative is None or (unripe and revision == self.moment.current):
                continue
            pair = one.sample(sampled), other.sample(sampled)
            if pair[0].n or pair[1].n:
                pairs[revision] = pair
        if not mine.n and not pairs and not known.looks:
            return None
        gatherer = self._gatherer(row, plan, arms)
        seen, stable, left = NO_SAMPLE, NO_SAMPLE, known.looks
        if pairs or left:
            left, seen, stable = gatherer.relative(left, pairs)
        if plan.limit is not None and mine.n:
            seen = gatherer.absolute(mine)
        if not seen.n and not stable.n and left == known.looks:
            return None
        return Gathered(left, seen, stable, gatherer.reference)

    def _known(self, row: int) -> TriggerEvidence:
        return self.evidence.triggers.get(self.bank.triggers[row].name, UNTESTED)

    def _gatherer(self, row: int, plan: Plan, arms: Arms) -> Gatherer:
        name = self.bank.triggers[row].name
        effects, reference = arms.effects.get(name, NO_EFFECT), arms.references.get(name, 0.0)
        return Gatherer(self.table, self.moment, row, plan, arms.first_ms, effects, reference)

    def looked(
        self, gathered: Mapping[int, Gathered], requests: int, ended: Collection[str]
    ) -> tuple[bytes, list[list[float]], dict[str, TriggerEvidence]]:
        """Wealth, ln E and what triggers remember, after the look. Those whose hold has `ended`
        begin anew: what was spent of the budget stays spent.
        """
        bank, evidence, moment = self.bank, self.evidence, self.moment
        wealth, log_e = bank.wealth(evidence.wealth), list(bank.log_e(evidence.log_e))
        triggers = {name: evidence.triggers.get(name, UNTESTED) for name in bank.row_of}
        for name in sorted(ended):
            row = bank.row_of[name]
            wealth, log_e[row] = emptied(wealth, row), [NOTHING, NOTHING, *log_e[row][2:]]
            triggers[name] = replace(triggers[name], building=NOT_COUNTED, holding_since_ms=None)
        spent = [known.spent for known in triggers.values()]
        wealth, found = self.table.after(
            wealth, spent, requests, evidence.planned, forever=evidence.forever
        )
        split = moment.splits.get(moment.current)
        beside = split is not None and split.stable > 0
        for row, samples in gathered.items():
            name = bank.triggers[row].name
            log_e[row], spent[row] = after_look(row, found, log_e[row], spent[row], requests)
            now = log_evidence(bank.plans[row], log_e[row], beside=beside)
            triggers[name] = remembered(triggers[name], samples, spent[row], moment.now_ms, now)
        return wealth.tobytes(), log_e, triggers
