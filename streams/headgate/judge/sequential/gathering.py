"""Gathering: the samples of a tick, source by source, go into the table, now or when their look
closes.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from headgate.judge.sequential import looks
from headgate.judge.sequential.arms import Arms
from headgate.judge.sequential.bank import Kind
from headgate.judge.sequential.sources import Source
from headgate.judge.sequential.state import NO_SAMPLE, Evidence, OpenLook, Sample, Split, WarmUp
from headgate.judge.sequential.table import LookTable
from headgate.judge.sequential.valuing import Valued

MAX_OPEN_REVISIONS = 16
NO_EFFECT = (1.0, 1.0)
Looks = dict[int, OpenLook]


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
    """Puts what came into the table. `counted` is what each trigger counted, by row and in the
    order of `Counted`.
    """

    table: LookTable
    evidence: Evidence
    moment: Moment
    arms: Arms
    counted: list[list[int]]

    def gather(self, source: Source) -> Looks:
        """One source's samples; the looks that stay open. Of traffic that just started only
        failures tell.
        """
        sampled, candidate, moment = source.sampled, self.arms.candidate, self.moment
        unripe = moment.warming and not source.is_rate
        mine = NO_SAMPLE if unripe else candidate.sample(sampled)
        if mine.n and source.limited:
            self._against_limits(source, mine)
        left: Looks = {}
        if source.relative is None:
            return left
        known, pairs = self.evidence.looks.get(source.key, left), self.arms.pairs
        for revision, look in tuple(known.items()):
            if revision not in pairs or (unripe and revision == moment.current):
                self._close_or_keep(source, revision, look, left)
        for revision, (one, other) in pairs.items():
            if not unripe or revision != moment.current:
                ours = mine if one is candidate and not unripe else one.sample(sampled)
                self._join(
                    source, revision, known.get(revision), (ours, other.sample(sampled)), left
                )
        if len(left) > MAX_OPEN_REVISIONS:
            left = {revision: left[revision] for revision in sorted(left)[-MAX_OPEN_REVISIONS:]}
        return left

    def _against_limits(self, source: Source, mine: Sample) -> None:
        warming, table = self.moment.warming, self.table
        for row, name, limit in source.limited:
            seen = mine
            if source.counts_hits:
                if source.is_quantile:
                    seen = looks.over(mine, limit * source.sampled.per_unit)
                effect = self.evidence.effects.get(name, NO_EFFECT)[0]
                sent = seen.n if source.of_labels else max(seen.n, self.moment.in_flight)
                table.rate(row, Kind.ABSOLUTE, seen.hits / effect, sent / effect)
                if not warming:
                    hits = max(seen.hits, seen.reaching)
                    table.rate(row, Kind.GOOD_ABSOLUTE, hits / effect, seen.n / effect)
            else:
                breach, *good = looks.limit_gains(source, limit)
                table.value((row,), Kind.ABSOLUTE, Valued(mine, breach))
                if good and not warming:
                    table.value((row,), Kind.GOOD_ABSOLUTE, Valued(mine, good[0]))
            self.counted[row][:4] = self.moment.now_ms, seen.n, seen.hits, seen.total

    def _join(
        self,
        source: Source,
        revision: int,
        look: OpenLook | None,
        pair: looks.Pair,
        left: Looks,
    ) -> None:
        """Fresh samples are counted, and go into the look of their revision. A new one takes
        stable's value as it is now; there is none while too little is known of it.
        """
        mine, stable = pair
        if not mine.n and not stable.n:
            if look is not None:
                self._close_or_keep(source, revision, look, left)
            return
        evidence, names = self.evidence, source.names
        reference = look.reference if look else evidence.references.get(names[0], 0.0)
        if source.is_quantile and reference:
            mine, stable = looks.beyond(source, reference, mine, stable)
        self._count(source, mine, stable)
        if look is not None:
            look = looks.added(look, mine, stable)
        elif reference or source.is_rate:
            effects = tuple([evidence.effects.get(name, NO_EFFECT) for name in names])
            look = OpenLook(self.moment.now_ms, reference, effects, mine, stable)
        if look is not None:
            self._close_or_keep(source, revision, look, left)

    def _count(self, source: Source, mine: Sample, stable: Sample) -> None:
        """The candidate's samples count where they are tested against a limit, else here."""
        now_ms = self.moment.now_ms
        for row in source.unlimited:
            counted = self.counted[row]
            counted[1] += mine.n
            counted[2] += mine.hits
            counted[3] += mine.total
        for row in source.rows:
            counted = self.counted[row]
            counted[0] = now_ms
            counted[4] += stable.n
            counted[5] += stable.hits
            counted[6] += stable.total

    def _close_or_keep(self, source: Source, revision: int, look: OpenLook, left: Looks) -> None:
        """A closed look goes into the table, an open one is left; one without a split is void."""
        moment = self.moment
        current, split = revision == moment.current, moment.splits.get(revision)
        if split is None:
            return
        if not looks.is_closed(source, look, split, now_ms=moment.now_ms, current=current):
            left[revision] = look
        elif source.counts_hits:
            sent = self._in_flight(source, look) if current and moment.warm_up else 0.0
            proves_good = not moment.warming and not self._began_warming(look)
            self.table.ratios(source.rows, look, sent, proves_good=proves_good)
        else:
            self.table.value(source.rows, Kind.RELATIVE, *looks.beside_stable(source, look))

    def _in_flight(self, source: Source, look: OpenLook) -> float:
        """How many requests were sent to the candidate while traffic warmed up and a look was
        open.
        """
        warm_up = self.moment.warm_up
        if warm_up is None or source.of_labels:
            return 0.0
        warm_ms = max(min(self.moment.now_ms, warm_up.until_ms) - look.opened_ms, 0)
        return warm_up.routed_per_s * warm_ms / 1000

    def _began_warming(self, look: OpenLook) -> bool:
        """Whether it holds outcomes of traffic that just started: they prove nothing good."""
        warm_up = self.moment.warm_up
        return warm_up is not None and look.opened_ms < warm_up.until_ms
