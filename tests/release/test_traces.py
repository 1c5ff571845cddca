"""Real providers' traffic through decoding, panes and the fold: proof tells good from bad."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson
import pytest

from headgate.measure.source import SourcePartition
from headgate.sim.traces import convert_llmperf
from headgate.vocabulary import Action
from headgate.wire.control import Command
from support.ledger import MODEL, LedgerBench

pytestmark = pytest.mark.traces
SEEDS = pytest.mark.parametrize(
    "seeds", [range(10), pytest.param(range(10, 20), marks=pytest.mark.verify)], ids=["", "more"]
)
REQUESTS_PER_TICK = 30
SECONDS_BEFORE, SECONDS = 15, 60


class _Fleet:
    """Bootstraps rows of a provider for the version that a split chooses."""

    def __init__(self, bench: LedgerBench, rows: dict[str, list[dict[str, object]]]) -> None:
        self.bench, self.rows = bench, rows
        self.source = SourcePartition(0, max_pairs=16)

    def serve(self, seconds: float) -> None:
        for number in range(int(seconds * 2)):
            self._half_a_second()
            if number % 4 == 0:
                self.bench.outcome_offset = self.source.next_offset
                self.bench.progress()
                self.bench.ack()
            self.bench.tick()

    def _half_a_second(self) -> None:
        rng, command = self.bench.rng, self.bench.model.command
        assert command is not None
        values = [self._outcome(rng, command) for _ in range(REQUESTS_PER_TICK)]
        first = self.source.next_offset
        offsets = range(first, first + len(values))
        folded = self.source.fold(values, offsets, [self.bench.now_ms] * len(values))
        assert not folded.bad
        closed = [snapshot for pane in folded.closed for snapshot in pane.snapshots(final=True)]
        assert self.source.open is not None
        for snapshot in (*closed, *self.source.open.snapshots(final=False)):
            self.bench.feed(snapshot)

    def _outcome(self, rng: np.random.Generator, command: Command) -> bytes:
        shares = [row.weight / 10_000 for row in command.weights]
        version = command.weights[int(rng.choice(len(shares), p=shares))].version
        rows = self.rows[version]
        row = rows[int(rng.integers(len(rows)))]
        named = {"request_id": "r", "model": MODEL, "version": version}
        return orjson.dumps({**row, **named, "revision": command.revision})


def _rollout(traces: Path, folder: Path, candidate: str, seed: int) -> list[Command]:
    rows = {}
    for version, provider in (("v1", "anyscale"), ("v2", candidate)):
        path = folder / f"{provider}.jsonl"
        if not path.exists():
            convert_llmperf(traces / "llmperf" / f"{provider}_70b.jsonl", path)
        rows[version] = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    bench = LedgerBench(seed=seed)
    bench.adopt()
    fleet = _Fleet(bench, rows)
    fleet.serve(SECONDS_BEFORE)
    bench.start(weight=5000)
    fleet.serve(SECONDS)
    return bench.commands


@SEEDS
@pytest.mark.parametrize("candidate", ["together", "anyscale"])
def test_a_provider_as_good_as_stable_is_never_rolled_back(
    traces: Path, tmp_path: Path, candidate: str, seeds: range
) -> None:
    for seed in seeds:
        commands = _rollout(traces, tmp_path, candidate, seed)
        assert [row.action for row in commands] == [Action.ADOPT, Action.SET_WEIGHTS], seed


@SEEDS
@pytest.mark.parametrize(
    ("candidate", "trigger"), [("replicate", "latency_p95"), ("lepton", "error_rate")]
)
def test_a_bad_provider_is_always_rolled_back_by_its_trigger(
    traces: Path, tmp_path: Path, candidate: str, trigger: str, seeds: range
) -> None:
    for seed in seeds:
        rollback = _rollout(traces, tmp_path, candidate, seed)[-1]
        assert rollback.action is Action.ROLLBACK, seed
        assert trigger in {because.trigger for because in rollback.reasons}, seed
