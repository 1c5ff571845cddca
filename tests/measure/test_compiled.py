"""Compiled: loaded when needed, ready when asked for, and kept where there is a place for it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from headgate.measure import compiled as compiling
from headgate.measure.compiled import compiled, make_ready


def _half(number: float) -> float:
    return number / 2


@compiled("f8(f8, f8)", _half)
def _quotient(one: float, other: float) -> float:
    return _half(one) / other


def test_machine_code_gives_what_the_function_gives_and_divides_as_numpy_does() -> None:
    assert _quotient(3.0, 4.0) == 0.375
    assert _quotient(1, 0) == np.inf
    assert np.isnan(_quotient(0.0, 0.0))


def test_what_is_to_be_ready_is_compiled_before_it_is_called() -> None:
    made: list[str] = []

    def note(function: object, *_: object) -> object:
        made.append(str(function))
        return function

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compiling, "_machine_code", note)
        patched.setattr(compiling, "_all", [])
        compiled("f8(f8)")(_half)
        make_ready()
        make_ready()
    assert made == [str(_half)]


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same() -> None:
    found: dict[str, object] = {}
    exec("def double(x):\n    return 2 * x\n", found)  # of no file, as in a read-only container
    assert compiled("f8(f8)")(found["double"])(2.0) == 4.0  # type: ignore[arg-type]


def test_who_takes_no_look_does_not_wait_for_numba() -> None:
    code = "import sys, headgate.release.fold; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
