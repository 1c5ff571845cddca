"""A version has one name: another way to write it is refused, never taken for another version."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.vocabulary import Status
from headgate.wire.registry import VersionSpec
from headgate.wire.registry_requests import RegisterVersion, Retain
from headgate.wire.rollout_requests import Adopt, StartRollout
from support.ledger import LedgerBench, policy_content, same_but_audit


@pytest.fixture
def bench() -> LedgerBench:
    """v1.0.0 is registered and in production."""
    made = LedgerBench()
    made.tick()
    spec = VersionSpec(version="v1.0.0", base_model="gpt-4o", status=Status.STAGING)
    made.request(RegisterVersion, spec=spec)
    assert made.request(Adopt, version="v1.0.0", policy=policy_content()).event == "accepted"
    return made


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Adopt, {"version": "1.0.0", "policy": policy_content()}),
        (StartRollout, {"stable": "1.0.0", "candidate": "v1.0.1", "weight": 500}),
        (StartRollout, {"stable": "v1.0.0", "candidate": "1.0.0", "weight": 500}),
        (Retain, {"version": "1.0.0", "reason": "audit"}),
    ],
)
def test_a_known_version_named_the_other_way_is_refused_by_its_name(
    bench: LedgerBench, kind: type, fields: dict[str, Any]
) -> None:
    before = bench.model
    answer = bench.request(kind, **fields)
    assert answer.event == "refused"
    assert answer.sentence.startswith("1.0.0 and v1.0.0 are the same version.")
    assert answer.remedy == "Name it v1.0.0."
    assert same_but_audit(bench.model, before)


def test_a_version_that_serves_is_registered_under_the_name_that_it_serves_by() -> None:
    bench = LedgerBench()
    bench.tick()
    bench.request(Adopt, version="1.0.0", policy=policy_content())
    twin = bench.request(RegisterVersion, spec=VersionSpec(version="v1.0.0", base_model="m"))
    assert (twin.event, twin.remedy) == ("refused", "Name it 1.0.0.")
    own = bench.request(RegisterVersion, spec=VersionSpec(version="1.0.0", base_model="m"))
    assert own.event == "accepted"
    assert set(bench.model.versions) == {"1.0.0"}


def test_a_parent_is_named_as_it_was_registered(bench: LedgerBench) -> None:
    child = VersionSpec(version="v1.0.1", base_model="gpt-4o", parent_version="1.0.0", notes="n")
    answer = bench.request(RegisterVersion, spec=child)
    assert (answer.event, answer.remedy) == ("refused", "Name it v1.0.0.")
