"""A lifecycle plan in text: a table that people can read, and a timeline."""

from __future__ import annotations

import pytest
from msgspec import structs

from headgate.cli.timeline import plan_lines, timeline_plot
from headgate.vocabulary import LifecycleStep, Mode
from headgate.wire.registry import LifecycleSettings, PlannedStep
from headgate.wire.status import ModelStatus

NOW, WEEK = 1_700_000_000_000, 604_800_000


def _step(version: str, step: LifecycleStep, weeks: float | None) -> PlannedStep:
    at_ms = None if weeks is None else NOW + int(weeks * WEEK)
    return PlannedStep(version=version, step=step, why="replaced by a promotion", at_ms=at_ms)


STEPS = (
    _step("v1", LifecycleStep.ARCHIVE, 3),
    _step("v1", LifecycleStep.REMOVE, 9),
    _step("v10", LifecycleStep.ARCHIVE, None),
)


def _status(steps: tuple[PlannedStep, ...]) -> ModelStatus:
    return ModelStatus(
        model="m", at_ms=NOW, revision=1, mode=Mode.ENFORCE, fresh=True, lifecycle=steps
    )


def test_the_table_says_what_when_and_why() -> None:
    text = "\n".join(plan_lines(_status(STEPS), NOW))
    assert "v1       archive  2023-12-05 22:13  3 w  replaced by a promotion" in text
    assert "v10      archive  waits" in text


def test_the_timeline_marks_each_step_in_its_week() -> None:
    lines = timeline_plot(STEPS, NOW, width=28)
    assert lines[0] == " v1 │········A···············R"
    assert lines[1].endswith("…")
    assert lines[3].endswith("9 w")


def test_steps_of_one_moment_stand_beside_each_other() -> None:
    both = (_step("v1", LifecycleStep.REMOVE, 4), _step("v1", LifecycleStep.DELETE_ARTIFACT, 4))
    assert {"R", "X"} <= set(timeline_plot(both, NOW)[0])


def test_nothing_planned_is_said() -> None:
    assert plan_lines(_status(()), NOW) == ["Nothing is planned for the versions of m."]


@pytest.mark.parametrize("steps", [(), STEPS])
def test_a_plan_ends_with_every_setting_in_force(steps: tuple[PlannedStep, ...]) -> None:
    settings = LifecycleSettings(archive_ms=5 * WEEK, staging_versions=7)
    status = structs.replace(_status(steps), lifecycle_settings=settings)
    assert plan_lines(status, NOW)[-4:] == [
        "",
        "After the promotion that replaced it: deprecated 1 w, archived 5 w, removed 10 w; "
        "artifacts are ordered deleted 90 d after archiving.",
        "Without one: in development for 30 d (10 versions at most), in staging 90 d (7), "
        "deprecated 6 w, archived 365 d.",
        "Announced 1 w ahead, and again 1 d ahead.",
    ]
