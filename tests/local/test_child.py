"""Child processes: they end when told to, and when their parent is gone however it went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from headgate.local.child import Child

SLEEPER = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


def until(holds: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def first_number(log: Path) -> int:
    assert until(lambda: log.exists() and log.read_text().strip().isdigit())
    return int(log.read_text())


def test_stop_ends_the_command_itself(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child([sys.executable, "-c", SLEEPER], log=log, env=os.environ)
    pid = first_number(log)
    assert child.is_running
    assert child.stop() == 128 + signal.SIGTERM
    assert not is_alive(pid)


def test_a_command_that_ends_is_seen_with_its_last_words(tmp_path: Path) -> None:
    words = "import sys; print('no topic'); sys.exit(2)"
    child = Child([sys.executable, "-c", words], log=tmp_path / "log", env=os.environ)
    assert until(lambda: not child.is_running)
    assert child.stop() == 2
    assert "no topic" in child.log_tail()


def test_a_killed_parent_takes_its_child_along(tmp_path: Path) -> None:
    log = tmp_path / "log"
    parent_code = (
        "import os, sys, time; from pathlib import Path; from headgate.local.child import Child\n"
        "command = [sys.executable, '-c', sys.argv[2]]\n"
        "child = Child(command, log=Path(sys.argv[1]), env=os.environ)\n"
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", parent_code, str(log), SLEEPER])
    pid = first_number(log)
    parent.kill()
    parent.wait()
    assert until(lambda: not is_alive(pid))
