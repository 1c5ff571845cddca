"""Compiled: loops over small arrays, made machine code by Numba.

Numba takes a fifth of a second to load, and seconds to compile what its cache does not hold. So it
is loaded at the first call, and a worker has everything compiled before its first look.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar, TypeVarTuple

Given = TypeVarTuple("Given")
Result = TypeVar("Result")
Function = Callable[[*Given], Result]

COUNTS = "Array(i8, 1, 'A', True)"  # whole numbers in a row, which may be read only

_all: list[Callable[[], object]] = []


def compiled(
    signature: str, *calls: Callable[..., object]
) -> Callable[[Function[*Given, Result]], Function[*Given, Result]]:
    """Decorates a function of numbers and arrays, whose types are as Numba writes them. `calls` are
    plain functions of the same module that it calls: what is kept is kept by module.
    """

    def decorate(function: Function[*Given, Result]) -> Function[*Given, Result]:
        code: Function[*Given, Result] | None = None

        def load() -> Function[*Given, Result]:
            nonlocal code
            if code is None:
                code = _machine_code(function, signature, calls)
            return code

        @wraps(function)
        def call(*args: *Given) -> Result:
            return (code or load())(*args)

        _all.append(load)
        return call

    return decorate


class MissingExtraError(ImportError):
    """Numba cannot be loaded, without which nothing can be judged."""


def make_ready() -> None:
    """Compile or load all such functions of the modules that have been imported.

    Raises `MissingExtraError`. Whoever folds calls it first: without Numba no entry would apply.
    """
    try:
        for load in _all:
            load()
    except ImportError as error:
        raise MissingExtraError(
            f"Numba cannot be loaded, and nothing be judged without it ({error}); to mend that: "
            "pip install 'headgate[worker]'"
        ) from error


def _machine_code(
    function: Callable[..., Any], signature: str, calls: tuple[Callable[..., object], ...]
) -> Any:
    """As in numpy a division by zero is no error and an index out of range is one; nothing is
    reordered, so that every run on a machine gives the same.
    """
    from numba import njit  # noqa: PLC0415 - takes long to load
    from numba.extending import register_jitable  # noqa: PLC0415

    for called in calls:
        register_jitable(called)
    make = partial(njit, signature, error_model="numpy", boundscheck=True)
    try:
        return make(cache=True)(function)
    except RuntimeError:  # there is nowhere to keep it
        return make()(function)
