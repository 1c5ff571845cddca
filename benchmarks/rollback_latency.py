"""How long from the first bad outcome's append to the router having applied the rollback.

A safety violation in 500 requests/s on a real Kafka, one worker, 20 runs; prints one JSON line.
Append time is the broker's own timestamp of the outcome, on the same machine's clock.

    python benchmarks/rollback_latency.py [--runs 20]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import yaml
from confluent_kafka import Producer

from headgate.config import Settings
from headgate.contract import contract_file
from headgate.local.kafka import RealKafka, free_port
from headgate.pipeline.topics import apply_topics
from headgate.sdk import Outcome, Publisher, Router
from headgate.vocabulary import Action, Topic
from headgate.wire.codec import encode
from headgate.wire.control import Command
from headgate.wire.rollout_requests import Adopt, StartRollout

MODEL = "bench"
RATE_PER_S = 500
WAIT_S = 60.0


class Bench:
    """One fleet, one router and an operator beside a worker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.applied: dict[int, tuple[float, Action]] = {}
        self._producer = Producer(settings.librdkafka())
        self.router = Router(settings.bootstrap_servers, models=[MODEL], on_split=self._on_split)
        self.publisher = Publisher(settings.bootstrap_servers)
        self._rng = np.random.default_rng(1)

    def _on_split(self, command: Command) -> None:
        self.applied[command.revision] = (time.time() * 1000, command.action)

    def ask(self, kind: type, **fields: Any) -> None:
        """Send a request; its effect is seen on the router."""
        request = kind(
            request_id=uuid.uuid4().hex,
            model=MODEL,
            operator="bench",
            issued_at_ms=int(time.time() * 1000),
            **fields,
        )
        topic = self.settings.topic(Topic.REQUESTS)
        self._producer.produce(topic, key=MODEL, value=encode(request))
        self._producer.flush(10)

    def wait_for(self, action: Action, known: int) -> float:
        """When the router applied a command of that kind, in ms; `known` commands came before."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            new = list(self.applied.values())[known:]
            found = [at_ms for at_ms, did in new if did is action]
            if found:
                return found[0]
            time.sleep(0.001)
        raise TimeoutError(f"no {action} within {WAIT_S} s")

    def run(self, number: int) -> float:
        """One candidate that violates safety once; ms from append to applied rollback."""
        candidate, known = f"v{number + 2}", len(self.applied)
        self.ask(StartRollout, stable="v1", candidate=candidate, weight=5000)
        self.wait_for(Action.SET_WEIGHTS, known)
        time.sleep(float(self._rng.uniform(2, 4)))  # a random phase of panes, snapshots and ticks
        key = next(k for k in map(str, range(10_000)) if self._version(k) == candidate)
        choice = self.router.choose(MODEL, key)
        bad = Outcome(
            request_id=f"bad-{number}",
            model=MODEL,
            version=candidate,
            revision=choice.revision,
            bucket=choice.bucket,
            latency_ms=500,
            safety_violation=True,
        )
        appended: list[int] = []
        self._producer.produce(
            self.settings.topic(Topic.OUTCOMES),
            key=bad.request_id,
            value=encode(bad),
            on_delivery=lambda _, message: appended.append(message.timestamp()[1]),
        )
        self._producer.flush(10)
        return self.wait_for(Action.ROLLBACK, known) - appended[0]

    def _version(self, key: str) -> str:
        return self.router.choose(MODEL, key).version

    @contextlib.contextmanager
    def traffic(self) -> Iterator[None]:
        """500 requests/s until the block ends."""
        stop = threading.Event()

        def publish() -> None:
            number = 0
            while not stop.wait(0.02):
                for _ in range(RATE_PER_S // 50):
                    number += 1
                    choice = self.router.choose(MODEL, str(number))
                    self.publisher.record(f"r{number}", MODEL, choice, latency_ms=500.0)

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@contextlib.contextmanager
def worker(settings: Settings) -> Iterator[None]:
    """A worker process that is ready."""
    port = free_port()
    variables = {
        "HEADGATE_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "HEADGATE_HTTP_PORT": str(port),
        "HEADGATE_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "headgate.cli.main", "worker"]
    process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz")
                break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def main() -> None:
    """Run and print the figure."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--runs", type=int, default=20)
    runs = arguments.parse_args().runs
    with RealKafka.start() as kafka:
        settings = Settings(bootstrap_servers=kafka.bootstrap_servers)
        apply_topics(settings, replication_factor=1)
        with worker(settings):
            bench = Bench(settings)
            bench.router.start()
            policy = yaml.safe_load(contract_file("config", "policies", "default.yaml").read_text())
            bench.ask(Adopt, version="v1", policy=policy)
            bench.wait_for(Action.ADOPT, 0)
            with bench.traffic():
                took_ms = []
                for number in range(runs):
                    took_ms.append(bench.run(number))
                    sys.stderr.write(f"run {number + 1}: {took_ms[-1]:.0f} ms\n")
            bench.publisher.close()
            bench.router.close()
    figure = {
        "figure": "rollback_latency_slowest",
        "value": round(max(took_ms) / 1000, 3),
        "unit": "s",
        "ratios": {
            "median_s": round(statistics.median(took_ms) / 1000, 3),
            "fastest_s": round(min(took_ms) / 1000, 3),
        },
        "conditions": f"{runs} runs, a safety violation, {RATE_PER_S} requests/s, 1 worker",
    }
    sys.stdout.write(json.dumps(figure) + "\n")


if __name__ == "__main__":
    main()
