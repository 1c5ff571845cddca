"""Raw values to outcomes: each on its own, and every bad one with the field and the rule."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.measure.columns import COLUMNS, decode_values, number_columns
from headgate.wire.messages import OUTCOME
from support.outcome_records import BAD_VALUES, good_fields

GOOD = b'{"request_id":"r1","model":"chat","version":"v1","latency_ms":12.5}'


@pytest.mark.parametrize(("value", "path", "rule"), BAD_VALUES)
def test_a_bad_value_names_its_field_and_rule_and_keeps_the_others(
    value: bytes | None, path: str, rule: str
) -> None:
    decoded = decode_values([GOOD, value, GOOD])
    assert [outcome is None for outcome in decoded.outcomes] == [False, True, False]
    (bad,) = decoded.bad
    assert bad.index == 1
    assert bad.error.path == path
    assert rule in bad.error.reason
    assert bad.error.reason


def test_batches_of_nothing_and_of_bad_values_alone_work() -> None:
    assert decode_values([]).outcomes == []
    decoded = decode_values([value for value, _, _ in BAD_VALUES])
    assert decoded.outcomes == [None] * len(BAD_VALUES)
    assert [bad.index for bad in decoded.bad] == list(range(len(BAD_VALUES)))


def test_a_value_that_holds_two_outcomes_counts_as_none() -> None:
    assert decode_values([GOOD + b"\n" + GOOD, GOOD + b"," + GOOD]).outcomes == [None, None]


def test_a_value_of_exactly_64_kib_is_accepted() -> None:
    padded = GOOD[:-1] + b',"x":"' + b"a" * (65_536 - len(GOOD) - 7) + b'"}'
    assert len(padded) == 65_536
    assert decode_values([padded]).bad == []


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_bytes_whatever_raise(value: bytes) -> None:
    decoded = decode_values([GOOD, value, GOOD])
    assert len(decoded.outcomes) == 3
    assert decoded.outcomes[0] is not None and decoded.outcomes[2] is not None
    assert (decoded.outcomes[1] is None) == bool(decoded.bad)


@given(st.lists(good_fields(), max_size=30))
def test_columns_hold_what_the_contracts_decoder_reads(rows: list[dict[str, object]]) -> None:
    values = [json.dumps(row).encode() for row in rows]
    decoded = decode_values(values)
    assert decoded.bad == []
    numbers = number_columns([outcome for outcome in decoded.outcomes if outcome])
    for place, value in enumerate(values):
        expected = OUTCOME.decode(value)
        for row, name in enumerate(COLUMNS):
            found, wanted = numbers[row, place], getattr(expected, name)
            assert math.isnan(found) if wanted is None else found == wanted
