"""Gathering: one trigger's samples of a tick go into the table, now or when their look closes."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from headgate.judge.sequential import looks
from headgate.judge.sequential.bank import Kind
from headgate.judge.sequential.bets import Floats
from headgate.judge.sequential.plan import Plan
from headgate.judge.sequential.samples import Family
from headgate.judge.sequential.state import (
    NO_SAMPLE,
    OpenLook,
    Sample,
    Split,
    WarmUp,
)
from headgate.judge.sequential.table import LookTable

MAX_OPEN_REVISIONS = 16
NO_EFFECT = (1.0, 1.0)


class Moment(Struct, frozen=True):
    """One observation, and what its looks may know beforehand.

    `in_flight` is how many requests were sent to the candidate since the last observation while its
    traffic warms up, `splits` the phase's splits by revision, `current` the one in force.
    """

    now_ms: int
    in_flight: float
    warm_up: WarmUp | None
    warming: bool
    splits: Mapping[int, Split]
    current: int


class Gatherer(Struct, frozen=True):
    """Puts the samples of one trigger (`row` of the bank) into the table.

    `first_ms` is when the first of them came; `effects` are the design effects of both arms and
    `reference` stable's quantile or mean before that.
    """

    table: LookTable
    moment: Moment
    row: int
    plan: Plan
    first_ms: int
    effects: tuple[float, float]
    reference: float

    def absolute(self, mine: Sample) -> Sample:
        """The candidate's samples against its limit; what was counted of them."""
        plan, moment = self.plan, self.moment
        if not plan.counts_hits:
            breach, good = looks.absolute_increments(plan, mine)
            self.table.add(self.row, Kind.ABSOLUTE, breach)
            if good is not None and not moment.warming:
                self.table.add(self.row, Kind.GOOD_ABSOLUTE, good)
            return mine
        if plan.sampled.family is Family.QUANTILE:
            mine = looks.over(mine, (plan.limit or 0.0) * plan.sampled.per_unit)
        effect = self.effects[0]
        samples = mine.n if plan.sampled.of_labels else max(mine.n, moment.in_flight)
        self.table.rate(self.row, Kind.ABSOLUTE, mine.hits / effect, samples / effect)
        if not moment.warming:
            hits = max(mine.hits, mine.reaching)
            self.table.rate(self.row, Kind.GOOD_ABSOLUTE, hits / effect, mine.n / effect)
        return mine

    def relative(
        self, known: Mapping[int, OpenLook], pairs: Mapping[int, looks.Pair]
    ) -> tuple[dict[int, OpenLook], Sample, Sample]:
        """The looks that stay open, after adding to those of every revision and closing some, and
        what they counted of both arms.
        """
        left: dict[int, OpenLook] = {}
        counted, stable_counted = NO_SAMPLE, NO_SAMPLE
        for revision, look in known.items():
            if revision not in pairs:
                self._close_or_keep(revision, look, left)
        for revision, fresh in pairs.items():
            pair, now = fresh, self._with(known.get(revision), fresh)
            if now is not None:
                pair, look = now
                self._close_or_keep(revision, look, left)
            counted, stable_counted = counted.plus(pair[0]), stable_counted.plus(pair[1])
        if len(left) > MAX_OPEN_REVISIONS:
            for revision in sorted(left)[:-MAX_OPEN_REVISIONS]:
                del left[revision]
        return left, counted, stable_counted

    def _with(self, look: OpenLook | None, fresh: looks.Pair) -> tuple[looks.Pair, OpenLook] | None:
        """What a look counts of fresh samples, and the look with them. A new look takes stable's
        value as it is now; None while too little is known of it.
        """
        if look is not None:
            pair = looks.beyond(self.plan, look.reference, fresh)
            return pair, looks.added(look, pair)
        if not self.reference and self.plan.sampled.family is not Family.RATE:
            return None
        pair = looks.beyond(self.plan, self.reference, fresh)
        return pair, OpenLook(self.first_ms, self.reference, self.effects, *pair)

    def _close_or_keep(self, revision: int, look: OpenLook, left: dict[int, OpenLook]) -> None:
        """A closed look goes into the table, an open one is left; one without a split is void."""
        moment = self.moment
        current, split = revision == moment.current, moment.splits.get(revision)
        if split is None:
            return
        if looks.is_closed(self.plan, look, split, now_ms=moment.now_ms, current=current):
            self._close(look, current=current)
        else:
            left[revision] = look

    def _close(self, look: OpenLook, *, current: bool) -> None:
        plan, moment = self.plan, self.moment
        if not plan.counts_hits:
            self.table.add(self.row, Kind.RELATIVE, self._shared(look))
            return
        mine, stable = look.candidate, look.stable
        effect, stable_effect = look.effects
        beside = (stable.hits / stable_effect, stable.n / stable_effect)
        samples: float = mine.n
        if moment.warm_up is not None and current and not plan.sampled.of_labels:
            warm_ms = max(min(moment.now_ms, moment.warm_up.until_ms) - look.opened_ms, 0)
            samples = max(samples, moment.warm_up.routed_per_s * warm_ms / 1000)
        self.table.ratio(self.row, Kind.RELATIVE, (mine.hits / effect, samples / effect), beside)
        if not moment.warming and not self._began_warming(look):
            hits = max(mine.hits, mine.reaching)
            self.table.ratio(self.row, Kind.GOOD_RELATIVE, (hits / effect, mine.n / effect), beside)

    def _shared(self, look: OpenLook) -> Floats:
        """Two triggers of one metric that ask the same of the same look share its increment."""
        plan, mine, stable = self.plan, look.candidate, look.stable
        asked = (plan.sampled.measure, plan.relative, look.opened_ms, look.reference)
        key = (*asked, mine.n, mine.total, stable.n, stable.total)
        if key not in self.table.kept:
            self.table.kept[key] = looks.relative_increment(plan, look)
        return self.table.kept[key]

    def _began_warming(self, look: OpenLook) -> bool:
        """Whether it holds outcomes of traffic that just started: they prove nothing good."""
        warm_up = self.moment.warm_up
        return warm_up is not None and look.opened_ms < warm_up.until_ms
