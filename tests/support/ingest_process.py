"""An ingest worker as a process of its own: `python -m` this file with HEADGATE_ settings."""

from __future__ import annotations

import os
import sys
import time

import faust

from headgate.config import Settings
from headgate.pipeline.ingest import Ingest
from headgate.pipeline.process import Process


def end(reason: str, error: BaseException | None) -> None:
    """End at once, as a worker does after a failure."""
    sys.stderr.write(f"{reason}: {error!r}\n")
    sys.stderr.flush()
    os._exit(70)


def main() -> None:
    process = Process(
        settings=Settings(),
        ledger_partitions=int(os.environ["LEDGER_PARTITIONS"]),
        now_ms=lambda: time.time_ns() // 1_000_000,
        fatal=end,
    )
    ingest = Ingest(process)
    worker = faust.Worker(
        ingest.app, redirect_stdouts=False, quiet=True, loglevel=os.environ.get("LEVEL", "WARN")
    )
    try:
        worker.execute_from_commandline()
    finally:
        sys.stdout.write(f"{ingest.stats}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
