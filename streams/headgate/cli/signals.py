"""SIGTERM as Ctrl-C: what a supervisor ends says goodbye and sends what it holds, too."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def sigterm_is_ctrl_c() -> Iterator[None]:
    """Within it SIGTERM raises `KeyboardInterrupt`; in the main thread only."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
