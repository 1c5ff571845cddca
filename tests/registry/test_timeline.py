"""The timeline: which step comes when, and which waits for what."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from headgate.registry.lifecycle import VersionRecord
from headgate.registry.timeline import Life, due, plan
from headgate.vocabulary import LifecycleStep, Status
from headgate.wire.registry import LifecycleSettings, PlannedStep

DAY, WEEK = 86_400_000, 604_800_000
NOW = 1_700_000_000_000


def _record(status: Status, version: str = "v1", since_ms: int = NOW, **more: Any) -> VersionRecord:
    return VersionRecord(version=version, status=status, since_ms=since_ms, **more)


def _life(*records: VersionRecord, **more: Any) -> Life:
    return Life(versions={row.version: row for row in records}, **more)


def _days(steps: tuple[PlannedStep, ...]) -> list[tuple[str, str, float | None]]:
    return [
        (row.version, str(row.step), None if row.at_ms is None else (row.at_ms - NOW) / DAY)
        for row in steps
    ]


def test_a_replaced_version_is_deprecated_archived_removed_and_its_artifacts_ordered_away() -> None:
    record = _record(Status.PRODUCTION, replaced_ms=NOW)
    found = plan(_life(record, previous="v1"), NOW)
    assert _days(found) == [("v1", "deprecate", 7), ("v1", "archive", None)]
    passed_on = replace(record, status=Status.DEPRECATED)
    assert _days(plan(_life(passed_on), NOW)) == [
        ("v1", "archive", 28),
        ("v1", "remove", 70),
        ("v1", "delete_artifact", 28 + 90),
    ]


@pytest.mark.parametrize(
    ("status", "steps"),
    [
        (Status.DEVELOPMENT, [("remove", 30), ("delete_artifact", 120)]),
        (Status.STAGING, [("archive", 90), ("remove", 455), ("delete_artifact", 455)]),
        (Status.CANDIDATE, []),
        (Status.DEPRECATED, [("archive", 42), ("remove", 407), ("delete_artifact", 407)]),
        (Status.ARCHIVED, [("remove", 365), ("delete_artifact", 455)]),
    ],
)
def test_without_a_promotion_the_status_says_when(
    status: Status, steps: list[tuple[str, float]]
) -> None:
    found = [(step, days) for _, step, days in _days(plan(_life(_record(status)), NOW))]
    assert found == steps


@pytest.mark.parametrize(
    ("status", "most", "step"),
    [(Status.DEVELOPMENT, 10, "remove"), (Status.STAGING, 5, "archive")],
)
def test_the_oldest_beyond_the_number_goes_a_notice_after_it_was_seen(
    status: Status, most: int, step: str
) -> None:
    records = [_record(status, f"v{number:02}", NOW + number) for number in range(most + 2)]
    soon = [row for row in plan(_life(*records), NOW + 100) if row.at_ms == NOW + 100 + WEEK]
    assert [(row.version, row.step) for row in soon] == [("v00", step), ("v01", step)]
    announced = {f"{step}/v00": NOW + 100}
    late = due(_life(*records, announced=announced), NOW + 100 + WEEK)
    assert [row.version for row in late] == ["v00"]


def test_the_previous_version_waits_and_goes_a_notice_after_the_alias_is_passed_on() -> None:
    record = _record(Status.DEPRECATED, replaced_ms=NOW - 20 * WEEK)
    waiting = plan(_life(record, previous="v1"), NOW)
    assert _days(waiting) == [("v1", "archive", None)]
    assert "previous" in waiting[0].why
    assert due(_life(record, previous="v1"), NOW + 99 * WEEK) == ()
    assert _days(plan(_life(record, previous="v2"), NOW))[:2] == [
        ("v1", "archive", 7),
        ("v1", "remove", 7 + 42),
    ]


def test_what_is_retained_is_neither_removed_nor_are_its_artifacts_ordered_away() -> None:
    for status in (Status.ARCHIVED, Status.REMOVED):
        life = _life(_record(status, archived_ms=NOW, retained="audit"))
        assert [row.at_ms for row in plan(life, NOW)] == [None]
        assert due(life, NOW + 999 * WEEK) == ()


def test_a_postponed_step_moves_those_behind_it() -> None:
    record = _record(Status.DEPRECATED, replaced_ms=NOW, not_before_ms=NOW + 58 * DAY)
    assert _days(plan(_life(record), NOW)) == [
        ("v1", "archive", 58),
        ("v1", "remove", 100),
        ("v1", "delete_artifact", 148),
    ]


def test_versions_that_serve_or_are_on_trial_have_no_dates() -> None:
    life = _life(_record(Status.PRODUCTION), busy=frozenset({"v1"}))
    assert plan(life, NOW) == ()


def test_a_third_production_version_is_demoted_at_once() -> None:
    life = _life(_record(Status.PRODUCTION), previous="v2", busy=frozenset({"v3"}))
    assert [row.step for row in due(life, NOW)] == [LifecycleStep.DEPRECATE]


def test_artifacts_are_never_ordered_away_twice_nor_before_90_days_in_the_cold() -> None:
    record = _record(Status.REMOVED, archived_ms=NOW - DAY)
    short = LifecycleSettings(notice_ms=0)
    assert due(_life(record, settings=short), NOW + 89 * DAY - 1) == ()
    assert len(due(_life(record, settings=short), NOW + 89 * DAY)) == 1
    done = replace(record, ordered="delete_artifact")
    assert plan(_life(done), NOW) == ()


def test_steps_of_one_moment_are_in_the_order_of_their_versions() -> None:
    rows = [_record(Status.STAGING, version) for version in ("v2.10.0", "v2.9.0")]
    found = plan(_life(*rows), NOW)
    assert [row.version for row in found if row.step == "archive"] == ["v2.9.0", "v2.10.0"]
