"""A worker as its own process, configured by the environment alone."""

from __future__ import annotations

import sys

from headgate.config import Settings
from headgate.pipeline.worker import run_worker

if __name__ == "__main__":
    sys.exit(run_worker(Settings()))
