"""Users who stay: a split takes those that the router's rule gives it."""

from __future__ import annotations

import pytest

from headgate.sdk.split import SplitTable
from headgate.sim.users import Users


def table(weight: int, revision: int = 1) -> SplitTable:
    return SplitTable("m", revision, "salt", [("v2", weight), ("v1", 10_000 - weight)])


def test_the_shares_of_the_arms_are_those_of_their_users() -> None:
    users = Users(2_000, 1.0, seed=3)
    split = table(3_000)
    chosen = [split.choose(key).version == "v2" for key in users.keys]
    assert users.arms(split) == pytest.approx(
        [users.shares[chosen].sum(), 1 - users.shares[chosen].sum()]
    )
    assert list(users.of_arm(split, 0)) == chosen


def test_a_higher_weight_keeps_the_users_and_adds_some() -> None:
    users = Users(2_000, 0.0, seed=3)
    few, more = users.of_arm(table(500), 0), users.of_arm(table(5_000, revision=2), 0)
    assert (few <= more).all() and few.sum() < more.sum()


def test_few_requests_come_from_as_many_users_and_many_from_all_of_them() -> None:
    users = Users(1_000, 0.0, seed=3)
    split = table(5_000)
    everyone = int(users.of_arm(split, 0).sum())
    assert users.met([(split, 0, 5)]) == 5
    assert users.met([(split, 0, 100_000)]) == everyone
    assert users.met([(split, 0, 50_000), (split, 0, 50_000)]) == everyone
    assert users.met([]) == 0
