"""Where a function that rises away from a point inside crosses zero: bisection over arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_HALVINGS = 32


def crossing(
    rises: Callable[[Floats], Floats], inside: npt.ArrayLike, outside: npt.ArrayLike
) -> Floats:
    """The point between `inside`, where `rises` is below 0, and `outside`, where it may not be.

    Errs towards `outside`, by at most the distance between both divided by 2^32; `outside` itself
    where the function is below 0 even there. Shapes of both and of the function's values agree.
    """
    near, far = np.asarray(inside, np.float64), np.asarray(outside, np.float64)
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        below = rises(middle) < 0
        near, far = np.where(below, middle, near), np.where(below, far, middle)
    return far
