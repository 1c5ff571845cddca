"""Comparing: arms under one split are counted at every look and read now and then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from headgate.judge.ab.criteria import Arm, Criterion
from headgate.judge.ab.overall import Key, Settled, key_of
from headgate.judge.ab.plan import plan_test
from headgate.judge.ab.readings import Reading
from headgate.judge.ab.running import AbTest, count, read_test
from headgate.judge.ab.words import sentence, sentence_of
from headgate.judge.policy import Policy
from headgate.measure.cells import NOTHING
from headgate.measure.metrics import CallerFaults, read_all
from headgate.measure.windows import total_of
from headgate.release.courses.course import Comparing, Experiment
from headgate.release.courses.going_on import with_course
from headgate.release.state import ModelState
from headgate.vocabulary import PANE_MS
from headgate.wire.control import Weight
from headgate.wire.reports import ArmResult, PairResult, TestReport

SELDOM = 100  # a reading moves little in a hundredth of the time that a test has taken
_SHOWN = (
    "error_rate",
    "success_rate",
    "rating_mean",
    "latency_p50_ms",
    "latency_p95_ms",
    "tokens_mean",
    "cost_mean_usd",
)


def begin(
    state: ModelState,
    policy: Policy,
    weights: Sequence[Weight],
    *,
    first_revision: int,
    now_ms: int,
    criteria: Sequence[Criterion] = (),
    alpha: float | None = None,
) -> Comparing:
    """A test of the arms with a share, stable last. Raises `PlanError`."""
    known = total_of(state.tables, weights[-1].version)
    plan = plan_test(
        [Arm(version=row.version, weight=row.weight) for row in weights],
        criteria or [row.criterion() for row in policy.ab.criteria],
        known=known,
        faults=policy.caller_faults.rules(),
        alpha=policy.ab.alpha if alpha is None else alpha,
    )
    return Comparing(test=AbTest(plan=plan, first_revision=first_revision), began_ms=now_ms)


def of_rollout(state: ModelState) -> Comparing | None:
    """The comparison that the running rollout makes, if it makes one."""
    course = state.rollout.course if state.rollout is not None else None
    if isinstance(course, Experiment):
        return course.comparing
    return course.stay.review if course is not None and course.stay is not None else None


def with_comparing(state: ModelState, comparing: Comparing) -> ModelState:
    """The state with the rollout's comparison as it is now."""
    course = state.rollout.course if state.rollout is not None else None
    if isinstance(course, Experiment):
        return with_course(state, replace(course, comparing=comparing))
    if course is None or course.stay is None:
        return state
    return with_course(state, replace(course, stay=replace(course.stay, review=comparing)))


def with_last(before: ModelState | None, after: ModelState) -> ModelState:
    """The state that keeps the last report of a comparison which has just ended."""
    if before is None or before.rollout is after.rollout:
        return after
    ended = of_rollout(before)
    if ended is None or ended.report is None:
        return after
    now, last = of_rollout(after), after.last_report
    goes_on = now is not None and now.began_ms == ended.began_ms
    if goes_on or (last is not None and last.began_ms == ended.began_ms):
        return after
    return replace(after, last_report=ended.report)


def with_final(state: ModelState, comparing: Comparing, policy: Policy, now_ms: int) -> ModelState:
    """The state that keeps what a comparison says now, with all that it has counted: it is about to
    be ended.
    """
    final = read(comparing, policy.caller_faults.rules(), now_ms)
    return replace(state, last_report=final.report)


def count_fresh(state: ModelState) -> ModelState:
    """The state whose comparison has counted what came since the last look."""
    known = of_rollout(state)
    if known is None or not state.tables.fresh:
        return state
    test = count(known.test, state.tables.fresh)
    return state if test is known.test else with_comparing(state, replace(known, test=test))


def is_due(comparing: Comparing, now_ms: int) -> bool:
    """Whether it is time for a reading."""
    return now_ms >= next_reading_ms(comparing)


def next_reading_ms(comparing: Comparing) -> int:
    """When it is read next: every pane at first, more seldom as the test grows old."""
    last_ms = comparing.report.at_ms if comparing.report is not None else comparing.began_ms
    return last_ms + max(PANE_MS, (last_ms - comparing.began_ms) // SELDOM)


def read(comparing: Comparing, faults: CallerFaults, now_ms: int) -> Comparing:
    """With a reading of now; what it settles stays settled."""
    test, readings, whole = read_test(comparing.test, faults, now_ms)
    facts = {row.key: row for row in test.settled}
    report = TestReport(
        began_ms=comparing.began_ms,
        at_ms=now_ms,
        alpha=test.plan.alpha,
        verdict=whole.verdict,
        reason=whole.reason,
        sentence=sentence_of(whole),
        requests=sum(tally.cell.requests for tally in test.tallies.values()),
        needed=test.plan.needed,
        more=whole.more,
        leaders=whole.leaders,
        decided_ms=whole.at_ms,
        void=comparing.void,
        arms=tuple(_arm(test, arm, faults) for arm in test.plan.arms),
        pairs=tuple(_pair(test, row, facts) for row in readings),
    )
    return replace(comparing, test=test, report=report)


def _arm(test: AbTest, arm: Arm, faults: CallerFaults) -> ArmResult:
    tally = test.tallies.get(arm.version)
    cell = tally.cell if tally is not None else NOTHING
    values = {name: seen.value for name, seen in read_all(cell, _SHOWN, faults).items()}
    return ArmResult(version=arm.version, weight=arm.weight, requests=cell.requests, **values)


def _pair(test: AbTest, now: Reading, facts: Mapping[Key, Settled]) -> PairResult:
    """A comparison as it stands: its verdict once reached, its numbers as of now."""
    fact = facts.get(key_of(now))
    said = fact.reading if fact is not None else now
    criterion = next(c for c in test.plan.criteria if c.metric == now.metric)
    return PairResult(
        metric=now.metric,
        one=now.one,
        other=now.other,
        better=criterion.better,
        matters=criterion.matters,
        verdict=said.verdict,
        reason=said.reason,
        sentence=sentence(said),
        winner=said.winner,
        value=now.value,
        other_value=now.other_value,
        samples=now.samples,
        other_samples=now.other_samples,
        low=now.low,
        difference=now.difference,
        high=now.high,
        more=now.more,
        settled_ms=fact.at_ms if fact is not None else None,
    )


def worse(comparing: Comparing, version: str) -> tuple[str, ...]:
    """Sentences of all that is settled against a version."""
    return tuple(
        sentence(row.reading)
        for row in comparing.test.settled
        if row.reading.winner and row.reading.winner != version
        if version in {row.reading.one, row.reading.other}
    )
