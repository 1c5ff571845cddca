"""Mutants: a module of the package with one fragment of its source replaced, and not compiled."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any
from unittest.mock import patch

from headgate.measure import compiled as compiling


def mutant(module: ModuleType, fragment: str, instead: str) -> Any:
    """A copy of `module` in which `fragment`, found exactly once, is replaced."""
    source = inspect.getsource(module)
    if source.count(fragment) != 1:  # no AssertionError: that is what a broken claim raises
        raise LookupError(f"{fragment!r} is there {source.count(fragment)} times")
    broken = ModuleType(f"{module.__name__}_broken")
    code = compile(source.replace(fragment, instead), f"<mutant of {module.__name__}>", "exec")
    with patch.object(compiling, "compiled", lambda *_: lambda function: function):
        exec(code, broken.__dict__)
    return broken
