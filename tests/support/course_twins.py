"""Twins: the same entry folded into a state that is paused, waits and is frozen as well."""

from __future__ import annotations

from msgspec.structs import replace

from headgate.judge.policy import digest_of
from headgate.release.courses.course import Paused
from headgate.release.fold import step
from headgate.release.state import ModelState
from headgate.release.turn import Publish
from headgate.wire.control import Command
from support.course_calendar import FROZEN
from support.course_stage import Seen
from support.ledger import MODEL


def check_rollback_waits_for_nothing(seen: Seen, command: Command) -> None:
    """The rollback of a tick comes in the same tick where people have stopped all else."""
    model = seen.before.models[MODEL]
    if model.rollout is None:
        return
    held = replace(seen.before, models={**seen.before.models, MODEL: _held_up(model)})
    _, effects = step(held, seen.entry, seen.at)
    said = [effect.message for effect in effects if isinstance(effect, Publish)]
    twins = [row for row in said if isinstance(row, Command)]
    assert command.weights in [twin.weights for twin in twins]


def _held_up(model: ModelState) -> ModelState:
    rollout, policy = model.rollout, model.policy
    assert rollout is not None
    assert policy is not None
    course = rollout.course
    if course is not None and course.stay is not None:
        course = replace(course, stay=replace(course.stay, waits="nothing"))
    paused = Paused(since_ms=rollout.started_ms, by="ann")
    content = {**policy.content, "calendar": FROZEN}
    frozen = replace(policy, content=content, digest=digest_of(content))
    rollout = replace(rollout, course=course, paused=paused)
    return replace(model, rollout=rollout, policy=frozen)
