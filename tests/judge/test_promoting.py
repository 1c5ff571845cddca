"""What promotion lacks, in numbers that a status can carry."""

from __future__ import annotations

import pytest

from headgate.judge import promoting
from headgate.judge.policy import parse_policy
from headgate.judge.verdicts import Assessment
from headgate.vocabulary import Reason, Verdict
from support.evidence import Phase, cell
from support.ledger import policy_content


@pytest.mark.parametrize(
    ("log_good", "said"),
    [
        (1.0, "evidence 2.72 of 20, about 100 more requests"),
        (1e-30, "evidence 1 of 20, at this rate it will not be proven good"),
        (0.0, "evidence 1 of 20, pointing to no proof so far: how many more requests it takes"),
        (-0.5, "evidence 0.607 of 20, pointing to no proof so far: how many more requests it"),
    ],
)
def test_how_many_more_it_takes_is_told_or_why_that_cannot_be_said(
    monkeypatch: pytest.MonkeyPatch, log_good: float, said: str
) -> None:
    phase = Phase()
    phase.both(cell(50, 0), cell(50, 0))
    monkeypatch.setattr(promoting, "log_good", lambda *_: log_good)
    found = promoting.promotion(phase.policy, phase.evidence, safety_checked=None).lacking
    lacking = next(row for row in found if row.trigger == "error_rate")
    assert said in lacking.sentence
    assert (lacking.more is not None) is ("about" in said)
    assert lacking.more is None or lacking.more <= promoting.MAX_MORE


@pytest.mark.parametrize(
    ("verdict", "lacks"),
    [
        (Verdict.OK, False),
        (Verdict.UNKNOWN, False),  # nobody reports it
        (Verdict.SUSPECT, True),
        (Verdict.BREACH, True),
    ],
)
def test_a_threshold_that_is_required_when_reported_is_kept_where_it_is_known(
    verdict: Verdict, lacks: bool
) -> None:
    content = policy_content()
    for row in content["triggers"]:
        if row["name"] == "rating":
            row.update(proof="threshold", proven_good="when_reported")
    seen = Assessment(
        trigger="rating", verdict=verdict, reason=Reason.LIMIT_CROSSED, sentence="Ratings fell."
    )
    found = promoting.promotion(
        parse_policy(content), Phase().evidence, safety_checked=None, assessments={"rating": seen}
    )
    assert ("rating: Ratings fell" in found.sentence) is lacks
