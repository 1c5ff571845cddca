"""Readings and verdicts: what two arms say, what the whole says, and what bad input does."""

from __future__ import annotations

from math import inf, log
from typing import Any

import pytest
from msgspec import msgpack
from msgspec.structs import replace

from headgate.judge.ab import missing, overall, readings
from headgate.judge.ab.intervals import LogInterval
from headgate.judge.ab.overall import Overall, settle
from headgate.judge.ab.plan import TestPlan
from headgate.judge.ab.readings import Reading, read_all
from headgate.judge.ab.running import AbTest, count, read_test
from headgate.judge.ab.words import sentence, sentence_of
from headgate.measure.cells import Cell, merge
from headgate.measure.metrics import CallerFaults
from headgate.release import checkpoints
from headgate.vocabulary import AbReason, AbVerdict
from support.ab import THREE, criterion, plan, served
from support.mutants import mutant

FAULTS = CallerFaults()
WINNER, NO_DIFFERENCE, NOT_ENOUGH = (
    AbVerdict.WINNER,
    AbVerdict.NO_DIFFERENCE,
    AbVerdict.NOT_ENOUGH,
)


def read(made: TestPlan, **cells: Cell) -> tuple[Reading, ...]:
    return read_all(made, cells, FAULTS)


# Verdicts of one comparison


def claim_decide(module: Any) -> None:
    lower, higher = (plan(criterion(m)).comparisons[0] for m in ("error_rate", "rating_mean"))
    inside = log(1.1)

    def said(comparison: Any, low: float, high: float) -> tuple[AbVerdict, str]:
        found: tuple[AbVerdict, str] = module.decide(comparison, LogInterval(low, high))
        return found

    assert said(lower, 0.001, 3.0) == (WINNER, "a")
    assert said(lower, -3.0, -0.001) == (WINNER, "b")
    assert said(higher, 0.001, inf) == (WINNER, "b")
    assert said(higher, -inf, -0.001) == (WINNER, "a")
    assert said(lower, -inside + 1e-9, inside - 1e-9) == (NO_DIFFERENCE, "")
    assert said(lower, -inside - 1e-9, 0.01) == (NOT_ENOUGH, "")
    assert said(lower, -0.01, inside + 1e-9) == (NOT_ENOUGH, "")
    assert said(lower, -inf, inf) == (NOT_ENOUGH, "")


def claim_missing(module: Any) -> None:
    """Half-widths fall with the square root of the samples, to what a verdict needs."""
    comparison = plan(criterion("cost_mean_usd"), known=served(4, 30_000)).comparisons[0]
    inside = log(1.1)

    def more(seen: float, half: float, samples: int = 10_000, requests: int = 10_000) -> Any:
        found = LogInterval(seen - half, seen + half)
        return module.requests_missing(comparison, (samples, requests), found, seen)

    assert more(0.0, 2 * inside) == pytest.approx(10_000 * (1.15 * 4 - 1), rel=0.1)
    assert more(inside, 2 * inside) == pytest.approx(10_000 * (1.15 * 4 - 1), rel=0.1)
    assert more(inside / 2, 2 * inside) == pytest.approx(10_000 * (1.15 * 16 - 1), rel=0.1)
    assert more(0.0, 2 * inside, requests=30_000) == pytest.approx(108_000, rel=0.1)
    assert 0 < more(0.0, inside * 1.0001) < 2_000
    unknown = LogInterval(reason=AbReason.TOO_FEW_SAMPLES)
    first = module.requests_missing(comparison, (50, 50), unknown, None)
    assert first == pytest.approx(comparison.tuned_to - 50, rel=0.1)
    assert module.requests_missing(comparison, (0, 0), unknown, None) == comparison.needed
    latency = plan(criterion("latency_p95_ms", 0.005)).comparisons[0]
    never = LogInterval(-0.2, 0.2)
    assert module.requests_missing(latency, (10_000, 10_000), never, 0.0) is None
    assert module._about(12_345) == 13_000
    assert module._about(7) == 7


MUTATIONS = [
    (readings, claim_decide, 'better == "lower"', 'better == "higher"'),
    (readings, claim_decide, "found.low > 0", "found.low > 0.1"),
    (readings, claim_decide, "found.high < 0", "found.low < 0"),
    (readings, claim_decide, "-inside < found.low and", ""),
    (readings, claim_decide, "found.high < inside", "found.low < inside"),
    (readings, claim_decide, "log(1 + comparison", "(comparison"),
    (missing, claim_missing, "max(abs(seen), inside - abs(seen))", "inside"),
    (missing, claim_missing, "(half / wanted) ** 2", "(half / wanted)"),
    (missing, claim_missing, "missing * requests / samples", "missing"),
    (missing, claim_missing, "wanted - _BIN", "wanted"),
    (missing, claim_missing, "comparison.tuned_to - samples", "comparison.tuned_to * 2"),
]


@pytest.mark.parametrize(("module", "claim"), [(readings, claim_decide), (missing, claim_missing)])
def test_a_claim_holds(module: Any, claim: Any) -> None:
    claim(module)


@pytest.mark.parametrize(("module", "claim", "fragment", "instead"), MUTATIONS)
def test_a_broken_formula_breaks_its_claim(
    module: Any, claim: Any, fragment: str, instead: str
) -> None:
    with pytest.raises(AssertionError):
        claim(mutant(module, fragment, instead))


def test_a_reading_has_the_numbers_of_both_arms() -> None:
    made = plan(criterion("cost_mean_usd"), criterion("error_rate"), known=served(4, 30_000))
    cheap, dear = served(1, 20_000, dearer=0.8), served(2, 20_000)
    cost, errors = read(made, b=cheap, a=dear)
    assert (cost.verdict, cost.winner, cost.reason) == (WINNER, "b", AbReason.PROVEN)
    assert cost.low is not None and cost.high is not None and cost.difference is not None
    assert -0.25 < cost.low < cost.difference < cost.high < 0
    assert cost.difference == pytest.approx(
        (cost.value or 0) / (cost.other_value or 1) - 1, abs=1e-3
    )
    assert (cost.samples, cost.other_samples) == (20_000, 20_000)
    assert cost.more is None
    assert (errors.verdict, errors.reason) == (NOT_ENOUGH, AbReason.INTERVAL_TOO_WIDE)
    assert errors.more and errors.more > 0
    assert "b is better" in sentence(cost)
    assert "not enough data yet, about" in sentence(errors)
    turned = replace(made, comparisons=tuple(_turned(c) for c in made.comparisons))
    again = read(turned, b=cheap, a=dear)[0]
    assert again.winner == "b"
    assert 1 + (again.low or 0) == pytest.approx(1 / (1 + cost.high), rel=1e-4)


def _turned(comparison: Any) -> Any:
    return replace(comparison, one=comparison.other, other=comparison.one)


def test_alike_arms_come_to_no_difference_that_matters() -> None:
    made = plan(*(criterion(m, 0.2) for m in ("tokens_mean", "latency_p50_ms", "success_rate")))
    found = read(made, b=served(1, 60_000), a=served(2, 60_000))
    assert {reading.verdict for reading in found} == {NO_DIFFERENCE}
    assert "no difference that matters" in sentence(found[0])


# The whole


def said(
    one: str, other: str, winner: str | None, metric: str = "error_rate", more: int = 500
) -> Reading:
    """A reading by hand: `winner` "" for no difference, None for not enough."""
    verdict = NOT_ENOUGH if winner is None else WINNER if winner else NO_DIFFERENCE
    reason = AbReason.INTERVAL_TOO_WIDE if winner is None else AbReason.PROVEN
    return Reading(
        metric=metric,
        one=one,
        other=other,
        verdict=verdict,
        reason=reason,
        winner=winner or "",
        more=more if winner is None else None,
    )


def whole(rows: list[Reading], module: Any = overall) -> Overall:
    made = plan(criterion("error_rate"), criterion("tokens_mean"), arms=THREE)
    found: Overall = module.overall(made, rows, settle(rows, (), 7), 7)
    return found


def claim_overall(module: Any) -> None:
    def told(cb: str | None, ca: str | None, ba: str | None, *more: Reading) -> tuple[Any, ...]:
        rows = [said("c", "b", cb), said("c", "a", ca, more=400), said("b", "a", ba), *more]
        found = whole(rows, module)
        return found.verdict, found.leaders, found.reason, found.against, found.more

    proven = AbReason.PROVEN
    assert told("b", "c", "b") == (WINNER, ("b",), proven, (), None)
    assert told("b", None, "b") == (WINNER, ("b",), proven, (), None)
    assert told("", "", "") == (NO_DIFFERENCE, ("c", "b", "a"), proven, (), None)
    alike = (NO_DIFFERENCE, ("c", "b"), AbReason.LEADERS_ALIKE, (), None)
    assert told("", "c", "b") == alike
    wide = AbReason.INTERVAL_TOO_WIDE
    assert told(None, "c", "b") == (NOT_ENOUGH, ("c", "b"), wide, (), 500)
    assert told(None, None, None) == (NOT_ENOUGH, ("c", "b", "a"), wide, (), 500)
    assert told("b", None, None) == (NOT_ENOUGH, ("b", "a"), wide, (), 500)
    assert told("", None, "") == (NOT_ENOUGH, ("c", "b", "a"), wide, (), 400)
    assert told(None, None, "") == (NOT_ENOUGH, ("c", "b", "a"), wide, (), 500)
    assert told("b", "a", None) == (NOT_ENOUGH, ("b", "a"), wide, (), 500)
    assert told("c", None, None) == (NOT_ENOUGH, ("c", "a"), wide, (), 400)
    dearer = said("b", "a", "a", "tokens_mean")
    trade = (AbVerdict.TRADE_OFF, ("b",), AbReason.WORSE_ELSEWHERE, ("tokens_mean",), None)
    assert told("b", "c", "b", dearer) == trade
    cheaper = said("b", "a", "b", "tokens_mean")
    assert told("b", "c", "b", cheaper) == (WINNER, ("b",), proven, (), None)


def test_the_first_criterion_decides_and_the_others_may_object() -> None:
    claim_overall(overall)


@pytest.mark.parametrize(
    ("fragment", "instead"),
    [
        ("len(plan.arms) - 1", "1"),
        ("arm.version not in beaten", "True"),
        ("if not open_ones:", "if True:"),
        ("r.metric != first and _loser(r) == version", "r.metric != first"),
        ("r.metric != first and _loser(r) == version", "False"),
        ("AbVerdict.TRADE_OFF if against", "AbVerdict.WINNER if against"),
        ("if r.one in leaders and r.other in leaders", "if False"),
        ("len(leaders) == len(plan.arms)", "True"),
        ("if reading.winner == reading.one else", "if reading.winner != reading.one else"),
    ],
)
def test_a_broken_rule_breaks_the_claim(fragment: str, instead: str) -> None:
    with pytest.raises((AssertionError, ValueError, IndexError)):
        claim_overall(mutant(overall, fragment, instead))


def test_the_whole_is_said_in_a_sentence() -> None:
    rows = [said("c", "b", "b"), said("c", "a", "c"), said("b", "a", "b")]
    assert sentence_of(whole(rows)) == "b wins."
    trade = whole([*rows, said("b", "a", "a", "tokens_mean")])
    assert "proven worse in tokens per request" in sentence_of(trade)
    nothing = whole([said("c", "b", None), said("c", "a", None), said("b", "a", None)])
    assert sentence_of(nothing) == "Not enough data yet, about 500 more requests."
    same = whole([said("c", "b", ""), said("c", "a", ""), said("b", "a", "")])
    assert sentence_of(same) == "No difference that matters between c, b and a."
    in_a_ring = whole([said("c", "b", "b"), said("c", "a", "c"), said("b", "a", "a")])
    assert "contradicts itself" in sentence_of(in_a_ring)


# A running test


def test_a_verdict_once_reached_is_a_fact_with_its_time() -> None:
    made = plan(criterion("error_rate"), known=served(4, 30_000))
    test = AbTest(plan=made, first_revision=5)
    fresh = {("b", 5): served(1, 9_000, errors=0.01), ("a", 5): served(2, 9_000, errors=0.08)}
    test, first, _ = read_test(count(test, fresh), FAULTS, 1_000)
    assert first[0].winner == "b"
    turned = {("b", 5): served(3, 90_000, errors=0.2), ("a", 6): served(4, 90_000, errors=0.02)}
    test, second, told = read_test(count(test, turned), FAULTS, 2_000)
    assert second[0].winner == "a"
    (fact,) = test.settled
    assert (fact.at_ms, fact.reading.winner) == (1_000, "b")
    assert (told.leaders, told.at_ms) == (("b",), 1_000)
    assert test.decided == told


def test_only_outcomes_of_the_test_count() -> None:
    made = plan(criterion("error_rate"))
    test = AbTest(plan=made, first_revision=5)
    fresh = {("b", 4): served(1, 50), ("a", 0): served(1, 50), ("z", 5): served(1, 50)}
    assert count(test, fresh) is test
    fresh = {("b", 5): served(1, 50), ("b", 6): served(2, 50), ("a", 5): served(3, 50)}
    counted = count(test, fresh)
    assert counted.tallies["b"].cell == merge([served(1, 50), served(2, 50)])
    assert counted.tallies["a"].cell.requests == 50


def test_a_running_test_survives_a_checkpoint() -> None:
    made = plan(criterion("error_rate"), criterion("latency_p95_ms"), known=served(4, 30_000))
    test = AbTest(plan=made, first_revision=5)
    fresh = {("b", 5): served(1, 9_000, errors=0.01), ("a", 5): served(2, 9_000, errors=0.08)}
    test, found, told = read_test(count(test, fresh), FAULTS, 1_000)
    kept = msgpack.Decoder(AbTest, dec_hook=checkpoints._from_wire).decode(
        checkpoints._encoder.encode(test)
    )
    assert (kept.plan, kept.tallies, kept.settled) == (test.plan, test.tallies, test.settled)
    again, second, whole_again = read_test(kept, FAULTS, 2_000)
    assert (second, whole_again, again.settled) == (found, told, test.settled)
