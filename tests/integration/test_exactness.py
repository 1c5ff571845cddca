"""On a real Kafka: workers join, leave and are killed, and every outcome counts exactly once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from headgate.local.kafka import RealKafka
from headgate.replay.run import replay
from headgate.sdk import Outcome, Publisher, Router
from headgate.vocabulary import Topic
from headgate.wire.rollout_requests import Adopt, StartRollout
from support.installation import Installation, wait_until
from support.ledger import policy_content
from support.single_pass import assert_same, count

MODEL = "exact"
PER_BURST = 40
BURST_S = 0.05


@contextmanager
def traffic(installation: Installation, seed: int) -> Iterator[None]:
    """Publish seeded outcomes until the block ends; then all are delivered."""
    settings, stop = installation.settings, threading.Event()
    rng = np.random.default_rng(seed)

    def publish() -> None:
        number = 0
        while not stop.wait(BURST_S):
            for _ in range(PER_BURST):
                number += 1
                choice = router.choose(MODEL, f"user-{number}")
                failed = rng.random() < 0.02
                outcome = Outcome(
                    request_id=f"r{number}",
                    model=MODEL,
                    version=choice.version,
                    revision=choice.revision,
                    bucket=choice.bucket,
                    latency_ms=None if failed else float(rng.lognormal(6.5, 0.5)),
                    error_type="timeout" if failed else None,
                    input_tokens=int(rng.integers(1, 4000)),
                )
                assert publisher.publish(outcome)

    fallback = {MODEL: "v1"}
    where = {"topic_prefix": settings.topic_prefix}
    router = Router(settings.bootstrap_servers, models=[MODEL], fallback=fallback, **where)
    publisher = Publisher(settings.bootstrap_servers, **where)
    router.start()
    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        assert publisher.close(30) == 0
        router.close()


@pytest.mark.kafka
def test_after_a_join_a_leave_and_a_kill_every_outcome_counts_once(
    kafka: RealKafka, topic_prefix: str
) -> None:
    with Installation(kafka.bootstrap_servers, topic_prefix) as here:
        first, second = here.start_worker(), here.start_worker()
        here.ask(Adopt, MODEL, version="v1", policy=policy_content())
        here.ask(StartRollout, MODEL, stable="v1", candidate="v2", weight=5000)
        with traffic(here, seed=5):
            wait_until(lambda: here.counted(MODEL) > 2_000, "outcomes to be counted")
            third = here.start_worker()
            wait_until(lambda: here.joined(3), "the third worker to join")
            seen = here.counted(MODEL)
            wait_until(lambda: here.counted(MODEL) > seen + 4_000, "counting after a join")
            here.stop_worker(third)
            seen = here.counted(MODEL)
            wait_until(lambda: here.counted(MODEL) > seen + 4_000, "counting after a leave")
            second.send_signal(signal.SIGKILL)
            second.wait(30)
            seen = here.counted(MODEL)
            wait_until(lambda: here.counted(MODEL) > seen + 6_000, "counting after a kill")
        outcomes = here.read_raw(here.settings.topic(Topic.OUTCOMES))
        wait_until(lambda: here.counted(MODEL) >= len(outcomes), "the last outcomes")
        here.stop_worker(first)

        tallies = count(value for _, value in outcomes)
        totals = here.model(MODEL).tables.totals
        assert set(totals) == set(tallies) == {"v1", "v2"}
        for version, tally in tallies.items():
            assert_same(totals[version].cell, tally)
        assert [row["action"] for row in here.commands(MODEL)] == ["adopt", "set_weights"]
        report = replay(here.settings)
        assert report.ok, report
        assert report.compared["control"] >= 2
