"""Web servers fork after their module is loaded; programs of their own show what then happens."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

HEAD = """
import os, sys
from headgate.sdk import ForkedError, Publisher, Router

publisher, router = Publisher(sys.argv[1]), Router(sys.argv[1])
"""
WORKERS = """
worker = os.fork()
if worker == 0:
    assert router.start(20.0)
    publisher.record("child", "agent", router.choose("agent", "k"), latency_ms=1.0)
    assert publisher.close(20.0) == 0
    router.close()
    print(router.router_id, publisher.stats.delivered, flush=True)
else:
    assert os.waitpid(worker, 0)[1] == 0
    print(router.router_id, publisher.stats.delivered, flush=True)
"""
USED_BEFORE = """
assert router.start(20.0)
publisher.record("parent", "agent", router.choose("agent", "k"), latency_ms=1.0)
child = os.fork()
if child == 0:
    assert not publisher.record("child", "agent", "v5", latency_ms=1.0)
    for use in (lambda: router.choose("agent", "k"), router.start):
        try:
            use()
        except ForkedError as error:
            print(error, flush=True)
    stats = publisher.stats
    publisher.close()
    router.close()
    assert (stats.accepted, stats.dropped["forked"]) == (0, 1), stats
else:
    assert os.waitpid(child, 0)[1] == 0
    assert publisher.close(20.0) == 0
    assert router.choose("agent", "k").version == "v5"
    router.close()
"""


def _run(program: str, bootstrap_servers: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", HEAD + program, bootstrap_servers],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_a_pair_made_before_the_fork_works_in_the_worker(broker, command):
    broker.command(command(5, ("v5", 10_000)))
    child, parent = (
        line.split() for line in _run(WORKERS, broker.bootstrap_servers).stdout.splitlines()
    )
    assert (child[1], parent[1]) == ("1", "0")
    assert child[0] != parent[0]
    assert [outcome.request_id for outcome in broker.outcomes(1)] == ["child"]
    acks = broker.acks(lambda found: any(ack.state == "goodbye" for ack in found))
    assert {ack.router_id for ack in acks} == {child[0]}


def test_a_pair_used_before_the_fork_says_so_in_the_child(broker, command):
    broker.command(command(5, ("v5", 10_000)))
    done = _run(USED_BEFORE, broker.bootstrap_servers)
    assert done.stdout.count("after the fork") == 2
    assert "use it first after the fork" in done.stderr
    assert [outcome.request_id for outcome in broker.outcomes(1)] == ["parent"]
