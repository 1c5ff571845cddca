"""How every agent's Faust app is made: one consumer group per agent, batches, own offsets."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import Iterable
from typing import Any

import faust
from faust.auth import SASLCredentials, SSLCredentials
from yarl import URL

from headgate.config import Settings
from headgate.pipeline.fetching import Fetching
from headgate.pipeline.process import Fatal
from headgate.pipeline.transport import MAX_BATCH_RECORDS, BatchTransport

_REQUEST_TIMEOUT_S = 30.0
_COMMIT_EVERY_S = 1.0
_LARGEST_RECORD_BYTES = 1_000_000
_COLLECT_SELDOM = (100_000, 20, 20)


class AgentApp(faust.App):
    """A Faust app that keeps nothing on disk: its tables live in memory and in Kafka."""

    fatal: Fatal | None = None

    def _crash(self, reason: BaseException) -> None:
        """End the process when any service of the app has crashed.

        Faust only marks them all as crashed; the process would live on as a member of its group,
        keep its partitions and work on none of them.
        """
        super()._crash(reason)
        stopping = self._stopped.is_set() or isinstance(reason, asyncio.CancelledError)
        if self.fatal is not None and not stopping:
            self.fatal(f"a service of {self.conf.id} crashed", reason)

    def _create_directories(self) -> None:
        """Faust would make its data folder here."""

    async def on_first_start(self) -> None:
        """Batches are thousands of short-lived objects: the collector's habits cost a third."""
        await super().on_first_start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECT_SELDOM)


def make_app(
    settings: Settings,
    agent_name: str,
    batch_topics: Iterable[str] = (),
    *,
    fetched_topic: str | None = None,
    fatal: Fatal | None = None,
) -> faust.App:
    """The Faust app of one agent; the events of `batch_topics` are lists of aiokafka records.

    Those of `fetched_topic` are read by librdkafka, several times as fast, and come as a
    `headgate.pipeline.fetching.Batch`. `app.consumer` is a
    `headgate.pipeline.transport.BatchConsumer`: it commits marked offsets only. `fatal` is called
    when anything inside Faust has crashed.
    """
    group = f"{settings.group_prefix}{agent_name}"
    session_s = float(settings.session_timeout_s)
    app = AgentApp(
        group,
        broker=[URL(f"aiokafka://{server}") for server in _servers(settings)],
        broker_credentials=_credentials(settings),
        broker_session_timeout=session_s,
        broker_heartbeat_interval=min(session_s / 4, 3.0),
        broker_request_timeout=max(_REQUEST_TIMEOUT_S, session_s),
        broker_commit_interval=_COMMIT_EVERY_S,
        broker_max_poll_records=MAX_BATCH_RECORDS,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=_member(settings, agent_name),
        producer_acks=-1,
        producer_compression_type="zstd",
        producer_request_timeout=_REQUEST_TIMEOUT_S,
        producer_max_request_size=_LARGEST_RECORD_BYTES,
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        recovery_buffer_size=16,
    )
    app.fatal = fatal
    app.transport = BatchTransport(
        app.conf.broker_consumer,
        app,
        batch_topics=batch_topics,
        fetch_wait_ms=settings.fetch_wait_ms,
        fetching=_fetching(settings, fetched_topic, group) if fetched_topic else None,
    )
    return app


def _fetching(settings: Settings, topic: str, group: str) -> Fetching:
    config = {
        **settings.librdkafka(),
        "client.id": f"headgate-{settings.worker_id}",
        "group.id": group,
        "fetch.wait.max.ms": settings.fetch_wait_ms,
    }
    return Fetching(topic, config, MAX_BATCH_RECORDS)


def _servers(settings: Settings) -> list[str]:
    return [server.strip() for server in settings.bootstrap_servers.split(",") if server.strip()]


def _member(settings: Settings, agent_name: str) -> str | None:
    """With a static member id a restart within the session timeout moves no partition."""
    return f"{settings.instance_id}-{agent_name}" if settings.instance_id else None


def _credentials(settings: Settings) -> Any:
    """Faust's credentials for the configured security protocol; None for plain text."""
    protocol = str(settings.security_protocol).upper()
    context = _ssl_context(settings) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL"):
        password = settings.sasl_password
        return SASLCredentials(
            username=settings.sasl_username,
            password=password.get_secret_value() if password else None,
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ssl_ca_file or None)
    if settings.ssl_cert_file:
        context.load_cert_chain(settings.ssl_cert_file, settings.ssl_key_file or None)
    return context
