"""Lifecycles in the fold: steps are announced, taken, ordered, put off, and never too early."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from headgate.registry.lifecycle import VersionRecord
from headgate.release.status import model_status
from headgate.vocabulary import Action, AlertKind, AlertState, Mode, Status
from headgate.wire.alerts import Alert
from headgate.wire.audit import AuditRecord
from headgate.wire.cleanup import AgeAndCountLimit, CleanupPolicy
from headgate.wire.registry import Artifact, LifecycleSettings, VersionEntry, VersionSpec
from headgate.wire.registry_requests import Postpone, Redeploy, Retain, SetCleanup, SetLifecycle
from headgate.wire.rollout_requests import Promote, Rollback, SetMode, StartRollout
from support.ledger import MODEL, LedgerBench

HOUR, DAY, DAY_MS = 3600.0, 86_400.0, 86_400_000


def _promote(bench: LedgerBench, candidate: str) -> None:
    production = bench.model.production
    bench.request(StartRollout, stable=production, candidate=candidate, weight=500)
    assert bench.request(Promote).event == "accepted"


def _two() -> LedgerBench:
    """v2 has just been promoted in place of v1."""
    bench = LedgerBench()
    bench.adopt()
    _promote(bench, "v2")
    return bench


def _three() -> LedgerBench:
    """v1 has passed the alias `previous` on to v2."""
    bench = _two()
    _promote(bench, "v3")
    return bench


def _days(bench: LedgerBench, days: float) -> None:
    for _ in range(int(days * 24)):
        bench.tick(HOUR)


def _status(bench: LedgerBench, version: str = "v1") -> Status:
    return bench.model.versions[version].status


def _with(bench: LedgerBench, *records: VersionRecord, **more: Any) -> None:
    """What requests to register versions will do."""
    model = bench.model
    versions = {**model.versions, **{row.version: row for row in records}}
    model = replace(model, versions=versions, lifecycle_at_ms=0, **more)
    bench.state = replace(bench.state, models={MODEL: model})


def _notices(bench: LedgerBench, step: str, version: str = "v1") -> list[Alert]:
    return [
        row
        for row in bench.alerts
        if row.kind is AlertKind.LIFECYCLE_STEP and row.trigger == step and version in row.versions
    ]


def _events(bench: LedgerBench, event: str) -> list[AuditRecord]:
    return [row for row in bench.audit if row.event == event]


def test_every_change_of_a_status_is_kept_and_audited_with_who_when_and_why() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.request(StartRollout, stable="v1", candidate="v2", weight=500, reason="cheaper")
    bench.request(Promote, operator="bob")
    history = bench.model.versions["v2"].history
    assert [(row.status, row.by) for row in history] == [
        ("candidate", "ann"),
        ("production", "bob"),
    ]
    assert history[0].why.endswith("began: cheaper")
    said = [(row.operator, row.sentence) for row in _events(bench, "status_changed")]
    assert said[-1] == (
        "bob",
        "v2 of support went from candidate to production: promoted in place of v1.",
    )
    entry = bench.messages(VersionEntry)[-1]
    assert entry.history == bench.model.versions[entry.version].history


def test_a_version_in_development_is_deployed_to_staging_before_it_is_a_candidate() -> None:
    bench = LedgerBench()
    bench.adopt()
    record = VersionRecord(version="v2", status=Status.DEVELOPMENT, since_ms=bench.now_ms)
    _with(bench, record)
    bench.request(StartRollout, stable="v1", candidate="v2", weight=500)
    assert [row.status for row in bench.model.versions["v2"].history] == ["staging", "candidate"]


def test_the_oldest_production_version_is_demoted_when_a_third_arrives() -> None:
    bench = _three()
    assert [_status(bench, name) for name in ("v1", "v2", "v3")] == [
        "deprecated",
        "production",
        "production",
    ]


def test_a_version_is_archived_after_four_weeks_with_a_retire_command_and_an_order() -> None:
    bench = _three()
    spec = VersionSpec(version="v1", base_model="m", artifacts=(Artifact(uri="s3://a/v1"),))
    _with(bench, catalogue=replace(bench.model.catalogue, specs={"v1": spec}))
    _days(bench, 27)
    assert _status(bench) is Status.DEPRECATED
    _days(bench, 1.1)
    assert _status(bench) is Status.ARCHIVED
    command = bench.commands[-1]
    assert (command.action, command.from_version) == (Action.RETIRE, "v1")
    assert [row.version for row in command.weights] == ["v3"]
    assert command.retired == ("v1",)
    (order,) = _events(bench, "archive_artifact")
    assert order.details["artifacts"] == [{"uri": "s3://a/v1"}]
    assert order.operator == "headgate"
    entry = [row for row in bench.messages(VersionEntry) if row.version == "v1"][-1]
    assert (entry.status, entry.ordered) == (Status.ARCHIVED, "archive_artifact")


def test_a_step_is_announced_a_week_and_a_day_ahead_to_the_stakeholders() -> None:
    bench = _three()
    spec = VersionSpec(version="v1", base_model="m", stakeholders=("search-team",))
    _with(bench, catalogue=replace(bench.model.catalogue, specs={"v1": spec}))
    began_ms = bench.now_ms
    _days(bench, 29)
    told = _notices(bench, "archive")
    assert [row.state for row in told] == [
        AlertState.FIRING,
        AlertState.FIRING,
        AlertState.RESOLVED,
    ]
    assert len({row.alert_id for row in told}) == 1
    assert [round((row.at_ms - began_ms) / 86_400_000) for row in told] == [21, 27, 28]
    assert "search-team" in told[0].sentence
    assert told[0].numbers["stakeholders"] == ["search-team"]
    assert "lifecycle postpone support v1" in " ".join(told[0].commands)


def test_a_shortened_deprecation_still_comes_a_week_after_it_was_announced() -> None:
    bench = _two()
    _days(bench, 3)
    asked = bench.request(SetLifecycle, settings=LifecycleSettings(deprecate_ms=DAY_MS))
    assert asked.event == "accepted", asked.sentence
    _days(bench, 3.9)
    assert _status(bench) is Status.PRODUCTION
    _days(bench, 0.2)
    assert _status(bench) is Status.DEPRECATED
    states = [row.state for row in _notices(bench, "deprecate")]
    assert states == [AlertState.FIRING, AlertState.FIRING, AlertState.RESOLVED]


def test_the_previous_version_waits_until_the_next_promotion_passes_the_alias_on() -> None:
    bench = _two()
    _days(bench, 100)
    assert _status(bench) is Status.DEPRECATED
    _promote(bench, "v3")
    _days(bench, 6.9)
    assert _status(bench) is Status.DEPRECATED
    _days(bench, 0.3)
    assert _status(bench) is Status.ARCHIVED


def test_a_postponement_needs_a_reason_and_takes_the_announcement_back() -> None:
    bench = _three()
    _days(bench, 22)
    assert bench.request(Postpone, version="v1", days=30).event == "refused"
    assert bench.request(Postpone, version="v9", days=30, reason="x").event == "refused"
    answer = bench.request(Postpone, version="v1", days=30, reason="pinned by billing")
    assert (answer.event, "pinned by billing" in answer.sentence) == ("accepted", True)
    _days(bench, 1)
    assert _notices(bench, "archive")[-1].state is AlertState.RESOLVED
    _days(bench, 34)
    assert _status(bench) is Status.DEPRECATED
    _days(bench, 1.2)
    assert _status(bench) is Status.ARCHIVED


def test_a_retained_version_stays_until_retention_is_lifted() -> None:
    bench = _three()
    assert bench.request(Retain, version="v1").event == "refused"
    assert bench.request(Retain, version="v1", lift=True, reason="x").event == "refused"
    assert bench.request(Retain, version="v1", reason="audit").event == "accepted"
    _days(bench, 200)
    assert _status(bench) is Status.ARCHIVED
    bench.request(Retain, version="v1", lift=True, reason="audit is over")
    _days(bench, 8)
    assert _status(bench) is Status.REMOVED


def test_what_is_archived_comes_back_by_redeployment_only() -> None:
    bench = _three()
    assert bench.request(Redeploy, version="v1").event == "refused"
    _days(bench, 29)
    start = {"stable": "v3", "candidate": "v1", "weight": 500}
    assert bench.request(StartRollout, **start).event == "refused"
    assert bench.request(Redeploy, version="v1").event == "accepted"
    assert bench.commands[-1].retired == ("v1",)
    assert bench.request(StartRollout, **start).event == "accepted"
    assert bench.commands[-1].retired == ()


def test_artifacts_are_ordered_deleted_90_days_after_archiving_and_once() -> None:
    bench = _three()
    _days(bench, 28 + 89)
    assert (_status(bench), _events(bench, "delete_artifact")) == (Status.REMOVED, [])
    _days(bench, 60)
    ordered = [row.details["version"] for row in _events(bench, "delete_artifact")]
    assert ordered == ["v1"]
    assert _notices(bench, "delete_artifact")[-1].state is AlertState.RESOLVED
    assert bench.request(Retain, version="v1", reason="too late").event == "refused"


def test_in_observe_mode_steps_are_told_once_and_taken_when_headgate_enforces_again() -> None:
    bench = _three()
    bench.request(SetMode, mode=Mode.OBSERVE)
    _days(bench, 40)
    assert _status(bench) is Status.DEPRECATED
    assert [row.state for row in _notices(bench, "archive")].count(AlertState.ESCALATED) == 1
    would = [row for row in _events(bench, "decision") if row.would_have]
    assert [row.details["version"] for row in would if "archived" in row.sentence] == ["v1"]
    bench.request(SetMode, mode=Mode.ENFORCE)
    _days(bench, 0.2)
    assert _status(bench) is Status.ARCHIVED


def test_other_durations_come_by_request_and_must_be_in_order() -> None:
    bench = _three()
    day_ms = 86_400_000
    wrong = LifecycleSettings(archive_ms=1, deprecate_ms=2)
    assert bench.request(SetLifecycle, settings=wrong).event == "refused"
    quick = LifecycleSettings(
        deprecate_ms=day_ms, archive_ms=9 * day_ms, remove_ms=12 * day_ms, notice_ms=day_ms
    )
    assert bench.request(SetLifecycle, settings=quick).event == "accepted"
    _days(bench, 9.1)
    assert _status(bench) is Status.ARCHIVED
    _days(bench, 3.1)
    assert _status(bench) is Status.REMOVED


def test_a_cleanup_policy_changes_what_it_names_and_leaves_the_timeline_alone() -> None:
    bench = LedgerBench()
    bench.adopt()
    bench.request(SetLifecycle, settings=LifecycleSettings(archive_ms=35 * DAY_MS, staging_ms=1))
    asked = CleanupPolicy(development=AgeAndCountLimit(max_age_days=7, max_versions=3))
    assert bench.request(SetCleanup, cleanup=asked).event == "accepted"
    assert bench.model.lifecycle == LifecycleSettings(
        archive_ms=35 * DAY_MS, staging_ms=1, development_ms=7 * DAY_MS, development_versions=3
    )
    assert "already" in bench.request(SetCleanup, cleanup=asked).sentence


def test_the_oldest_development_version_beyond_ten_is_removed() -> None:
    bench = LedgerBench()
    bench.adopt()
    at_ms = bench.now_ms
    _with(
        bench,
        *(
            VersionRecord(version=f"d{number:02}", status=Status.DEVELOPMENT, since_ms=at_ms)
            for number in range(11)
        ),
    )
    _days(bench, 7.2)
    removed = [name for name, row in bench.model.versions.items() if row.status is Status.REMOVED]
    assert removed == ["d00"]


def test_after_a_rollback_there_is_still_a_previous_version_but_none_that_failed_is_a_target() -> (
    None
):
    bench = _three()
    bench.request(Rollback, version="v3")
    assert (bench.model.production, bench.model.previous) == ("v2", "v1")
    bench.request(Rollback, version="v2")
    assert bench.model.production == "v1"
    refused = bench.request(Rollback, version="v1")
    assert (refused.event, "was rolled back by" in refused.sentence) == ("refused", True)


def test_a_tick_looks_at_versions_only_when_something_can_be_due() -> None:
    bench = _three()
    bench.tick(120)
    bench.tick(120)
    known = bench.model
    bench.tick(HOUR)
    assert bench.model is known


def test_the_status_holds_the_plan() -> None:
    bench = _three()
    bench.tick(120)
    steps = model_status(bench.state, bench.model).lifecycle
    assert [(row.version, row.step) for row in steps[:2]] == [
        ("v2", "deprecate"),
        ("v1", "archive"),
    ]
    assert steps[-1].at_ms is None
    assert "previous" in steps[-1].why


@pytest.mark.parametrize("days", [0, 30, 300])
def test_a_second_fold_of_a_life_gives_the_same_bytes(days: int) -> None:
    bench = _three()
    _days(bench, days)
    assert bench.replayed() == bench.records
