"""Removed versions: a tombstone is left, and the number is never used again."""

from __future__ import annotations

import msgspec
import pytest

from headgate.registry.tombstones import content_digest
from headgate.release.registry_requests import MAX_SPECS
from headgate.vocabulary import Status
from headgate.wire.registry import Artifact, Tombstone, VersionEntry, VersionSpec
from headgate.wire.registry_requests import RegisterVersion
from headgate.wire.rollout_requests import Promote, StartRollout
from support.ledger import LedgerBench, Traffic

DAY = 86_400.0
SPEC = VersionSpec(
    version="v1.0.0",
    base_model="gpt-4o",
    notes="long " * 100,
    artifacts=(Artifact(uri="s3://models/v1"),),
    stakeholders=("billing",),
)


def _days(bench: LedgerBench, days: int) -> None:
    for _ in range(days):
        bench.tick(DAY)


@pytest.fixture
def bench() -> LedgerBench:
    """v1.0.0 was long in development and is removed; its artifacts still lie there."""
    made = LedgerBench()
    made.tick()
    made.request(RegisterVersion, spec=SPEC)
    _days(made, 45)
    assert made.model.versions["v1.0.0"].status is Status.REMOVED
    return made


def test_a_tombstone_takes_the_place_of_what_was_declared(bench: LedgerBench) -> None:
    stone = Tombstone(
        content_digest=content_digest(SPEC),
        artifacts=SPEC.artifacts,
        stakeholders=("billing",),
    )
    assert bench.model.catalogue.specs == {}
    assert bench.model.catalogue.tombstones == {"v1.0.0": stone}
    entry = bench.messages(VersionEntry)[-1]
    assert (entry.spec, entry.tombstone) == (None, stone)


def test_the_totals_of_a_removed_version_are_forgotten_once_nothing_is_heard_of_it() -> None:
    bench = LedgerBench()
    bench.adopt()
    for version in ("v2", "v3"):
        bench.request(StartRollout, stable=bench.model.production, candidate=version, weight=5000)
        bench.request(Promote)
    bench.serve(2, v1=Traffic())
    _days(bench, 60)
    assert bench.model.versions["v1"].status is Status.ARCHIVED
    assert "v1" in bench.model.tables.totals
    _days(bench, 60)
    assert bench.model.versions["v1"].status is Status.REMOVED
    assert "v1" not in bench.model.tables.totals


def test_the_order_to_delete_names_the_artifacts_and_leaves_a_bare_tombstone(
    bench: LedgerBench,
) -> None:
    _days(bench, 100)
    (order,) = (row for row in bench.audit if row.event == "delete_artifact")
    assert order.details["artifacts"] == [{"uri": "s3://models/v1"}]
    (stone,) = bench.model.catalogue.tombstones.values()
    assert (stone.artifacts, stone.stakeholders) == ((), ())
    assert len(msgspec.json.encode(stone)) < 100
    assert bench.replayed() == bench.records


def test_the_same_content_again_changes_nothing_and_other_content_is_refused(
    bench: LedgerBench,
) -> None:
    same = msgspec.structs.replace(SPEC, status=Status.STAGING)
    answer = bench.request(RegisterVersion, spec=same)
    assert (answer.event, answer.before, answer.after) == ("accepted", {}, {})
    assert "and removed" in answer.sentence
    for version in ("v1.0.0", "1.0.0"):
        other = VersionSpec(version=version, base_model="gpt-4o")
        answer = bench.request(RegisterVersion, spec=other)
        assert answer.event == "refused"
        assert "v1.0.0 of support was removed; a version's number is used once" in answer.sentence
    assert bench.model.versions["v1.0.0"].status is Status.REMOVED


def test_removed_versions_leave_room_for_others(bench: LedgerBench) -> None:
    for number in range(MAX_SPECS):
        spec = VersionSpec(version=f"v2.0.{number}", base_model="gpt-4o", status=Status.STAGING)
        assert bench.request(RegisterVersion, spec=spec).event == "accepted"
    late = VersionSpec(version="v3.0.0", base_model="gpt-4o")
    assert "is the most" in bench.request(RegisterVersion, spec=late).sentence
