"""The demo as a user runs it: every scenario ends as its row says, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.local.kafka import RealKafka
from headgate.sim.scenarios import SCENARIOS

DEMO = [sys.executable, "-m", "headgate.cli.main", "demo"]
KEYS = {
    "scenario",
    "action",
    "trigger",
    "seconds_to_command",
    "seconds_to_last_ack",
    "outcomes_published",
    "outcomes_counted",
}


def environment(folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    return {**clean, "TMPDIR": str(folder)}


def play(folder: Path, *flags: str) -> dict[str, object]:
    done = subprocess.run(
        [*DEMO, "--json", *flags],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "throw-away keys are set" in done.stderr
    summary: dict[str, object] = json.loads(done.stdout)  # what is told goes to stderr
    return summary


def check(summary: dict[str, object], name: str) -> None:
    scenario = SCENARIOS[name]
    assert set(summary) == KEYS
    assert summary["action"] == scenario.action
    assert summary["trigger"] in (scenario.triggers or (None,))
    assert summary["outcomes_counted"] == summary["outcomes_published"]
    if scenario.action == "rollback":
        assert float(str(summary["seconds_to_last_ack"])) <= 60


def leftovers(folder: Path) -> list[str]:
    return [entry.name for entry in folder.glob("headgate-demo-*")]


def test_the_default_demo_rolls_back_and_counts_every_outcome(tmp_path: Path) -> None:
    check(play(tmp_path), "default")
    assert leftovers(tmp_path) == []


@pytest.mark.verify
@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "default"])
def test_each_scenario_ends_as_it_should(tmp_path: Path, name: str) -> None:
    check(play(tmp_path, "--scenario", name), name)


@pytest.mark.kafka
@pytest.mark.verify
def test_the_demo_runs_on_a_real_kafka_and_removes_its_topics(
    kafka: RealKafka, tmp_path: Path
) -> None:
    flags = ("--scenario", "safety", "--bootstrap-servers", kafka.bootstrap_servers)
    check(play(tmp_path, *flags), "safety")
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    assert not [name for name in admin.list_topics(timeout=10).topics if "demo" in name]


@pytest.fixture
def heard() -> Iterator[None]:
    """A test run in the background of a script ignores Ctrl-C, and what it starts would too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_takes_the_whole_tree_down(sent: signal.Signals) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        demo = subprocess.Popen(
            DEMO,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while not leftovers(folder) and time.monotonic() < deadline:
            time.sleep(0.1)
        demo.send_signal(sent)
        said, _ = demo.communicate(timeout=60)
        assert demo.returncode == 130, said
        assert "Traceback" not in said
        assert leftovers(folder) == []
