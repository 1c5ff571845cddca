"""Candidates: which versions may be started at all."""

from __future__ import annotations

import pytest

from headgate.wire.registry import VersionSpec
from headgate.wire.registry_requests import RegisterVersion
from headgate.wire.rollout_requests import ApplyPolicy, Promote, StartRollout
from support.courses import quick_policy, start_ab, start_canary
from support.ledger import LedgerBench, by_one_person, policy_content


def beside(production: str, *versions: str) -> LedgerBench:
    """A version in production, and others that somebody registered."""
    bench = LedgerBench()
    bench.adopt(quick_policy(), production)
    for version in versions:
        spec = VersionSpec(version=version, base_model="llama-2")
        assert bench.request(RegisterVersion, spec=spec).event == "accepted"
    return bench


def test_beside_a_registered_version_nobody_starts_a_name_that_is_not_registered() -> None:
    bench = beside("v1.0.0", "v1.0.0", "v1.1.0")
    answer = bench.start(500, "v1.1.1", stable="v1.0.0")
    assert answer.event == "refused"
    assert answer.sentence == "v1.1.1 is unknown: of support are registered v1.0.0, v1.1.0."
    assert "headgate registry apply FILE" in answer.remedy
    allowed = {**policy_content(), "compatibility": {"allow_unknown": True}}
    bench.request(ApplyPolicy, policy=allowed)
    assert bench.start(500, "v1.1.1", stable="v1.0.0").event == "accepted"


def test_the_previous_version_is_gone_back_to_and_not_put_on_trial() -> None:
    bench = LedgerBench()
    bench.adopt(by_one_person(quick_policy()))
    bench.start(5_000)
    bench.request(Promote)
    refused = [
        start_canary(bench, "v1", stable="v2"),
        start_ab(bench, ("v3", 2_000), ("v1", 2_000), ("v2", 6_000)),
    ]
    assert {row.event for row in refused} == {"refused"}
    for row in refused:
        assert row.sentence.startswith("v1 is the previous version of support, kept to go back to")
        assert row.remedy == "headgate rollout rollback support --version v2 goes back to it."


@pytest.mark.parametrize(
    ("allowed", "held", "event"),
    [
        (None, False, "accepted"),
        (None, True, "refused"),
        (True, False, "accepted"),
        (True, True, "accepted"),
        (False, False, "refused"),
        (False, True, "refused"),
    ],
)
@pytest.mark.parametrize("kind", ["canary", "arm"])
def test_an_unregistered_version_starts_only_beside_another_or_where_the_policy_says_so(
    allowed: bool | None, held: bool, event: str, kind: str
) -> None:
    bench = beside("v1.0.0", "v1.0.0" if held else "v0.9.0", "v1.1.0")
    bench.request(ApplyPolicy, policy=quick_policy(compatibility={"allow_unknown": allowed}))
    if kind == "arm":
        answer = start_ab(bench, ("v1.1.0", 2_000), ("v1.2.0", 2_000), ("v1.0.0", 6_000))
    else:
        answer = start_canary(bench, "v1.2.0", stable="v1.0.0")
    assert answer.event == event, answer.sentence
    assert ("v1.2.0" in answer.sentence, bench.model.rollout is None) == (True, event == "refused")
    assert event == "accepted" or "compatibility.allow_unknown: true" in answer.remedy


def test_a_refusal_of_an_unknown_version_says_how_many_more_are_registered() -> None:
    bench = beside("v1.0.0", *[f"v1.{number}.0" for number in range(8)])
    answer = bench.request(StartRollout, stable="v1.0.0", candidate="v9.0.0", weight=500)
    told = "are registered v1.3.0, v1.4.0, v1.5.0, v1.6.0, v1.7.0 and 3 before them."
    assert answer.sentence.endswith(told)
