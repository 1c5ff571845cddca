"""The lifecycle: the transitions of the design, and nothing else."""

from __future__ import annotations

import pytest

from headgate.registry.lifecycle import FOLLOWS, TransitionError, VersionRecord, move
from headgate.vocabulary import Status

ALLOWED = {
    ("development", "staging"),
    ("development", "candidate"),
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
