"""`headgate simulate`: a policy tried in virtual time, and what its exit code says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from headgate.cli.simulated import moment
from headgate.sim.script_file import shipped_scenarios
from support.commands import call

SCENARIO = """
story: The candidate fails one request in ten.
lasts: 20m
before: 1m
rate: 100
arms:
  v2: {error_rate: 0.1}
requests:
  - {type: start_rollout, stable: v1, candidate: v2, weight: 1000}
expect: rolled_back
"""


def simulate(*args: str) -> Result:
    return call("simulate", *args)


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(SCENARIO)
    return str(path)


def as_json(*args: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(simulate(*args, "--json").stdout)
    return answer


def test_it_tells_what_was_decided_when_and_who_met_the_bad_version(scenario: str) -> None:
    result = simulate("default", "--scenario", scenario, "--look-every", "1s")
    assert result.exit_code == 0
    assert "Rolled simulated back from v2 to v1" in result.stdout
    assert "rolled back for error_rate" in result.stdout
    assert "requests of about" in result.stdout
    assert "v2 │" in result.stdout
    assert "This is as expected" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_the_same_seed_prints_the_same_bytes(scenario: str) -> None:
    args = ("default", "--scenario", scenario, "--look-every", "10s", "--seed", "3")
    assert simulate(*args).stdout == simulate(*args).stdout


def test_another_ending_than_expected_is_exit_code_1(scenario: str) -> None:
    path = Path(scenario)
    path.write_text(SCENARIO.replace("rolled_back", "promoted"))
    result = simulate("default", "--scenario", scenario, "--look-every", "10s")
    assert result.exit_code == 1
    assert "NOT as expected" in result.stdout


def test_many_runs_are_told_as_a_distribution(scenario: str) -> None:
    args = ("default", "--scenario", scenario, "--look-every", "10s", "--runs", "3")
    told = as_json(*args)
    assert told["as_expected"] == 1.0
    [ended] = told["endings"]
    assert (ended["ending"], ended["runs"], ended["triggers"]) == (
        "rolled_back",
        3,
        {"error_rate": 3},
    )
    assert [run["seed"] for run in told["each"]] == [1, 2, 3]
    one = as_json(*args[:-2], "--seed", "2")
    assert one["met_bad"] == told["each"][1]["met_bad"]
    assert "100.0% (3): the candidate was rolled back (error_rate 3)" in simulate(*args).stdout


def test_every_mistake_of_a_scenario_is_told_and_is_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(SCENARIO.replace("lasts: 20m", "lasts: x").replace("rate: 100", "rat: 100"))
    result = simulate("default", "--scenario", str(path))
    assert result.exit_code == 2
    assert "3 mistakes" in result.stderr
    assert "Did you mean rate?" in result.stderr


@pytest.mark.parametrize(
    "args", [(), ("default", "--look-every", "3s"), ("default", "--scenario", "helthy")]
)
def test_wrong_usage_is_exit_code_2(args: tuple[str, ...]) -> None:
    assert simulate(*args).exit_code == 2


def test_the_list_has_every_shipped_scenario_with_its_story() -> None:
    lines = simulate("--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(shipped_scenarios())
    assert all(len(line) <= 120 for line in lines)


def test_moments_are_told_from_the_start_of_the_scenario() -> None:
    assert moment(-600_000) == "-00:10:00"
    assert moment(362) == "00:00:00.4"
    assert moment(2 * 86_400_000 + 3_600_000) == "2d 01:00:00"
