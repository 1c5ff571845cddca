"""The worker: one process with the agents that its settings name, each a Faust app of its own."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import faust
import structlog
from prometheus_client import CollectorRegistry

from headgate.config import Settings
from headgate.pipeline.admit import Admit
from headgate.pipeline.govern import Govern
from headgate.pipeline.http import HttpServer, port_problem
from headgate.pipeline.ingest import Ingest
from headgate.pipeline.logs import configure_logs
from headgate.pipeline.process import Process
from headgate.pipeline.telemetry import Row, Table, one, per
from headgate.pipeline.topics import check_topics, ledger_partitions

EXIT_FATAL = 70
EXIT_CONFIG = 2

log = structlog.get_logger(__name__)

Agent = Ingest | Admit | Govern


def now_ms() -> int:
    """The worker's clock."""
    return time.time_ns() // 1_000_000


def end_process(reason: str, error: BaseException | None = None) -> None:
    """Stop at once and commit nothing: what was not confirmed is read again by the next worker.

    Faust's supervisor would restart the agent after the failed batch and leave a hole.
    """
    log.critical("worker_ends", reason=reason, exc_info=error)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(EXIT_FATAL)


def run_worker(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean stop, 2 if topics or port do not fit."""
    configure_logs(settings.log_level, settings.log_format)
    problems = [] if settings.embedded else check_topics(settings)
    problems += filter(None, [port_problem(settings.http_host, settings.http_port)])
    for problem in problems:
        sys.stderr.write(f"headgate worker: {problem}\n")
    if problems:
        return EXIT_CONFIG
    agents = _make_agents(settings)
    http = HttpServer(
        host=settings.http_host,
        port=settings.http_port,
        registry=_registry(agents),
        readiness=lambda: {name: _is_ready(agent.app) for name, agent in agents.items()},
    )
    apps = [agent.app for agent in agents.values()]
    worker = faust.Worker(
        *apps, http, redirect_stdouts=False, quiet=True, loglevel="WARN", override_logging=False
    )
    log.info("worker_starts", worker=settings.worker_id, agents=list(agents))
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        log.info("worker_stopped", worker=settings.worker_id, exit_code=ended.code or 0)
        return int(ended.code or 0)
    return 0


_AGENTS: dict[str, Callable[[Process], Agent]] = {
    "ingest": Ingest,
    "admit": Admit,
    "govern": Govern,
}


def _make_agents(settings: Settings) -> dict[str, Agent]:
    process = Process(
        settings=settings,
        ledger_partitions=ledger_partitions(settings),
        now_ms=now_ms,
        fatal=end_process,
    )
    return {name: _AGENTS[name](process) for name in settings.agents}


def _is_ready(app: Any) -> bool:
    """Whether the app has been given its partitions and has recovered its tables."""
    return bool(app.rebalancing_count) and not app.rebalancing


def _registry(agents: dict[str, Agent]) -> CollectorRegistry:
    registry = CollectorRegistry()
    for agent in agents.values():
        registry.register(Table(_rows(agent)))
    return registry


def _rows(agent: Agent) -> list[Row]:
    if isinstance(agent, Ingest):
        return _ingest_rows(agent)
    return _admit_rows(agent) if isinstance(agent, Admit) else _govern_rows(agent)


def _ingest_rows(agent: Ingest) -> list[Row]:
    stats = agent.stats
    return [
        Row("counter", "headgate_outcomes", "Outcomes counted", one(lambda: stats.outcomes)),
        Row("counter", "headgate_bad_outcomes", "Dead-lettered outcomes", one(lambda: stats.bad)),
        Row("gauge", "headgate_panes_open", "Open panes", one(lambda: stats.panes_open)),
        Row(
            "counter",
            "headgate_ingest_fold_seconds",
            "Time spent decoding and folding",
            one(lambda: stats.fold_seconds),
        ),
        Row(
            "gauge",
            "headgate_outcomes_lag",
            "Outcomes not read yet, per source partition",
            per("partition", lambda: stats.lag),
        ),
    ]


def _admit_rows(agent: Admit) -> list[Row]:
    stats = agent.stats
    return [
        Row(
            "counter",
            "headgate_requests",
            "Operator requests admitted",
            one(lambda: stats.requests),
        ),
        Row("counter", "headgate_acks", "Router acks admitted", one(lambda: stats.acks)),
        Row("counter", "headgate_bad_admissions", "Dead-lettered input", one(lambda: stats.bad)),
    ]


def _govern_rows(agent: Govern) -> list[Row]:
    stats = agent.stats
    return [
        Row("counter", "headgate_ledger_entries", "Entries folded", one(lambda: stats.entries)),
        Row(
            "counter",
            "headgate_ledger_unreadable",
            "Ledger records that are no entry",
            one(lambda: stats.unreadable),
        ),
        Row("counter", "headgate_decisions", "Control commands sent", one(lambda: stats.decisions)),
        Row("counter", "headgate_alerts", "Alert records sent", one(lambda: stats.alerts)),
        Row("counter", "headgate_checkpoints", "Checkpoints", one(lambda: stats.checkpoints)),
        Row(
            "counter",
            "headgate_fold_seconds",
            "Time spent folding the ledger",
            one(lambda: stats.fold_seconds),
        ),
        Row(
            "gauge",
            "headgate_revision",
            "Revision of the split in force",
            per("model", lambda: stats.revisions),
        ),
        Row(
            "gauge",
            "headgate_ledger_next_offset",
            "Next ledger offset to fold",
            per("partition", lambda: stats.next_offsets),
        ),
    ]
