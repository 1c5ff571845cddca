"""What promotion lacks, in numbers that a status can carry."""

from __future__ import annotations

import pytest

from headgate.judge import promoting
from support.evidence import Phase, cell


@pytest.mark.parametrize(
    ("log_good", "more"), [(1.0, True), (1e-30, False), (0.0, False), (-1.0, False)]
)
def test_how_many_more_it_takes_is_told_only_where_evidence_points_to_a_proof(
    monkeypatch: pytest.MonkeyPatch, log_good: float, more: bool
) -> None:
    phase = Phase()
    phase.both(cell(50, 0), cell(50, 0))
    monkeypatch.setattr(promoting, "log_good", lambda *_: log_good)
    found = promoting.promotion(phase.policy, phase.evidence, safety_checked=None).lacking
    lacking = next(row for row in found if row.trigger == "error_rate")
    assert (lacking.more is not None) is more
    assert lacking.more is None or lacking.more <= promoting.MAX_MORE
