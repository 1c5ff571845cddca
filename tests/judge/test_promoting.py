"""What promotion lacks, in numbers that a status can carry."""

from __future__ import annotations

import pytest

from headgate.judge import promoting
from support.evidence import Phase, cell


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
