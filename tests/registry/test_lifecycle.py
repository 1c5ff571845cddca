"""The lifecycle: the transitions of the design, and nothing else."""

from __future__ import annotations

import pytest

from headgate.registry.lifecycle import FOLLOWS, TransitionError, VersionRecord, move
from headgate.vocabulary import Status

ALLOWED = {
    ("development", "staging"),
    ("development", "removed"),
    ("staging", "candidate"),
    ("staging", "archived"),
    ("candidate", "production"),
    ("candidate", "staging"),
    ("production", "deprecated"),
    ("deprecated", "archived"),
    ("deprecated", "production"),
    ("archived", "removed"),
    ("archived", "staging"),
}


def test_only_these_transitions_exist() -> None:
    assert {(a, b) for a, follows in FOLLOWS.items() for b in follows} == ALLOWED


@pytest.mark.parametrize("before", list(Status))
@pytest.mark.parametrize("after", list(Status))
def test_a_transition_is_made_or_refused_by_name(before: Status, after: Status) -> None:
    record = VersionRecord(version="v1", status=before, since_ms=1)
    if before is after:
        assert move(record, "v1", after, 2) is record
    elif (before, after) in ALLOWED:
        assert move(record, "v1", after, 2).since_ms == 2
    else:
        with pytest.raises(TransitionError, match=f"v1 is {before} and cannot become {after}"):
            move(record, "v1", after, 2)


def test_a_version_not_heard_of_before_starts_where_it_is_named() -> None:
    assert move(None, "v9", Status.CANDIDATE, 5).since_ms == 5


def test_adoption_brings_nearly_any_version_into_production_but_not_what_is_archived() -> None:
    for before in ("development", "staging", "candidate", "deprecated"):
        record = VersionRecord(version="v1", status=Status(before), since_ms=1)
        assert move(record, "v1", Status.PRODUCTION, 2, adopting=True).since_ms == 2
    for before in ("archived", "removed"):
        record = VersionRecord(version="v1", status=Status(before), since_ms=1)
        with pytest.raises(TransitionError):
            move(record, "v1", Status.PRODUCTION, 2, adopting=True)


def test_only_a_deprecated_version_comes_back_to_staging_where_its_rollback_is_overridden() -> None:
    for before in Status:
        record = VersionRecord(version="v1", status=before, since_ms=1)
        if before is Status.DEPRECATED:
            assert move(record, "v1", Status.STAGING, 2, overriding=True).status is Status.STAGING
            with pytest.raises(TransitionError):
                move(record, "v1", Status.CANDIDATE, 2, overriding=True)
        elif (before, "staging") not in ALLOWED and before is not Status.STAGING:
            with pytest.raises(TransitionError):
                move(record, "v1", Status.STAGING, 2, overriding=True)


def test_each_change_is_kept_with_who_when_and_why_up_to_a_bound() -> None:
    record = move(None, "v1", Status.STAGING, 1, by="ann", why="new")
    for at in range(2, 20, 2):
        record = move(record, "v1", Status.CANDIDATE, at, by="ann", why="a" * 500)
        record = move(record, "v1", Status.STAGING, at + 1, by="bob", why="worse")
    newest = record.history[-1]
    assert (newest.status, newest.at_ms, newest.by, newest.why) == ("staging", 19, "bob", "worse")
    assert (len(record.history), record.changes) == (6, 19)
    assert all(len(row.why) <= 100 for row in record.history)


def test_a_new_start_forgets_the_dates_of_the_old_life() -> None:
    record = VersionRecord(version="v1", status=Status.DEPRECATED, since_ms=1, replaced_ms=1)
    archived = move(record, "v1", Status.ARCHIVED, 5)
    assert (archived.replaced_ms, archived.archived_ms) == (1, 5)
    assert archived.ordered == "archive_artifact"
    back = move(archived, "v1", Status.STAGING, 9)
    assert (back.replaced_ms, back.archived_ms, back.ordered) == (0, 0, "")
