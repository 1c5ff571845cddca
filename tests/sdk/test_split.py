from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.sdk.split import InvalidSplitError, SplitTable, compile_command, compile_fallback
from headgate.vocabulary import split_bucket

weights_of_two = st.integers(0, 10_000)


def _two(candidate: int, salt: str = "r") -> SplitTable:
    return SplitTable("agent", 1, salt, [("v2", candidate), ("v1", 10_000 - candidate)])


@given(salt=st.text(), model=st.text(), key=st.text())
def test_the_bucket_is_the_one_of_the_vocabulary(salt, model, key):
    table = SplitTable(model, 1, salt, [("v1", 10_000)])
    assert table.bucket(key) == split_bucket(salt, model, key)


@given(key=st.text(), candidate=weights_of_two)
def test_a_key_always_gets_the_same_choice(key, candidate):
    assert _two(candidate).choose(key) == _two(candidate).choose(key)


@given(key=st.text(), low=weights_of_two, high=weights_of_two)
def test_raising_the_candidates_weight_only_moves_keys_to_the_candidate(key, low, high):
    low, high = sorted((low, high))
    if _two(low).choose(key).version == "v2":
        assert _two(high).choose(key).version == "v2"


@given(cuts=st.lists(st.integers(0, 10_000), max_size=5))
def test_every_arm_takes_exactly_as_many_buckets_as_its_weight(cuts):
    edges = [0, *sorted(cuts), 10_000]
    weights = [
        (f"v{number}", after - before) for number, (before, after) in enumerate(pairwise(edges))
    ]
    table = SplitTable("agent", 1, "r", weights)
    served = [table.versions[table.arm(bucket)] for bucket in range(10_000)]
    assert [(version, served.count(version)) for version, _ in weights] == weights


def test_each_rollout_draws_other_users():
    keys = [f"user-{number}" for number in range(2_000)]
    first = {key for key in keys if _two(1_000, "rollout-1").choose(key).version == "v2"}
    second = {key for key in keys if _two(1_000, "rollout-2").choose(key).version == "v2"}
    assert 120 < len(first) < 280
    assert len(first & second) < 50


def test_a_key_that_is_no_valid_unicode_is_served_all_the_same():
    assert _two(5_000).choose("\ud800") == _two(5_000).choose("\ud800")


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ([], "sum to 0"),
        ([("v2", 500), ("v1", 9_499)], "sum to 9999"),
        ([("v2", -1), ("v1", 10_001)], "weight -1"),
        ([("", 10_000)], "without a name"),
    ],
)
def test_weights_that_are_no_split_are_refused_with_the_rule(weights, says):
    with pytest.raises(InvalidSplitError, match=says):
        SplitTable("agent", 1, "r", weights)


def test_a_command_keeps_its_revision_and_decision(command):
    table = compile_command(command(7, ("v2", 1), ("v1", 9_999), decision_id="d7"))
    assert (table.revision, table.decision_id, table.versions) == (7, "d7", ("v2", "v1"))


def test_a_fallback_of_one_version_serves_it_as_revision_0():
    choice = compile_fallback("agent", "v1").choose("anyone")
    assert (choice.version, choice.revision) == ("v1", 0)


@pytest.mark.parametrize(("model", "version"), [("agent", ""), ("", "v1"), ("agent", "\ud800")])
def test_a_fallback_with_an_impossible_name_is_refused(model, version):
    with pytest.raises(InvalidSplitError, match="is no name"):
        compile_fallback(model, version)
