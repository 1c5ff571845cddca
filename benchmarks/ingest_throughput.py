"""How fast one worker reads outcomes into panes: `python benchmarks/ingest_throughput.py`.

Starts a real Kafka, publishes events of about 280 bytes as the SDK does (lz4), and lets one
process after another read the same topic: a stock Faust agent that counts events, then ingest
with its snapshots, progress and commits. A second topic holds 200 (model, version) pairs, for
the resident memory. Prints one JSON line per figure.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import faust
from confluent_kafka import Producer

from headgate.config import Settings
from headgate.local.kafka import RealKafka
from headgate.pipeline.ingest import Ingest
from headgate.pipeline.process import Process
from headgate.pipeline.topics import apply_topics
from headgate.pipeline.worker import now_ms
from headgate.vocabulary import Topic

LIMIT_PER_S = 200_000
LIMIT_RATIO = 12.0
DISTINCT = 4000


def events(pairs: int, seed: int = 1) -> list[bytes]:
    """Distinct outcomes over `pairs` (model, version) pairs, as a serving fleet sends them."""
    rnd = random.Random(seed)
    made = []
    for number in range(DISTINCT):
        pair = number % pairs
        fields = {
            "request_id": f"{rnd.getrandbits(128):032x}",
            "model": f"customer-support-agent-{pair // 2}",
            "version": f"v2.{pair % 2}.0",
            "revision": 1_790_000_000,
            "bucket": rnd.randrange(10_000),
            "timestamp_ms": time.time_ns() // 1_000_000,
            "latency_ms": round(rnd.lognormvariate(6.6, 0.5), 3),
            "ttft_ms": round(rnd.lognormvariate(5, 0.5), 3),
            "input_tokens": rnd.randrange(50, 3000),
            "output_tokens": rnd.randrange(10, 800),
            "cost_usd": round(rnd.random() / 50, 6),
        }
        if rnd.random() < 0.1:
            fields |= {"rating": rnd.choice([3, 4, 4.5, 5]), "hallucination": rnd.random() < 0.02}
        made.append(json.dumps(fields, separators=(",", ":")).encode())
    return made


def publish(servers: str, topic: str, count: int, pairs: int) -> float:
    """Publish `count` events; returns their mean size in bytes."""
    rows = events(pairs)
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "compression.type": "lz4",
            "linger.ms": 20,
            "enable.idempotence": True,
            "queue.buffering.max.messages": 500_000,
        }
    )
    for number in range(count):
        while True:
            try:
                producer.produce(topic, rows[number % DISTINCT], key=str(number))
                break
            except BufferError:
                producer.poll(0.05)
    if producer.flush(120):
        raise RuntimeError("the broker did not take all events")
    return sum(map(len, rows)) / len(rows)


def resident_mb() -> float:
    """This process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Watch:
    """Times the reading of `wanted` events in a worker, then ends it with a JSON report."""

    def __init__(self, app: Any, count: Any, wanted: int, deadline_s: float) -> None:
        self._app, self._count, self._wanted = app, count, wanted
        self._deadline_s = deadline_s
        self._idle_mb = resident_mb()
        app.task(self.watch)

    async def watch(self) -> None:
        """Poll the count; the clock runs from the first counted event."""
        while not self._count():
            await self._app.sleep(0.002)
        first, begun, cpu_begun = self._count(), time.perf_counter(), time.process_time()
        while self._count() < self._wanted and time.perf_counter() - begun < self._deadline_s:
            await self._app.sleep(0.01)
        seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
        read = self._count() - first
        await self._app.sleep(1.5)
        report = {
            "read": read,
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "resident_mb": resident_mb(),
            "before_mb": self._idle_mb,
        }
        print("\n" + json.dumps(report), flush=True)
        os.kill(os.getpid(), 15)


def run_ingest(wanted: int) -> None:
    """One ingest worker, as `headgate worker` runs it."""

    def end(reason: str, error: BaseException | None) -> None:
        sys.stderr.write(f"{reason}: {error!r}\n")
        os._exit(70)

    ingest = Ingest(Process(Settings(), ledger_partitions=4, now_ms=now_ms, fatal=end))
    Watch(ingest.app, lambda: ingest.stats.outcomes, wanted, 120)
    run(ingest.app)


def run_stock(wanted: int) -> None:
    """Faust as its documentation shows it: an agent that counts events, one by one."""
    settings = Settings()
    app = faust.App(
        f"{settings.group_prefix}stock",
        broker=f"kafka://{settings.bootstrap_servers}",
        value_serializer="raw",
        store="memory://",
        topic_disable_leader=True,
        datadir=tempfile.gettempdir(),
    )
    counted = [0]

    @app.agent(app.topic(settings.topic(Topic.OUTCOMES)))
    async def count(stream: Any) -> None:
        async for _ in stream:
            counted[0] += 1

    Watch(app, lambda: counted[0], wanted, 15)
    run(app)


def run(app: Any) -> None:
    app.conf.web_enabled = False
    worker = faust.Worker(app, redirect_stdouts=False, quiet=True, loglevel="ERROR")
    with suppress(SystemExit):
        worker.execute_from_commandline()


def measured(kind: str, settings: Settings, wanted: int) -> dict[str, float]:
    """The report of a worker process of its own."""
    environment = {
        "HEADGATE_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "HEADGATE_TOPIC_PREFIX": settings.topic_prefix,
        "HEADGATE_GROUP_PREFIX": settings.group_prefix,
    }
    done = subprocess.run(
        [sys.executable, __file__, "--run", kind, "--events", str(wanted)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=300,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"the {kind} worker ended with {done.returncode} and no report")
    report: dict[str, float] = json.loads(lines[-1])
    return report


@contextmanager
def topics_of(servers: str, prefix: str) -> Iterator[Settings]:
    """The contract's topics under a prefix of their own, with four partitions for outcomes."""
    settings = Settings(bootstrap_servers=servers, topic_prefix=prefix, group_prefix=prefix)
    apply_topics(settings, replication_factor=1)
    yield settings


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--events", type=int, default=1_500_000)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--run", choices=["ingest", "stock"])
    chosen = options.parse_args()
    if chosen.run == "ingest":
        run_ingest(chosen.events)
    elif chosen.run == "stock":
        run_stock(chosen.events)
    else:
        with RealKafka.start() as kafka:
            report_throughput(kafka.bootstrap_servers, chosen.events, chosen.runs)
            report_memory(kafka.bootstrap_servers, chosen.events // 3)


def report_throughput(servers: str, count: int, runs: int) -> None:
    with topics_of(servers, "speed.") as settings:
        size = publish(servers, settings.topic(Topic.OUTCOMES), count, pairs=2)
        stock = measured("stock", settings, count)
        stock_per_s = stock["read"] / stock["seconds"]
        rates: list[float] = []
        cpu_us: list[float] = []
        for number in range(runs):
            again = settings.model_copy(update={"group_prefix": f"speed{number}."})
            report = measured("ingest", again, count)
            rates.append(report["read"] / report["seconds"])
            cpu_us.append(report["cpu_seconds"] / report["read"] * 1e6)
    value = sorted(rates)[len(rates) // 2]
    show(
        "ingest_throughput",
        value,
        "outcomes/s",
        {"to_a_stock_agent_that_counts": round(value / stock_per_s, 1)},
        {
            "events": count,
            "event_bytes": round(size),
            "runs_per_s": [round(rate) for rate in rates],
            "cpu_us_per_event": round(min(cpu_us), 2),
            "stock_agent_per_s": round(stock_per_s),
            "stock_agent_cpu_us_per_event": round(stock["cpu_seconds"] / stock["read"] * 1e6, 2),
            "limit_per_s": LIMIT_PER_S,
            "limit_ratio": LIMIT_RATIO,
        },
    )


def report_memory(servers: str, count: int) -> None:
    with topics_of(servers, "memory.") as settings:
        publish(servers, settings.topic(Topic.OUTCOMES), count, pairs=200)
        report = measured("ingest", settings, count)
    show(
        "ingest_resident_memory",
        report["resident_mb"],
        "MiB",
        {"to_before_the_first_outcome": round(report["resident_mb"] / report["before_mb"], 2)},
        {
            "pairs": 200,
            "events": count,
            "before_mib": round(report["before_mb"]),
            "outcomes_per_s": round(report["read"] / report["seconds"]),
        },
    )


def show(
    figure: str, value: float, unit: str, ratios: dict[str, float], conditions: dict[str, Any]
) -> None:
    machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "broker": "one, local"}
    line = {
        "figure": figure,
        "value": round(value, 1),
        "unit": unit,
        "ratios": ratios,
        "conditions": conditions | machine,
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
