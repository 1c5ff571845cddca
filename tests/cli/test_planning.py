"""`policy check` and `policy plan`: a policy told in words, in requests and in time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headgate.cli.failures import ExitCode
from headgate.cli.policies import load_policy, shipped_policy
from headgate.cli.rules import policy_lines
from headgate.judge.policy import parse_policy
from support.commands import Run

DEFAULT = str(shipped_policy("default"))
ERRORS = """
name: mine
triggers:
  - {name: errors, metric: error_rate, limit: {above: 0.05}, severity: critical, action: rollback}
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    """A policy with one trigger."""
    path = tmp_path / "mine.yaml"
    path.write_text(ERRORS)
    return str(path)


def test_every_trigger_of_the_shipped_policies_is_one_line() -> None:
    for name in ("default", "demo", "threshold"):
        policy = parse_policy(load_policy(shipped_policy(name)))
        lines = policy_lines(policy)
        for trigger in policy.triggers:
            assert sum(line.strip().startswith(f"{trigger.name}: ") for line in lines) == 1
        assert not any("None" in line for line in lines)


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (None, "such a one starts only while the version in production is not registered either"),
        (True, "may serve: always."),
        (False, "may serve: never."),
    ],
)
def test_a_policy_says_where_versions_of_unknown_compatibility_may_serve(
    allowed: bool | None, words: str
) -> None:
    content = load_policy(shipped_policy("default")) | {"compatibility": {"allow_unknown": allowed}}
    assert words in "\n".join(policy_lines(parse_policy(content)))


def test_a_trigger_says_what_it_watches_how_it_is_proven_and_what_it_does(run: Run) -> None:
    result = run("policy", "check", DEFAULT)
    assert result.exit_code == ExitCode.FINE, result.output
    (line,) = (row for row in result.stdout.splitlines() if row.startswith("  rating: "))
    assert "mean rating below 3.50" in line
    assert "beside a live stable, more than 0.1 below stable's" in line
    assert "400 to 1 (25% of the rollback proof)" in line
    assert "rolls back within 15 min" in line
    assert "promotion needs it proven good where stable reports it" in line


def test_the_settings_of_the_proof_are_told_as_promises(run: Run) -> None:
    words = run("policy", "check", DEFAULT).stdout
    assert "A healthy version is rolled back in at most 1.00% of phases" in words
    assert "planned for 100,000 candidate requests" in words
    assert "By threshold, without a proof: safety." in words
    assert "held against the recorded performance of the previous one" in words
    assert "2 safety violations of different requests within 10 min act" in words


def test_a_policy_of_thresholds_promises_nothing_that_only_a_proof_keeps(run: Run) -> None:
    words = run("policy", "check", str(shipped_policy("threshold"))).stdout
    for proven in ("proven good on it", "evidence stays sound", "Counts of the candidate's"):
        assert proven not in words
    assert "By threshold, without a proof: error_rate, latency_p95" in words


def test_a_bad_policy_is_refused_with_all_its_mistakes(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(ERRORS.replace("0.05", "1.5").replace("error_rate", "luck") + "speed: 1\n")
    for words in (("check",), ("plan", "--rate", "1", "--weight", "500")):
        result = run("policy", words[0], str(path), *words[1:])
        assert result.exit_code == ExitCode.USAGE
        assert "speed" in result.stderr
        assert "luck" in result.stderr


def test_check_as_json_has_words_and_figures_of_every_trigger(run: Run) -> None:
    found = json.loads(run("policy", "check", DEFAULT, "--json").stdout)
    rows = {row["trigger"]: row for row in found["triggers"]}
    assert rows["safety"]["forecast"] is None
    cases = rows["error_rate"]["forecast"]["cases"]
    assert [case["worse"] for case in cases] == [2.0, 3.0, 5.0]
    assert all(0 < case["median"] <= case["p95"] for case in cases)
    assert rows["rating"]["forecast"]["cases"][0]["candidate"] == pytest.approx(3.2)


def test_a_plan_turns_requests_into_time(run: Run, mine: str) -> None:
    def plan(rate: str) -> dict[str, float]:
        words = ("policy", "plan", mine, "--rate", rate, "--weight", "1000", "--json")
        result = run(*words)
        assert result.exit_code == ExitCode.FINE, result.output
        (row,) = json.loads(result.stdout)["triggers"]
        assert row["seconds"][0]["median"] == pytest.approx(
            row["forecast"]["cases"][0]["median"] / (float(rate) * 0.1)
        )
        found: dict[str, float] = row["smallest_weight"]
        return found

    slow, fast = plan("2"), plan("20")
    assert slow["hour"] > slow["day"]
    assert fast["hour"] < slow["hour"]


def test_a_split_that_can_detect_nothing_within_a_week_is_no_success(run: Run, mine: str) -> None:
    result = run("policy", "plan", mine, "--rate", "0.01", "--weight", "1")
    assert result.exit_code == ExitCode.NEGATIVE
    assert "CANNOT DETECT ANYTHING WITHIN A WEEK: errors" in result.stdout


def test_labels_that_come_seldom_make_ratings_slow(run: Run) -> None:
    words = ("policy", "plan", DEFAULT, "--rate", "5", "--weight", "1000", "--json")
    often, seldom = (
        {row["trigger"]: row for row in json.loads(run(*words, *more).stdout)["triggers"]}
        for more in (("--labels-share", "1"), ("--labels-share", "0.01"))
    )
    for name, times in (("rating", 100), ("error_rate", 1)):
        fast, slow = (rows[name]["seconds"][0]["median"] for rows in (often, seldom))
        assert slow == pytest.approx(times * fast, rel=0.01)


def test_without_a_stable_arm_what_compares_is_named(run: Run) -> None:
    result = run("policy", "plan", DEFAULT, "--rate", "50", "--weight", "10000")
    assert result.exit_code == ExitCode.NEGATIVE
    assert "latency_p95 (a stable arm is missing)" in result.stdout
