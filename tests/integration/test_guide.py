"""The guide's commands are run in its order, on a real Kafka, and say what stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.local.kafka import RealKafka
from support.guide import ENVIRONMENT, GUIDE, Step, Walk, compared, normal, steps_of
from support.serving import Serving


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("as of 10:56:40 UTC", "as of 03:01:59 UTC"),
        ("after 78 ms", "after 1,203 ms"),
        ("evidence 129,590 to 1", "evidence 4.02e+05 to 1"),
        ("decision d-1-2034-ab12cd34", "decision d-3-7-00ff00ff"),
        ("alert  12.5 %   x", "alert 3 % x"),
    ],
)
def test_times_ids_and_counts_may_differ(recorded: str, now: str) -> None:
    assert normal(recorded) == normal(now)


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("v1.1.0 10 %, v1.0.0 90 %", "v1.1.0 50 %, v1.0.0 50 %"),
        ("Rolled back from v1.4.1", "Rolled back from v1.4.0"),
        ("after 78 ms", "within 78 ms"),
        ("arm  share", "share  arm"),
        ("paused", ""),
    ],
)
def test_words_columns_versions_and_their_shares_may_not(recorded: str, now: str) -> None:
    assert normal(recorded) != normal(now)


def test_the_guide_is_read_as_files_and_commands_with_what_steers_them() -> None:
    text = "\n".join(
        ["<!-- file: p.yaml -->", "```yaml", "a: 1", "```", "<!-- serve: v1 good -->",
         "<!-- until: b -->", "```console", "$ headgate x", "b", "$ headgate y", "```"]
    )  # fmt: skip
    assert list(steps_of(text)) == [
        Step(2, file="p.yaml", output=["a: 1"]),
        Step(8, "headgate x", ["b"], serve="v1 good", until=("b",)),
        Step(10, "headgate y"),
    ]


@pytest.mark.kafka
@pytest.mark.verify
@pytest.mark.timeout(900)
def test_every_command_of_the_guide_says_what_stands_there(
    kafka: RealKafka, topic_prefix: str, tmp_path: Path
) -> None:
    with Serving(kafka.bootstrap_servers, topic_prefix, tmp_path, **ENVIRONMENT) as serving:
        walk = Walk(serving, tmp_path)
        for step in steps_of(GUIDE.read_text()):
            found = walk.run(step, recorded=True)
            assert compared(step, found) == compared(step, step.output), (
                f"docs/guide.md:{step.line}: $ {step.command}"
            )
