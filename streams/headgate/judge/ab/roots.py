"""Where a function that rises away from a point inside crosses zero: narrowed down, over arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROUNDS = 8
_PARTS = 16  # many points cost much the same as one


def crossing(
    rises: Callable[[Floats], Floats], inside: npt.ArrayLike, outside: npt.ArrayLike
) -> Floats:
    """The point between `inside`, where `rises` is below 0, and `outside`, where it may not be.

    Errs towards `outside`, by at most the distance between both divided by 2^32; `outside` itself
    where the function is below 0 even there. Shapes of both agree; `rises` takes many of them.
    """
    shape = np.shape(inside)
    near, far = (np.asarray(end, np.float64).reshape(-1) for end in (inside, outside))
    column, parts = np.arange(len(near)), np.arange(_PARTS + 1)[:, None] / _PARTS
    for _ in range(_ROUNDS):
        points = near + (far - near) * parts
        points[-1] = far
        below = rises(points[1:-1].reshape(-1, *shape)) < 0
        place = np.add.reduce(below.reshape(-1, len(column)), 0, np.intp)
        near, far = points[place, column], points[place + 1, column]
    return far.reshape(shape)
