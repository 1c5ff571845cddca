"""The command line as people use it: `headgate ...` as a process of its own, with a key or none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from headgate.config import Settings

AT_ONCE = 3
LIMIT_S = 100
_ASK = ("--timeout", "60")


class Done:
    """How a command ended."""

    def __init__(self, words: tuple[str, ...], run: subprocess.CompletedProcess[str]) -> None:
        self.words = " ".join(words)
        self.code, self.stdout, self.stderr = run.returncode, run.stdout, run.stderr

    def is_fine(self) -> Done:
        assert self.code == 0, self
        return self

    def ends(self, code: int, *saying: str) -> Done:
        """Assert the exit code and what was said."""
        assert self.code == code, self
        for words in saying:
            assert words in self.stdout + self.stderr, (words, str(self))
        return self

    def __str__(self) -> str:
        return f"headgate {self.words}\nended with {self.code}\n{self.stdout}{self.stderr}"

    __repr__ = __str__


class Console:
    """Runs commands against one installation; key files lie in `folder`."""

    def __init__(self, settings: Settings, folder: Path, **more: str) -> None:
        """`more` are further environment variables."""
        self.folder = folder
        known = {name: value for name, value in os.environ.items() if "HEADGATE" not in name}
        self._env = {
            **known,
            "HEADGATE_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "HEADGATE_TOPIC_PREFIX": settings.topic_prefix,
            "HEADGATE_GROUP_PREFIX": settings.group_prefix,
            "COLUMNS": "200",
            **more,
        }

    def run(self, *words: str, key: str = "") -> Done:
        """One command, signed with the key file of that name if it is given."""
        run = subprocess.run(
            _command(words),
            cwd=self.folder,
            env=self._with(key),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return Done(words, run)

    def ask(self, who: str, *words: str) -> Done:
        """A command that asks for a change; it waits long for its answer."""
        return self.run(*words, *_ASK, key=who)

    def ask_all(self, rows: Iterable[tuple[str, str]]) -> list[Done]:
        """Several of them side by side: (who, words) each."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda row: self.ask(row[0], *row[1].split()), rows))

    def run_all(self, *rows: str) -> list[Done]:
        """Several commands side by side that ask for nothing."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda row: self.run(*row.split()), rows))

    def start(self, *words: str, **settings: str) -> subprocess.Popen[bytes]:
        """A command that goes on by itself; `settings` are further HEADGATE_ variables."""
        more = {f"HEADGATE_{name.upper()}": value for name, value in settings.items()}
        return subprocess.Popen(
            _command(words), env={**self._env, **more}, stdout=subprocess.DEVNULL
        )

    def _with(self, key: str) -> dict[str, str]:
        more = {"HEADGATE_OPERATOR_KEY_FILE": str(self.folder / key)} if key else {}
        return {**self._env, **more}


def _command(words: Iterable[str]) -> list[str]:
    return [sys.executable, "-m", "headgate.cli.main", *words]
