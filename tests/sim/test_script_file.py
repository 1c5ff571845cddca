"""Scenario files: every mistake at once, with its place, its rule and a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.problems import ConfigError
from headgate.sim.script_file import find_script, load_script, shipped_scenarios
from headgate.wire.rollout_requests import ReportCheck, StartRollout

SOUND = """
lasts: 1h
rate: 10
requests:
  - {type: start_rollout, stable: v1, candidate: v2, weight: 500}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_shipped_scenario_is_sound_and_says_what_to_expect(name: str) -> None:
    script = find_script(name)
    assert script.name == name
    assert script.story and script.expect
    assert script.asked()


def test_a_file_has_the_name_of_its_own_if_it_says_none(tmp_path: Path) -> None:
    assert load_script(write(tmp_path, SOUND)).name == "mine"


def test_every_mistake_is_told_with_its_place_rule_and_remedy(tmp_path: Path) -> None:
    text = """
lasts: 40
rate: -3
colour: red
stable: v1
candidate: v1
arms: {v3: {error_rate: 2, latency_p50: 3}}
changes:
  - {at: 3h, until: 1h, arms: [v9], set: {eror_rate: 0.1, error_rate: 7}}
faults: [{at: 0, kind: router_dwn, routers: [router-9]}]
requests:
  - {at: 0, type: start_rollot}
  - {at: soon, type: set_weight, weight: 500000}
  - {type: start_rollout, stable: v1, candidate: v7, steps: [{weight: 500, hold: 0}]}
  - {type: set_weight, weight: -5}
expect: promted
"""
    with pytest.raises(ConfigError) as error:
        load_script(write(tmp_path, text))
    found = {problem.path: problem for problem in error.value.problems}
    assert set(found) == {
        "lasts",
        "rate",
        "colour",
        "candidate",
        "arms.v3.error_rate",
        "arms.v3.latency_p50",
        "changes.0",
        "changes.0.arms",
        "changes.0.set.eror_rate",
        "changes.0.set.error_rate",
        "faults.0.kind",
        "faults.0.routers",
        "requests.0.type",
        "requests.1.at",
        "requests.2",
        "requests.3.weight",
        "expect",
    }
    assert found["arms.v3.latency_p50"].remedy == "Did you mean latency_p50_ms?"
    assert found["requests.0.type"].remedy == "Did you mean start_rollout?"
    assert all(problem.rule and problem.remedy for problem in error.value.problems)
    assert found["colour"].source.endswith("mine.yaml:4")
    assert found["requests.3.weight"].source.endswith("mine.yaml:15")


@pytest.mark.parametrize(
    ("line", "path", "rule", "remedy"),
    [
        (
            "{at: 61m, type: promote}",
            "requests.1.at",
            "comes when the scenario is over, after 1 h",
            "let the scenario last longer",
        ),
        (
            "{at: 5m, every: 1m, until: 5m, type: promote}",
            "requests.1",
            "`until` must be later than `at`",
            "shows a sound one",
        ),
        (
            "{at: 5m, until: 6m, type: promote}",
            "requests.1",
            "`until` goes with `every`",
            "shows a sound one",
        ),
        (
            "{type: promote, model: other}",
            "requests.1.model",
            "a scenario has one model, simulated",
            "Leave `model` out.",
        ),
        (
            "{type: report_check, version: v22, check: smoke, passed: true}",
            "requests.1.version",
            "no version of this scenario is called v22",
            "Did you mean v2? Or add it to `arms`",
        ),
        (
            "{type: stop_test, winner: v3}",
            "requests.1.winner",
            "no version of this scenario is called v3",
            "Or add it to `arms`",
        ),
        (
            "{type: start_rollout, kind: ab, candidate: v2, arms: [{version: v2, weight: 3000}, "
            "{version: v9, weight: 3000}, {version: v1, weight: 4000}]}",
            "requests.1.arms.1.version",
            "no version of this scenario is called v9",
            "Or add it to `arms`",
        ),
    ],
)
def test_a_request_that_would_come_to_nothing_is_told_with_its_line(
    tmp_path: Path, line: str, path: str, rule: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as error:
        load_script(write(tmp_path, f"{SOUND}  - {line}\n"))
    (problem,) = error.value.problems
    assert (problem.path, problem.source[-12:]) == (path, "/mine.yaml:6")
    assert rule in problem.rule
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    "line", ["changes: [{at: 61m, set: {error_rate: 0.1}}]", "faults: [{at: 2h, kind: acks_lost}]"]
)
def test_what_changes_after_the_end_is_a_mistake_too(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match="comes when the scenario is over"):
        load_script(write(tmp_path, f"{SOUND}{line}\n"))


def test_a_request_may_be_for_every_model(tmp_path: Path) -> None:
    more = '  - {type: set_mode, model: "*", mode: observe}\n'
    assert len(load_script(write(tmp_path, SOUND + more)).asked()) == 2


def test_an_unknown_name_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match="Did you mean healthy"):
        find_script("helthy")


def test_a_request_is_sent_again_and_again_with_an_id_of_its_own(tmp_path: Path) -> None:
    check = "type: report_check, version: v1, check: ready, passed: true"
    more = f"  - {{at: 10m, every: 5m, until: 25m, {check}}}\n"
    asked = load_script(write(tmp_path, SOUND + more)).asked()
    assert [at_ms // 60_000 for at_ms, request in asked if isinstance(request, ReportCheck)] == [
        10,
        15,
        20,
    ]
    assert len({request.request_id for _, request in asked}) == 4


def test_the_steps_of_a_canary_are_written_as_in_a_policy(tmp_path: Path) -> None:
    steps = "kind: canary, steps: [{weight: 500, hold: 1h}, {weight: 5000, hold: 1h, max_hold: 3h}]"
    path = write(tmp_path, SOUND.replace("weight: 500", steps))
    [(_, request)] = load_script(path).asked()
    assert isinstance(request, StartRollout)
    assert [step.max_hold_ms for step in request.steps] == [7_200_000, 10_800_000]
