"""How a test calls `headgate`: words in, a result with exit code, stdout and stderr out."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result

Run = Callable[..., Result]
