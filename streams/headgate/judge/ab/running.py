"""A running test: its plan, what each arm has done since the start, and what is settled."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from headgate.judge.ab.overall import Overall, Settled, overall, settle
from headgate.judge.ab.plan import TestPlan
from headgate.judge.ab.readings import Reading, read_all
from headgate.judge.ab.tally import tallied
from headgate.measure.cells import Cell
from headgate.measure.metrics import CallerFaults
from headgate.measure.piles import Pile
from headgate.measure.windows import Row
from headgate.vocabulary import AbVerdict


class AbTest(Struct, frozen=True, kw_only=True, omit_defaults=True, eq=False):
    """All that is remembered of a test; part of its rollout's state.

    `first_revision` is the split that the test began with: only what was served under it or a later
    one counts. `decided` is the verdict of the whole, once there is one.
    """

    plan: TestPlan
    first_revision: int
    tallies: dict[str, Pile] = {}
    settled: tuple[Settled, ...] = ()
    decided: Overall | None = None


def count(test: AbTest, fresh: Mapping[Row, Cell]) -> AbTest:
    """The test with what has come since the last look, by (version, revision)."""
    arms = {arm.version for arm in test.plan.arms}
    tallies = test.tallies.copy()
    rows = [row for row in sorted(fresh) if row[0] in arms and row[1] >= test.first_revision]
    for row in rows:
        tallies[row[0]] = tallied(tallies.get(row[0]), fresh[row])
    return replace(test, tallies=tallies) if rows else test


def read_test(
    test: AbTest, faults: CallerFaults, at_ms: int
) -> tuple[AbTest, tuple[Reading, ...], Overall]:
    """One reading: the test with what it settles, every comparison, and the whole.

    The verdict of the whole stays the one that was reached first.
    """
    arms = {version: tally.cell for version, tally in test.tallies.items()}
    readings = read_all(test.plan, arms, faults)
    settled = settle(readings, test.settled, at_ms)
    whole = test.decided or overall(test.plan, readings, settled, at_ms)
    decided = whole if whole.verdict is not AbVerdict.NOT_ENOUGH else None
    return replace(test, settled=settled, decided=decided), readings, whole
