"""A child process that does not outlive this one, however this one ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_S = 20.0
TAIL_CHARS = 4_000

# Waits for the child; ends it when standard input closes, which happens when the parent is gone.
_GUARD = """
import os, signal, subprocess, sys, threading
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
def guard():
    while os.read(0, 1):
        pass
    child.terminate()
    try:
        child.wait(12)
    except subprocess.TimeoutExpired:
        child.kill()
threading.Thread(target=guard, daemon=True).start()
code = child.wait()
os._exit(code if code >= 0 else 128 - code)
"""


class Child:
    """A running command; its output goes to `log`. Stop it, or it stops when this process ends."""

    def __init__(self, command: Sequence[str], *, log: Path, env: Mapping[str, str]) -> None:
        self._log = log
        with log.open("ab") as out:
            self._guard = subprocess.Popen(
                [sys.executable, "-c", _GUARD, *command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                env=dict(env),
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self._guard.poll() is None

    def stop(self) -> int:
        """SIGTERM, later SIGKILL; returns the exit code."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        try:
            return self._guard.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            return self._guard.wait()

    def log_tail(self) -> str:
        """The end of what the command has written."""
        return self._log.read_text(errors="replace")[-TAIL_CHARS:]
