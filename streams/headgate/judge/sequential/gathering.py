"""Gathering: the samples of a tick, source by source, go into the table, now or when their look
closes.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from headgate.judge.sequential import looks
from headgate.judge.sequential.arms import Arms, Fresh
from headgate.judge.sequential.bank import Bank, Kind
from headgate.judge.sequential.sources import Source
from headgate.judge.sequential.state import NO_SAMPLE, Evidence, OpenLook, Sample, Split, WarmUp
from headgate.judge.sequential.table import LookTable
from headgate.judge.sequential.valuing import Valued

MAX_OPEN_REVISIONS = 16
NO_EFFECT = (1.0, 1.0)
Looks = dict[str, OpenLook]  # by source


class Moment(Struct, frozen=True):
    """One observation, and what its looks may know beforehand.

    What it sees came after `since_ms`, the observation before. `in_flight` is how many requests
    were sent to the candidate since then while its traffic warms up, `splits` the phase's splits by
    revision, `current` the one in force.
    """

    now_ms: int
    since_ms: int
    in_flight: float
    warm_up: WarmUp | None
    warming: bool
    splits: Mapping[int, Split]
    current: int


class Gatherer(Struct, frozen=True):
    """Puts what came into the table, and into `came` what each trigger counted of it."""

    table: LookTable
    evidence: Evidence
    moment: Moment
    arms: Arms
    came: list[int]

    def gather(self, bank: Bank) -> dict[int, Looks]:
        """All samples; the looks that stay open, by revision. Of traffic that just started only
        failures tell.
        """
        for source in bank.limited:
            if source.is_rate or not self.moment.warming:
                mine = self.arms.candidate.samples[source.take]
                if mine.n:
                    self._against_limits(source, mine)
        left, known, pairs = {}, self.evidence.looks, self.arms.pairs
        for revision in sorted({*known, *pairs}):
            split = self.moment.splits.get(revision)  # a look without one is void
            if split is not None:
                pair, before = pairs.get(revision), known.get(revision, {})
                if still_open := self._beside_stable(bank.compared, split, before, pair):
                    left[revision] = still_open
        return dict(list(left.items())[-MAX_OPEN_REVISIONS:])

    def _against_limits(self, source: Source, mine: Sample) -> None:
        warming, seen = self.moment.warming, mine
        for row, name, limit in source.limited:
            if source.counts_hits:
                if source.is_quantile:
                    seen = looks.over(mine, limit * source.sampled.per_unit)
                sent = 0.0 if source.of_labels else self.moment.in_flight
                effects = self.evidence.effects.get(name, NO_EFFECT)
                self.table.absolute(row, seen, sent, effects[0], proves_good=not warming)
            else:
                breach, *good = looks.limit_gains(source, limit)
                self.table.value((row,), Kind.ABSOLUTE, Valued(mine, breach))
                if good and not warming:
                    self.table.value((row,), Kind.GOOD_ABSOLUTE, Valued(mine, good[0]))
            self.came.extend((row, seen.n, seen.hits, seen.total, 0, 0, 0))

    def _beside_stable(
        self,
        sources: tuple[Source, ...],
        split: Split,
        known: Mapping[str, OpenLook],
        pair: tuple[Fresh, Fresh] | None,
    ) -> Looks:
        """The looks of one revision that stay open, after adding to them and closing some."""
        now_ms, current = self.moment.now_ms, split.revision == self.moment.current
        unripe, left = self.moment.warming and current, {}
        for source in sources:
            look, mine, stable = known.get(source.key), NO_SAMPLE, NO_SAMPLE
            if pair is not None and (source.is_rate or not unripe):
                mine, stable = pair[0].samples[source.take], pair[1].samples[source.take]
            if mine.n or stable.n:
                look = self._joined(source, look, mine, stable)
            if look is None:
                continue
            if not looks.is_closed(source, look, split, now_ms=now_ms, current=current):
                left[source.key] = look
            elif source.counts_hits:
                self._close(source, look, current=current)
            else:
                self.table.value(source.rows, Kind.RELATIVE, *looks.beside_stable(source, look))
        return left

    def _joined(
        self, source: Source, look: OpenLook | None, mine: Sample, stable: Sample
    ) -> OpenLook | None:
        """The look with fresh samples, which are counted. A new one takes stable's value as it is
        now; None while too little is known of it.
        """
        evidence, names = self.evidence, source.names
        reference = look.reference if look else evidence.references.get(names[0], 0.0)
        if source.is_quantile and reference:
            mine, stable = looks.beyond(source, reference, mine, stable)
        self._count(source, mine, stable)
        if look is not None:
            return looks.added(look, mine, stable)
        if not reference and not source.is_rate:
            return None
        effects = tuple([evidence.effects.get(name, NO_EFFECT) for name in names])
        return OpenLook(self.moment.now_ms, reference, effects, mine, stable)

    def _count(self, source: Source, mine: Sample, stable: Sample) -> None:
        """The candidate's samples count where they are tested against a limit, else here."""
        n, hits, total = stable.n, stable.hits, stable.total
        for row in source.unlimited:
            self.came.extend((row, mine.n, mine.hits, mine.total, n, hits, total))
        for row, _, _ in source.limited:
            self.came.extend((row, 0, 0, 0, n, hits, total))

    def _close(self, source: Source, look: OpenLook, *, current: bool) -> None:
        """A closed look of hits. While traffic warms up, requests in flight count as good, and it
        proves nothing good.
        """
        warm_up, sent, proves_good = self.moment.warm_up, 0.0, True
        if warm_up is not None:
            proves_good = not self.moment.warming and look.opened_ms >= warm_up.until_ms
            if current and not source.of_labels:
                until_ms = min(self.moment.now_ms, warm_up.until_ms)
                sent = warm_up.routed_per_s * max(until_ms - look.opened_ms, 0) / 1000
        self.table.relative(source.rows, look, sent, proves_good=proves_good)
