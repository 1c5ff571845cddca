from __future__ import annotations

import subprocess
import sys

FORBIDDEN = ("faust", "aiokafka", "numpy", "pydantic", "yaml", "typer", "structlog")


def test_importing_the_sdk_needs_the_base_install_only():
    code = (
        "import sys, headgate.sdk, headgate.sdk.testing\n"
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
