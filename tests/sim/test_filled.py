"""Filled buckets hold what was counted, look by look, also where they are not compiled."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from headgate.sim import filled as module
from support.mutants import mutant

INDEXES, VALUES = np.array([3, 7, 7, 9]), np.array([10, 20, 25, 40])
COUNTS = np.array([[1, 2, 3, 0], [0, 0, 0, 0], [0, 0, 4, 5], [6, 0, 0, 0]])


def check(module: ModuleType | Any) -> None:
    found = module.filled(COUNTS, INDEXES, VALUES)
    assert found.sums.tolist() == (COUNTS @ VALUES).tolist()
    sketches = found.sketches(COUNTS.sum(-1).tolist())
    assert [sketch.total for sketch in sketches] == [6, 0, 9, 6]
    assert [sketch.indexes.tolist() for sketch in sketches] == [[3, 7], [], [7, 9], [3]]
    assert [sketch.counts.tolist() for sketch in sketches] == [[1, 5], [], [4, 5], [6]]


def test_each_look_has_its_buckets_and_columns_of_one_bucket_are_joined() -> None:
    check(module)


@pytest.mark.parametrize(
    ("fragment", "instead"),
    [
        ("if end > start and", "if end > 0 and"),
        ("numbers[end - 1] += count", "numbers[end - 1] = count"),
        ("count * values[column]", "values[column]"),
        ("zip([0, *ends], ends", "zip([0, *ends[1:]], ends"),
    ],
)
def test_what_is_written_otherwise_is_found_out(fragment: str, instead: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        check(mutant(module, fragment, instead))
