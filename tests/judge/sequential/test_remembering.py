"""Remembering: the counts behind an explanation begin anew while the evidence is nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from headgate.judge.sequential import remembering
from headgate.judge.sequential.columns import COUNTS, NOT_YET_MS
from headgate.judge.sequential.state import Columns
from support.mutants import mutant


def claim_counts(module: Any) -> None:
    counts = np.zeros((2, 3, COUNTS), np.int64)
    counts[..., 0] = [[5_000, 9_000, NOT_YET_MS], [1_000, 9_000, NOT_YET_MS]]
    counts[:, 0, 1:] = 10
    columns = Columns(np.empty((12, 8)), np.empty(12), np.empty(12, np.int64), counts)
    came = [0, 1, 2, 3, 0, 0, 0, 1, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 4, 5, 6]
    module.count(columns, came, np.array([0.0, -0.5, 0.5]), 8_000)
    building, whole = counts.tolist()
    assert building[0] == [5_000, 11, 12, 13, 14, 15, 16]
    assert whole[0] == [1_000, 11, 12, 13, 14, 15, 16]
    assert building[1] == [NOT_YET_MS, 0, 0, 0, 0, 0, 0]
    assert whole[1] == [8_000, 4, 5, 6, 7, 8, 9]
    assert building[2] == whole[2] == [NOT_YET_MS, 0, 0, 0, 0, 0, 0]


def test_what_came_is_counted_twice_and_while_evidence_is_nothing_once() -> None:
    claim_counts(remembering)


@pytest.mark.parametrize(
    ("fragment", "instead"),
    [
        ("min(counted[_SINCE], since_ms)", "since_ms"),
        ("counted[of] += one[of]", "counted[of] = one[of]"),
        ("for of in range(1, len(one))", "for of in range(2, len(one))"),
        ("triggers[one[0]]", "triggers[0]"),
        ("for triggers in counts", "for triggers in counts[1:]"),
        ("if breach[row] < 0:", "if breach[row] <= 0:"),
        ("counts[0, row] = 0", "counts[:, row] = 0"),
        ("counts[0, row, _SINCE] = never", "pass"),
    ],
)
def test_a_broken_count_fails_its_claim(fragment: str, instead: str) -> None:
    with pytest.raises(AssertionError):
        claim_counts(mutant(remembering, fragment, instead))
