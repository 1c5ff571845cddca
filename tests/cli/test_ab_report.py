"""Reports of A/B tests as people read them, and arms as people write them."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace
from rich.console import Console

from headgate.cli.ab_report import BAR_CELLS, interval_bar, markdown, report_view
from headgate.cli.arms import ArmsError, parse_arms, parse_criteria
from headgate.cli.failures import ExitCode
from headgate.config import Settings
from headgate.release.status import model_status
from headgate.vocabulary import AbReason, AbVerdict, Topic
from headgate.wire.codec import encode
from headgate.wire.reports import ArmResult, PairResult, TestReport
from support.commands import Run
from support.courses import GOOD, adopted, start_ab
from support.responder import publish
from support.statuses import MODEL, canary


def _pair(low: float | None, high: float | None, **fields: object) -> PairResult:
    known = {
        "metric": "rating_mean",
        "one": "v2",
        "other": "v1",
        "better": "higher",
        "matters": 0.05,
        "verdict": AbVerdict.WINNER,
        "reason": AbReason.PROVEN,
        "sentence": "Mean rating 4.60 of v2 beside 4.00 of v1 (+1.0% to +3.0%): v2 is better.",
        "winner": "v2",
        "difference": 0.02,
    }
    return PairResult(**{**known, "low": low, "high": high, **fields})


REPORT = TestReport(
    began_ms=1_000,
    at_ms=3_601_000,
    alpha=0.05,
    verdict=AbVerdict.WINNER,
    reason=AbReason.PROVEN,
    sentence="v2 wins.",
    requests=20_000,
    needed=25_000,
    leaders=("v2",),
    arms=(
        ArmResult(version="v2", weight=5_000, requests=10_000, rating_mean=4.6),
        ArmResult(version="v1", weight=5_000, requests=10_000, rating_mean=4.0),
    ),
    pairs=(_pair(0.01, 0.03),),
)


def _shown(report: TestReport) -> str:
    console = Console(width=140, record=True, file=None)
    with console.capture() as captured:
        console.print(report_view(report))
    return captured.get()


def test_the_report_shows_the_verdict_the_arms_and_an_interval_for_every_comparison() -> None:
    text = _shown(REPORT)
    for words in (
        "v2 wins.",
        "10,000",
        "+1.0% to +3.0%",
        "v2 is better",
        "the forecast was 25,000",
    ):
        assert words in text
    assert "success rate" not in text  # nobody reported it


@pytest.mark.parametrize(("alpha", "said"), [(0.05, "5%"), (0.025, "2.5%"), (0.07, "7%")])
def test_the_report_says_in_how_many_tests_it_is_wrong_at_most(alpha: float, said: str) -> None:
    assert f"wrong in at most {said} of tests." in markdown(MODEL, replace(REPORT, alpha=alpha))


def test_a_void_report_says_first_that_nothing_may_be_believed() -> None:
    void = TestReport(
        **{name: getattr(REPORT, name) for name in REPORT.__struct_fields__ if name != "void"},
        void="requests were misrouted",
    )
    assert _shown(void).startswith("Void: requests were misrouted")


def test_the_bar_marks_no_difference_and_what_matters_whatever_the_interval() -> None:
    for low, high in ((0.01, 0.03), (-0.9, None), (None, None), (-0.001, 0.001), (5.0, 9.0)):
        bar = interval_bar(_pair(low, high))
        assert len(bar) == BAR_CELLS
        assert bar[BAR_CELLS // 2] == "|"
        assert bar.count(":") == 2
    assert "=" not in interval_bar(_pair(None, None))
    right = interval_bar(_pair(0.06, 0.12))
    assert "=" not in right[: BAR_CELLS // 2]


def test_markdown_is_two_tables_that_a_ticket_takes() -> None:
    lines = markdown("support", REPORT).splitlines()
    assert lines[0] == "# A/B test of support"
    assert sum(line.startswith("| --- |") for line in lines) == 2


def test_arms_leave_the_rest_to_stable_and_say_everything_that_is_wrong() -> None:
    arms = parse_arms(["v2=25%", "v3=2500"], "v1")
    assert [(arm.version, arm.weight) for arm in arms] == [
        ("v2", 2_500),
        ("v3", 2_500),
        ("v1", 5_000),
    ]
    with pytest.raises(ArmsError) as error:
        parse_arms(["v2", "=5%", "v3=lots"], "v1")
    for said in ("'v2': has no weight", "'=5%': has no version", "'lots' is no weight"):
        assert said in str(error.value)
    assert [arm.weight for arm in parse_arms(["v2=60%", "v3=60%"], "v1")] == [6_000, 6_000, 0]


def test_criteria_name_metric_direction_and_difference() -> None:
    (criterion,) = parse_criteria(["rating_mean:higher:2%"])
    assert (criterion.metric, criterion.better, criterion.matters) == (
        "rating_mean",
        "higher",
        0.02,
    )
    with pytest.raises(ArmsError) as error:
        parse_criteria(["rating_mean", "cost_mean_usd:lower:much", "error_rate:lower:inf%"])
    for said in ("has not three parts", "'much' is no difference", "'inf%' is no difference"):
        assert said in str(error.value)


def test_when_no_test_runs_the_last_one_is_shown_and_when_it_was(
    ask: Run, settings: Settings
) -> None:
    row = canary(rollout=None, last_report=REPORT)
    publish(settings, Topic.STATUS, (MODEL, encode(row)))
    shown = ask("ab", "report", MODEL)
    assert shown.exit_code == ExitCode.FINE, shown.output
    assert (
        f"{MODEL}: none runs. The last one, as it was on 1970-01-01 01:00:01 UTC:" in shown.stdout
    )
    assert "v2 wins." in shown.stdout
    as_json = ask("ab", "report", MODEL, "--json")
    assert json.loads(as_json.stdout)["verdict"] == "winner"
    assert "none runs" in as_json.stderr


def test_before_the_first_reading_it_says_that_the_test_began_and_when_that_comes(
    ask: Run, settings: Settings
) -> None:
    bench = adopted()
    start_ab(bench, ("v2", 2_500), ("v3", 2_500), ("v1", 5_000))
    bench.serve(3, v1=GOOD, v2=GOOD, v3=GOOD)
    row = model_status(bench.state, bench.model)
    publish(settings, Topic.STATUS, (row.model, encode(row)))
    shown = ask("ab", "report", row.model)
    assert shown.exit_code == ExitCode.NEGATIVE
    assert shown.stdout == (
        "support: the comparison of v2, v3 and v1 began 3 s ago; first reading in 7 s.\n"
    )
    assert json.loads(ask("ab", "report", row.model, "--json").stdout) is None


def test_where_there_never_was_a_test_the_answer_says_how_to_start_one(
    ask: Run, settings: Settings
) -> None:
    publish(settings, Topic.STATUS, (MODEL, encode(canary(rollout=None))))
    shown = ask("ab", "report", MODEL)
    assert shown.exit_code == ExitCode.NEGATIVE
    assert f"headgate ab start {MODEL} --arm" in shown.output
