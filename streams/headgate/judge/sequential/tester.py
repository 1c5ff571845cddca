"""One trigger's tests: an absolute look of this tick, and relative looks that open and close."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from headgate.judge.sequential import looks
from headgate.judge.sequential.bets import BREACH, GOOD, Floats
from headgate.judge.sequential.budget import phase_budget, proof_budget
from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.process import advance, empty, log_e_value
from headgate.judge.sequential.reference import Stable
from headgate.judge.sequential.samples import Family, Sample
from headgate.judge.sequential.state import (
    NOT_COUNTED,
    Counted,
    OpenLook,
    Split,
    Test,
    TriggerEvidence,
    WarmUp,
)

PATH_POINTS = 48
MAX_OPEN_REVISIONS = 16
Pairs = Mapping[int, tuple[Sample, Sample]]


@dataclass(frozen=True, slots=True)
class Moment:
    """One observation: the candidate's requests after it, and what a look may know beforehand.

    `in_flight` is how many requests were sent to the candidate since the last observation while its
    traffic warms up, `splits` the phase's splits by revision, `current` the one in force.
    """

    now_ms: int
    requests: int
    planned: int
    in_flight: float
    warm_up: WarmUp | None
    warming: bool
    splits: Mapping[int, Split]
    current: int
    reference: Stable

    @property
    def beside(self) -> bool:
        """Whether a stable arm is live."""
        split = self.splits.get(self.current)
        return split is not None and split.stable > 0


@dataclass(frozen=True, slots=True)
class Tester:
    """Feeds the tests of one trigger; `effects` are the design effects of both arms."""

    plan: Plan
    moment: Moment
    effects: looks.Effects = looks.NO_EFFECT

    def after(self, known: TriggerEvidence, mine: Sample, pairs: Pairs) -> TriggerEvidence:
        """The evidence after this tick's samples: `mine` of the candidate in all, `pairs` of both
        arms by revision. Of traffic that just started, only failures can be told.
        """
        before, plan = known, self.plan
        if self.moment.warming and plan.sampled.family is not Family.RATE:
            return known
        if plan.limit is not None and mine.n:
            known = self._absolute(known, mine)
        if plan.relative is not None and (pairs or known.looks):
            known = self._relative(known, pairs)
        stable = Sample()
        for _, sample in pairs.values():
            stable = stable.plus(sample)
        if known is before and not mine.n and not stable.n:
            return known
        return self._counted(known, mine, stable)

    def _absolute(self, known: TriggerEvidence, mine: Sample) -> TriggerEvidence:
        plan, effect = self.plan, self.effects[0]
        in_flight = 0.0 if plan.sampled.of_labels else self.moment.in_flight
        bad = looks.absolute_increment(plan, mine, BREACH, at_least=in_flight, effect=effect)
        known = replace(known, absolute=self._grown(known.absolute, bad, BREACH))
        if not plan.provable or self.moment.warming:
            return known
        good = looks.absolute_increment(plan, mine, GOOD, effect=effect)
        return replace(known, good_absolute=self._grown(known.good_absolute, good, GOOD))

    def _relative(self, known: TriggerEvidence, pairs: Pairs) -> TriggerEvidence:
        """Add to the open looks of every revision, and close those that have enough."""
        moment, open_looks = self.moment, dict(known.looks)
        for revision, (mine, stable) in pairs.items():
            look = open_looks.get(revision) or self._opened()
            if look is not None and (mine.n or stable.n):
                open_looks[revision] = looks.add(look, mine, stable)
        for revision, look in list(open_looks.items()):
            current, split = revision == moment.current, moment.splits.get(revision)
            if split is None:
                del open_looks[revision]
            elif looks.is_closed(self.plan, look, split, now_ms=moment.now_ms, current=current):
                known = self._closed(known, look, current=current)
                del open_looks[revision]
        for revision in sorted(open_looks)[:-MAX_OPEN_REVISIONS]:
            del open_looks[revision]
        return replace(known, looks=open_looks)

    def _opened(self) -> OpenLook | None:
        """A new look with stable's value as it is now; None while too little is known of stable."""
        if self.plan.sampled.family is Family.RATE:
            return OpenLook(opened_ms=self.moment.now_ms)
        reference = self.moment.reference.value(self.plan.sampled)
        if not reference:
            return None
        return OpenLook(opened_ms=self.moment.now_ms, reference=reference)

    def _closed(self, known: TriggerEvidence, look: OpenLook, *, current: bool) -> TriggerEvidence:
        plan, moment, effects = self.plan, self.moment, self.effects
        in_flight = 0.0
        if moment.warm_up is not None and current and not plan.sampled.of_labels:
            warm_ms = max(min(moment.now_ms, moment.warm_up.until_ms) - look.opened_ms, 0)
            in_flight = moment.warm_up.routed_per_s * warm_ms / 1000
        bad = looks.relative_increment(plan, look, BREACH, at_least=in_flight, effects=effects)
        relative = self._grown(known.relative, bad, BREACH)
        known = replace(known, relative=relative, reference=look.reference)
        if plan.good_ratio is None or moment.warming:
            return known
        good = looks.relative_increment(plan, look, GOOD, effects=effects)
        return replace(known, good_relative=self._grown(known.good_relative, good, GOOD))

    def _grown(self, test: Test, increment: Floats, side: int) -> Test:
        wealth = np.array(test.wealth) if test.begun else empty()
        first, requests = not test.begun, self.moment.requests
        if side == BREACH:
            budget = phase_budget(self.moment.planned, test.spent_requests, requests, first)
        else:
            budget = proof_budget(first)
        wealth = advance(wealth, increment, budget)
        log_e = float(log_e_value(wealth))
        return Test(wealth=tuple(wealth.tolist()), spent_requests=requests, log_e=log_e)

    def _counted(self, known: TriggerEvidence, mine: Sample, stable: Sample) -> TriggerEvidence:
        """Keep the counts behind the explanation, and the path of the evidence."""
        added = _counts(self.plan, known, mine, stable, self.moment.now_ms)
        now = log_evidence(self.plan, known, beside=self.moment.beside)
        calm = now < 0 and bool(known.path) and known.path[-1][1] < 0
        path = (*known.path, (self.moment.now_ms, round(now, 3)))
        if len(path) > PATH_POINTS:
            path = (*path[:-1:2], path[-1])
        return replace(
            known,
            total=known.total.plus(added),
            building=(NOT_COUNTED if calm else known.building).plus(added),
            path=path,
        )


def _counts(
    plan: Plan, known: TriggerEvidence, mine: Sample, stable: Sample, now_ms: int
) -> Counted:
    hits, stable_hits = mine.hits, stable.hits
    if plan.sampled.family is Family.QUANTILE and known.reference and plan.relative:
        hits = mine.sketch.count_above(int(plan.relative * known.reference))
        stable_hits = stable.sketch.count_above(int(known.reference))
    elif plan.sampled.family is Family.QUANTILE and plan.limit:
        hits = mine.sketch.count_above(int(plan.limit * plan.sampled.per_unit))
    return Counted(
        since_ms=now_ms,
        candidate=mine.n,
        candidate_hits=hits,
        candidate_total=mine.total,
        stable=stable.n,
        stable_hits=stable_hits,
        stable_total=stable.total,
    )


def log_evidence(plan: Plan, known: TriggerEvidence, *, beside: bool) -> float:
    """ln E of a breach: `beside` a live stable arm the lesser of both, else the test there is."""
    if plan.limit is None:
        return known.relative.log_e
    if plan.needs_both and beside:
        return min(known.absolute.log_e, known.relative.log_e)
    return known.absolute.log_e
