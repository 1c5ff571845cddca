"""A whole service by `headgate` commands alone: topics, workers, routers, fleets as processes."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import yaml

from headgate.sim.arms import Behaviour
from headgate.sim.traces import write_trace
from support.console import Console
from support.installation import Installation, wait_until

ROUTERS = ("router-1", "router-2", "router-3")
WORKERS = 2
RATE_PER_S = 120
NEWEST = 12  # records that a failure tells
GOOD = Behaviour(error_rate=0.01, rated=1.0)
BAD = replace(GOOD, error_rate=0.4)
BELOVED = replace(GOOD, rating_mean=4.7)
_WORKER = {"session_timeout_s": "6", "checkpoint_interval_s": "3", "http_port": "0",
           "log_level": "warning"}  # fmt: skip

Json = dict[str, Any]


@dataclass(frozen=True)
class Obeyed:
    """A split that all routers acknowledged: how long that took, and how long it might take."""

    revision: int
    action: str
    took_ms: int
    within_ms: int | None
    routers: int


class Serving:
    """Two workers and three routers on a real broker. A context manager that stops all of them."""

    def __init__(
        self, bootstrap_servers: str, topic_prefix: str, folder: Path, **environment: str
    ) -> None:
        self.here = Installation(bootstrap_servers, topic_prefix, with_topics=False)
        self.console = Console(self.here.settings, folder, **environment)
        self._folder = folder
        self._undo = ExitStack()
        self._fleet: subprocess.Popen[bytes] | None = None

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
        self.console.run("topics", "apply", "--replication-factor", "1").is_fine()
        for _ in range(WORKERS):
            self._keep(self.console.start("worker", **_WORKER), signal.SIGTERM)
        for name in ROUTERS:
            self._keep(self.console.start("router", "--router-id", name), signal.SIGINT)
        wait_until(lambda: self.here.joined(WORKERS), "two workers", 120)

    def _keep(self, process: subprocess.Popen[bytes], how: signal.Signals) -> None:
        self._undo.callback(_end, process, how)

    def policy(self, content: Json) -> str:
        """A policy file."""
        path = self._folder / f"{content['name']}.yaml"
        path.write_text(yaml.safe_dump(content))
        return str(path)

    def model(self, name: str) -> Model:
        """What is asked and read of one model."""
        return Model(self, name, self._folder)

    def serve(self, model: str, arms: Mapping[str, Path]) -> None:
        """From now on a fleet serves a model from recorded outcomes; the one before is ended."""
        if self._fleet is not None:
            _end(self._fleet, signal.SIGINT)
        flags = [word for name, file in arms.items() for word in ("--arm", f"{name}={file}")]
        words = ("fleet", "--model", model, *flags, "--rate", str(RATE_PER_S), "--duration", "1h")
        self._fleet = self.console.start(*words)
        self._keep(self._fleet, signal.SIGINT)


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    if process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)


class Model:
    """One model of the service; everything by commands."""

    def __init__(self, serving: Serving, name: str, folder: Path) -> None:
        self._serving, self.name, self._folder = serving, name, folder

    def is_served(self, **arms: Behaviour) -> None:
        """From now on by a fleet whose versions behave like that."""
        files = {}
        for seed, (version, behaviour) in enumerate(arms.items()):
            files[version] = self._folder / f"{self.name}-{version}.jsonl"
            rng = np.random.default_rng(seed)
            write_trace(files[version], (behaviour.draw(rng, 0.0) for _ in range(2_000)))
        self._serving.serve(self.name, files)

    def asks(self, *words: str) -> Json:
        """A command that is accepted: its JSON. The model goes behind the words' first two."""
        return self._answer(0, words)

    def is_refused(self, *words: str) -> Json:
        """A command that is refused: its JSON."""
        return self._answer(1, words)

    def _answer(self, code: int, words: tuple[str, ...]) -> Json:
        group = words[:1] if words[0] == "adopt" else words[:2]
        given = (*group, self.name, *words[len(group) :], "--json")
        found: Json = json.loads(self._serving.console.ask("", *given).ends(code).stdout)
        return found

    def reads(self, *words: str, code: int = 0) -> Any:
        """The JSON of a command that only looks."""
        return json.loads(self._serving.console.run(*words, self.name, "--json").ends(code).stdout)

    def status(self) -> Json:
        """The newest status; empty before the first one."""
        done = self._serving.console.run("status", self.name, "--json")
        assert done.code in {0, 1}, done
        return json.loads(done.stdout) or {}

    def until(self, is_so: Callable[[Json], Any], what: str, seconds: float = 150) -> Json:
        """The first status of which that is so."""

        def status() -> Json | None:
            found = self.status()
            return found if found and is_so(found) else None

        try:
            found: Json = wait_until(status, f"{self.name}: {what}", seconds)
        except AssertionError as late:
            late.add_note(self.as_it_stands())
            raise
        return found

    def as_it_stands(self) -> str:
        """For a failure: the status in words, and the newest of what was audited and alerted."""
        status = self._serving.console.run("status", self.name)
        newest = [
            f"{topic}: {row.get('event') or row.get('kind')} {row['at_ms']} {row['sentence']}"
            for topic in ("alerts", "audit")
            for row in self.tail(topic)[-NEWEST:]
            if "sentence" in row
        ]
        return "\n".join((status.stdout + status.stderr, *newest))

    def tail(self, topic: str) -> list[Json]:
        """Every record of a topic that is about the model, oldest first."""
        words = ("tail", topic, "--model", self.name, "--from-beginning", "--exit", "--json")
        lines = self._serving.console.run(*words).is_fine().stdout.splitlines()
        return [json.loads(line)["value"] for line in lines]

    def splits(self) -> list[dict[str, int]]:
        """Every split that was commanded, in order, as weights by version."""
        return [
            {row["version"]: row["weight"] for row in command["weights"]}
            for command in self._commands()
        ]

    def _commands(self) -> Iterable[Json]:
        newest = {command["revision"]: command for command in self.tail("control")}
        return [newest[revision] for revision in sorted(newest)]

    def obeyed(self) -> list[Obeyed]:
        """How every commanded split was obeyed, as the audit measured it."""
        recovered = {
            row["decision_id"]: row["details"]
            for row in self.tail("audit")
            if row["event"] == "recovered"
        }
        return [
            Obeyed(
                revision=command["revision"],
                action=command["action"],
                took_ms=recovered[command["decision_id"]]["took_ms"],
                within_ms=_within_ms(command),
                routers=recovered[command["decision_id"]]["routers"],
            )
            for command in self._commands()
            if command["decision_id"] in recovered
        ]


def _within_ms(command: Json) -> int | None:
    by_ms = command.get("recover_by_ms")
    return None if by_ms is None else int(by_ms - command["issued_at_ms"])
