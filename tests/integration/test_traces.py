"""On a real Kafka, by the command line: real providers' traffic is judged as a person would.

Llama-2 70B as served by several providers: together is as good as anyscale and is left alone,
replicate is many times slower, lepton fails most requests.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from headgate.local.kafka import RealKafka
from headgate.sim.traces import convert_llmperf
from headgate.vocabulary import Topic
from headgate.wire.rollout_requests import Adopt, StartRollout
from support.installation import Installation, wait_until
from support.ledger import policy_content
from support.single_pass import assert_same, count

pytestmark = [pytest.mark.kafka, pytest.mark.traces]
CANDIDATES = ("together", "replicate", "lepton")
SECONDS = 40


@dataclass
class Outcome:
    """How one rollout went."""

    actions: list[str]
    triggers: list[str]
    recovered: bool
    alerts: list[dict[str, Any]]


def _headgate(here: Installation, *arguments: str) -> list[str]:
    settings = here.settings
    return [
        sys.executable,
        "-m",
        "headgate.cli.main",
        *arguments,
        "--bootstrap-servers",
        settings.bootstrap_servers,
        "--topic-prefix",
        settings.topic_prefix,
        "--group-prefix",
        settings.group_prefix,
    ]


def _run(here: Installation, *arguments: str) -> str:
    done = subprocess.run(
        _headgate(here, *arguments), capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def files(traces: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("traces")
    paths = {name: folder / f"{name}.jsonl" for name in ("anyscale", *CANDIDATES)}
    for name, path in paths.items():
        convert_llmperf(traces / "llmperf" / f"{name}_70b.jsonl", path)
    return paths


@pytest.fixture(scope="module")
def here(kafka: RealKafka, files: dict[str, Path]) -> Iterator[Installation]:
    """Three rollouts at once, each with its own fleet, on two workers that share the work."""
    with Installation(kafka.bootstrap_servers, "traces.") as installation:
        workers = [installation.start_worker() for _ in range(2)]
        wait_until(lambda: installation.joined(2), "two workers", 120)
        runs = [_Run(f"llama-{name}", name, 11) for name in CANDIDATES]
        for run in runs:
            _start(installation, run)
        _serve(installation, files, runs, 100)
        for candidate in CANDIDATES:
            _wait_until_counted(installation, f"llama-{candidate}")
        for worker in workers:
            installation.stop_worker(worker)
        yield installation


@dataclass
class _Run:
    """One rollout from anyscale to a candidate, with a fleet of its own seed."""

    model: str
    candidate: str
    seed: int

    @property
    def name(self) -> str:
        """The candidate's version; anyscale beside itself needs another name."""
        return "anyscale-again" if self.candidate == "anyscale" else self.candidate


def _start(here: Installation, run: _Run) -> None:
    _run(here, "adopt", run.model, "anyscale")
    rollout = ("--stable", "anyscale", "--candidate", run.name, "--weight", "5000")
    _run(here, "rollout", "start", run.model, *rollout)


def _serve(here: Installation, files: dict[str, Path], runs: list[_Run], rate: int) -> None:
    """Start all fleets at once, and wait for their ends."""
    fleets = [
        subprocess.Popen(_fleet(here, run, files, rate), stdout=subprocess.DEVNULL) for run in runs
    ]
    try:
        assert [fleet.wait(SECONDS + 90) for fleet in fleets] == [0] * len(runs)
    finally:
        for fleet in fleets:
            fleet.kill()


def _fleet(here: Installation, run: _Run, files: dict[str, Path], rate: int) -> list[str]:
    arms = [f"anyscale={files['anyscale']}", f"{run.name}={files[run.candidate]}"]
    given = ["--model", run.model, "--arm", arms[0], "--arm", arms[1]]
    pace = ["--rate", str(rate), "--seed", str(run.seed), "--duration", f"{SECONDS}s"]
    return _headgate(here, "fleet", *given, *pace)


def _outcomes(here: Installation, model: str) -> list[bytes]:
    values = [value for _, value in here.read_raw(here.settings.topic(Topic.OUTCOMES))]
    return [value for value in values if orjson.loads(value)["model"] == model]


def _wait_until_counted(here: Installation, model: str) -> None:
    published = len(_outcomes(here, model))
    wait_until(lambda: here.counted(model) >= published, f"all outcomes of {model}")


def _went(here: Installation, candidate: str, model: str = "") -> Outcome:
    model = model or f"llama-{candidate}"
    commands = here.commands(model)
    alerts = [row for row in here.read(Topic.ALERTS) if row.get("model") == model]
    audit = [row for row in here.read(Topic.AUDIT) if row["model"] == model]
    last = commands[-1]["decision_id"]
    return Outcome(
        actions=[row["action"] for row in commands],
        triggers=[because["trigger"] for because in commands[-1].get("reasons", [])],
        recovered=any(r["event"] == "recovered" and r["decision_id"] == last for r in audit),
        alerts=[row for row in alerts if row["state"] == "firing"],
    )


def test_a_provider_as_good_as_stable_is_left_alone(here: Installation) -> None:
    went = _went(here, "together")
    assert went.actions == ["adopt", "set_weights"]
    assert went.alerts == []


def test_a_much_slower_provider_is_rolled_back_by_the_latency_trigger(here: Installation) -> None:
    went = _went(here, "replicate")
    assert went.actions == ["adopt", "set_weights", "rollback"]
    assert "latency_p95" in went.triggers
    assert went.recovered


def test_a_failing_provider_is_rolled_back_by_the_error_trigger(here: Installation) -> None:
    went = _went(here, "lepton")
    assert went.actions == ["adopt", "set_weights", "rollback"]
    assert "error_rate" in went.triggers
    assert went.recovered


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_the_tables_equal_an_independent_single_pass(here: Installation, candidate: str) -> None:
    model = f"llama-{candidate}"
    tallies = count(_outcomes(here, model))
    totals = here.model(model).tables.totals
    assert set(totals) == set(tallies)
    for version, tally in tallies.items():
        assert_same(totals[version].cell, tally)


def test_two_workers_share_the_partitions_of_the_outcomes(here: Installation) -> None:
    reports = [
        (entry["worker"], {row["source_partition"] for row in entry["partitions"]})
        for entry in here.read(Topic.LEDGER)
        if entry["type"] == "progress"
    ]
    last = {worker: place for place, (worker, _) in enumerate(reports)}
    assert len(last) == 2
    # When the first of them stopped: after that the other has them all.
    shares = dict(reports[: min(last.values()) + 1])
    one, other = shares.values()
    assert one
    assert other
    assert one.isdisjoint(other)
    assert one | other == set(range(8))


def test_the_replay_confirms_every_decision(here: Installation) -> None:
    report = orjson.loads(_run(here, "replay", "--json").splitlines()[-1])
    assert report["ok"] is True
    assert report["compared"]["control"] == 8
    assert report["different"] == report["missing"] == report["unexpected"] == []


@pytest.mark.verify
@pytest.mark.timeout(900)
@pytest.mark.parametrize("first_seed", [0, 5, 10, 15])
def test_every_seed_is_judged_alike(
    kafka: RealKafka, files: dict[str, Path], topic_prefix: str, first_seed: int
) -> None:
    runs = [
        _Run(f"llama-{candidate}-{seed}", candidate, seed)
        for seed in range(first_seed, first_seed + 5)
        for candidate in (*CANDIDATES, "anyscale")
    ]
    with Installation(kafka.bootstrap_servers, topic_prefix) as here:
        workers = [here.start_worker() for _ in range(2)]
        for run in runs:
            here.ask(Adopt, run.model, version="anyscale", policy=policy_content())
            rollout = {"stable": "anyscale", "candidate": run.name, "weight": 5_000}
            here.ask(StartRollout, run.model, **rollout)
        _serve(here, files, runs, 40)
        for worker in workers:
            here.stop_worker(worker)
        for run in runs:
            went = _went(here, run.candidate, run.model)
            if run.candidate in {"together", "anyscale"}:
                assert went.actions == ["adopt", "set_weights"], run
            else:
                trigger = {"replicate": "latency_p95", "lepton": "error_rate"}[run.candidate]
                assert went.actions[-1] == "rollback", run
                assert trigger in went.triggers, run
