"""How a test calls `headgate`: words in, a result with exit code, stdout and stderr out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import typer.main
from click.testing import CliRunner, Result

from headgate.cli.main import build_app

Run = Callable[..., Result]


@cache
def headgate() -> Any:
    """`headgate` with all its commands, made ready once: that takes longer than most tests do."""
    return typer.main.get_command(build_app())


def call(*words: str, **how: Any) -> Result:
    """`headgate` with these words; `how` is click's, `env` above all. Output is no terminal."""
    return CliRunner().invoke(headgate(), list(words), **how)
