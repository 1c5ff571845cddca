"""The demo's process tree: a broker, a worker, a router and a fleet, and the way to take it down.

The broker and the fleet live in this process, the worker in a child of its own because Faust owns
its event loop.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from headgate.config import CONFIG_VARIABLE, ENV_PREFIX, Settings
from headgate.keyfiles import new_key
from headgate.local.child import Child
from headgate.local.embedded import EmbeddedBroker
from headgate.local.kafka import free_port
from headgate.pipeline.topics import apply_topics, load_topics
from headgate.sdk import Publisher, Router
from headgate.sim.arms import Arm
from headgate.sim.fleet import Fleet
from headgate.vocabulary import Role
from headgate.wire.key_requests import OperatorKey
from headgate.wire.signatures import CONTROL, REQUEST

READY_TIMEOUT_S = 90.0
OPERATOR = "headgate-demo"
AGENTS = ("ingest", "admit", "govern")


class DemoError(RuntimeError):
    """The demo cannot go on: what happened, with the end of the worker's log."""


class DemoStage:
    """Broker and worker, ready to be used; a context manager that leaves nothing behind.

    It makes keys of its own: `keys` may ask, `public_keys` verify commands.
    `settings.bootstrap_servers` is replaced by the embedded broker's address if `embedded`. On a
    real broker the topics get a prefix of their own and are deleted at the end.
    """

    def __init__(
        self, settings: Settings, *, embedded: bool, config_file: Path | None = None
    ) -> None:
        name = f"headgate-demo-{uuid.uuid4().hex[:6]}"
        update = {"topic_prefix": f"{name}.", "group_prefix": f"{name}-"}
        self.settings = settings.model_copy(update={**update, "embedded": embedded})
        self._config_file = config_file
        self._worker: Child | None = None
        self.keys: tuple[OperatorKey, ...] = ()
        self.public_keys: list[str] = []
        self._http_port = free_port()
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _start(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="headgate-demo-"))
        self._undo.callback(shutil.rmtree, folder, ignore_errors=True)
        self._make_keys(folder)
        if self.settings.embedded:
            broker = self._undo.enter_context(EmbeddedBroker())
            update = {"bootstrap_servers": broker.bootstrap_servers}
            self.settings = self.settings.model_copy(update=update)
            touch_topics(self.settings)
        else:
            self._undo.callback(delete_topics, self.settings)
            apply_topics(self.settings, replication_factor=1)
        command = [sys.executable, "-m", "headgate.cli.main", "worker"]
        self._worker = Child(command, log=folder / "worker.log", env=self._environment())
        self._undo.callback(self._worker.stop)

    def _make_keys(self, folder: Path) -> None:
        """Throw-away keys: one that asks, and sets itself as the first; one that signs commands."""
        asks = new_key(folder / "operator.key", OPERATOR, REQUEST)
        commands = new_key(folder / "control.key", OPERATOR, CONTROL)
        public_key = asks.signer.public_key
        self.keys = (OperatorKey(operator=OPERATOR, role=Role.APPROVER, public_key=public_key),)
        self.public_keys = [commands.signer.public_key]
        update = {
            "operator_key_file": folder / "operator.key",
            "control_key_file": folder / "control.key",
            "first_key": asks.signer.key_id,
        }
        self.settings = self.settings.model_copy(update=update)

    def _environment(self) -> Mapping[str, str]:
        """Headgate's own variables lead nowhere else on the embedded broker."""
        given = self.settings
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not (given.embedded and name.startswith(ENV_PREFIX))
        }
        wanted = {
            "bootstrap_servers": given.bootstrap_servers,
            "topic_prefix": given.topic_prefix,
            "group_prefix": given.group_prefix,
            "agents": ",".join(AGENTS),
            "worker_id": "demo-worker",
            "http_host": "127.0.0.1",
            "http_port": str(self._http_port),
            "log_level": "warning",
            "log_format": "console",
            "embedded": str(given.embedded).lower(),
            "first_key": given.first_key,
            "control_key_file": str(given.control_key_file),
        }
        named = {f"{ENV_PREFIX}{name.upper()}": value for name, value in wanted.items()}
        config = {CONFIG_VARIABLE: str(self._config_file)} if self._config_file else {}
        return {**inherited, **named, **config}

    def wait_until_ready(self, say: Callable[[str], None]) -> None:
        """Return once every agent has its partitions. Raises `DemoError`."""
        began = time.monotonic()
        told = -5.0
        while time.monotonic() - began < READY_TIMEOUT_S:
            self.check()
            if self._is_ready():
                return
            if time.monotonic() - began - told >= 5:
                told = time.monotonic() - began
                say(f"the worker's agents are joining their groups ({told:.0f} s) ...")
            time.sleep(0.2)
        raise DemoError(f"the worker is not ready after {READY_TIMEOUT_S:.0f} s:\n{self._told()}")

    def check(self) -> None:
        """Raises `DemoError` if the worker has ended."""
        if self._worker is not None and not self._worker.is_running:
            raise DemoError(f"the worker has ended:\n{self._told()}")

    def _is_ready(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self._http_port}/readyz"
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _told(self) -> str:
        return self._worker.log_tail() if self._worker else ""


def touch_topics(settings: Settings) -> None:
    """Let the embedded broker make the topics before anybody follows them."""
    admin = AdminClient({**settings.librdkafka(), "log_level": 0})
    for name in [spec.name for spec in load_topics(settings)]:
        admin.list_topics(name, timeout=10)


def delete_topics(settings: Settings) -> None:
    """Remove the demo's own topics and groups from a real broker, as far as it lets us."""
    admin = AdminClient({**settings.librdkafka(), "log_level": 0})
    names = [spec.name for spec in load_topics(settings)]
    groups = [f"{settings.group_prefix}{agent}" for agent in AGENTS]
    futures = [
        *admin.delete_topics(names, operation_timeout=10).values(),
        *admin.delete_consumer_groups(groups).values(),
    ]
    for future in futures:
        try:
            future.result(15)
        except KafkaException as error:
            text = f"headgate demo: could not clean up: {error.args[0].str()}\n"
            sys.stderr.write(text)


class DemoTraffic:
    """A router, a publisher and a fleet that serves in a thread until it is stopped.

    The arms' time stands still at 0 until `turn_clock_on`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        model: str,
        arms: Mapping[str, Arm],
        rate_per_s: float,
        seed: int,
        public_keys: Sequence[str] | None = None,
    ) -> None:
        kafka = settings.librdkafka()
        if settings.embedded:
            kafka |= {"enable.idempotence": False}  # its broker knows no idempotent producer
        self.publisher = Publisher(
            settings.bootstrap_servers, topic_prefix=settings.topic_prefix, kafka=kafka
        )
        kafka.pop("enable.idempotence", None)
        self.router = Router(
            settings.bootstrap_servers,
            models=[model],
            router_id="demo-router",
            topic_prefix=settings.topic_prefix,
            kafka=kafka,
            public_keys=public_keys,
        )
        self.fleet = Fleet(
            model=model,
            arms=arms,
            router=self.router,
            publisher=self.publisher,
            rate_per_s=rate_per_s,
            seed=seed,
        )
        self._clock_from: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="headgate-demo-fleet", daemon=True)

    def __enter__(self) -> Self:
        self.router.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_serving()
        self.router.close()

    def turn_clock_on(self) -> None:
        """The rollout has begun: from now on the arms' time runs."""
        self._clock_from = time.monotonic()

    def elapsed_s(self) -> float:
        """The arms' time."""
        return 0.0 if self._clock_from is None else time.monotonic() - self._clock_from

    def stop_serving(self) -> None:
        """End the fleet and deliver what waits; the router goes on."""
        self._stop.set()
        self._thread.join()
        self.publisher.close(15.0)

    def _serve(self) -> None:
        self.fleet.run(float("inf"), stop=self._stop.is_set, elapsed_s=self.elapsed_s)
