"""A real Apache Kafka from Maven artifacts, for tests and for anyone without Docker.

A watchdog process stands between: it kills the broker as soon as this process is gone, however
it went, so that a killed test run leaves nothing behind.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from types import TracebackType

KAFKA_VERSION = "4.1.0"
START_TIMEOUT_S = 60.0
DEBIAN_PACKAGES = ("openjdk-17-jre-headless", "maven")

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.headgate</groupId>
  <artifactId>local-kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""

# Blocks until its standard input closes, which happens when the parent is gone.
_WATCHDOG = """
import os, signal, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
print(child.pid, flush=True)
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.stdin.buffer.read()
child.terminate()
try:
    child.wait(10)
except subprocess.TimeoutExpired:
    child.kill()
"""


class KafkaUnavailableError(RuntimeError):
    """Java or Maven is missing, or Kafka does not start: what is wrong and what to do."""


def missing_tools() -> list[str]:
    """Which of the two Debian packages are needed and not there."""
    needed = zip(("java", "mvn"), DEBIAN_PACKAGES, strict=True)
    return [package for tool, package in needed if shutil.which(tool) is None]


def kafka_jars() -> Path:
    """The folder with Kafka's jars, fetched by Maven the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headgate"
    jars = cache / f"kafka-{KAFKA_VERSION}"
    if jars.is_dir():
        return jars
    missing = missing_tools()
    if missing:
        raise KafkaUnavailableError(
            f"a real Kafka needs Java 17+ and Maven: install {' and '.join(missing)}"
        )
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.is_dir():
            _fetch_jars(cache, jars)
    return jars


def _fetch_jars(cache: Path, jars: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        (Path(folder) / "pom.xml").write_text(_POM)
        fetched = Path(folder) / "jars"
        command = [
            "mvn",
            "-q",
            "-B",
            "dependency:copy-dependencies",
            f"-DoutputDirectory={fetched}",
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode or not fetched.is_dir():
            raise KafkaUnavailableError(f"Maven could not fetch Kafka: {done.stdout[-2000:]}")
        fetched.rename(jars)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RealKafka:
    """One broker, combined with its controller, in a folder of its own."""

    def __init__(self, folder: Path, *, owns_folder: bool, heap_mb: int) -> None:
        self._folder = folder
        self._owns_folder = owns_folder
        self._heap_mb = heap_mb
        self._port = free_port()
        self._watchdog: subprocess.Popen[str] | None = None
        self.bootstrap_servers = f"127.0.0.1:{self._port}"
        self.pid = 0

    @classmethod
    def start(cls, folder: Path | None = None, *, heap_mb: int = 512) -> RealKafka:
        """Format a folder (a temporary one by default), start and wait until it answers."""
        kafka_jars()
        if shutil.which("java") is None:
            package = DEBIAN_PACKAGES[0]
            raise KafkaUnavailableError(f"a real Kafka needs Java 17+: install {package}")
        owns_folder = folder is None
        kafka = cls(
            folder or Path(tempfile.mkdtemp(prefix="headgate-kafka-")),
            owns_folder=owns_folder,
            heap_mb=heap_mb,
        )
        try:
            kafka._format()
            kafka._launch()
        except BaseException:
            kafka.stop()
            raise
        return kafka

    def __enter__(self) -> RealKafka:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the broker and remove the folder if it is a temporary one."""
        self.halt()
        if self._owns_folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def halt(self, *, kill: bool = False) -> None:
        """End the broker and keep its data; `kill` gives it no time to close anything."""
        if self._watchdog is None:
            return
        if kill:
            os.kill(self.pid, signal.SIGKILL)
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
        self._watchdog.wait(30)
        self._watchdog = None

    def resume(self) -> None:
        """Start again on the same data and port."""
        self._launch()

    def _java(self) -> list[str]:
        return [
            "java",
            f"-Xmx{self._heap_mb}m",
            "-XX:+UseSerialGC",
            f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}",
            "-cp",
            f"{kafka_jars()}/*",
        ]

    def _format(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "log4j2.properties").write_text(
            "rootLogger.level=error\nrootLogger.appenderRef.out.ref=out\n"
            "appender.out.type=Console\nappender.out.name=out\n"
            "appender.out.layout.type=PatternLayout\nappender.out.layout.pattern=%d %p %c %m%n\n"
        )
        (self._folder / "server.properties").write_text(self._properties())
        # One in 64 ids would begin with a dash and be taken for an option.
        cluster = "h" + urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        command = [
            *self._java(),
            "kafka.tools.StorageTool",
            "format",
            "-t",
            cluster,
            "-c",
            str(self._folder / "server.properties"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KafkaUnavailableError(f"Kafka could not format its folder: {done.stderr[-2000:]}")

    def _properties(self) -> str:
        controller = free_port()
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self._port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self._folder / "data"),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "2",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _launch(self) -> None:
        server = [*self._java(), "kafka.Kafka", str(self._folder / "server.properties")]
        log = (self._folder / "kafka.log").open("a")
        self._watchdog = subprocess.Popen(
            [sys.executable, "-c", _WATCHDOG, *server],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        log.close()
        if self._watchdog.stdout is not None:
            self.pid = int(self._watchdog.stdout.readline())
        self._wait_until_up()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._watchdog is None or self._watchdog.poll() is not None:
                break
            with socket.socket() as probe:
                probe.settimeout(0.5)
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.1)
        told = (self._folder / "kafka.log").read_text()[-2000:]
        raise KafkaUnavailableError(f"Kafka did not start on {self.bootstrap_servers}: {told}")
