"""Where a function that rises away from a point inside crosses zero: bisection over arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_HALVINGS = 32
_STEPS = (8, 4, 2, 1)  # halvings at once, which cost much the same as one: of 16 parts


def crossing(
    rises: Callable[[Floats], Floats], inside: npt.ArrayLike, outside: npt.ArrayLike
) -> Floats:
    """The point between `inside`, where `rises` is below 0, and `outside`, where it may not be.

    Errs towards `outside`, by at most the distance between both divided by 2^32; `outside` itself
    where the function is below 0 even there. Shapes of both agree; `rises` takes many of them.
    """
    near, far = np.asarray(inside, np.float64), np.asarray(outside, np.float64)
    for _ in range(_HALVINGS // len(_STEPS)):
        points = _parts(near, far)
        below = rises(points[1:-1]) < 0
        place = np.zeros((1, *near.shape), np.intp)
        for step in _STEPS:
            is_below = np.take_along_axis(below, place + step - 1, 0)
            place = np.where(is_below, place + step, place)
        near, far = (np.take_along_axis(points, at, 0)[0] for at in (place, place + 1))
    return far


def _parts(near: Floats, far: Floats) -> Floats:
    """The ends and what lies between, by halves."""
    points = np.empty((2 * _STEPS[0] + 1, *near.shape))
    points[0], points[-1] = near, far
    for step in _STEPS:
        points[step :: 2 * step] = (points[: -1 : 2 * step] + points[2 * step :: 2 * step]) / 2
    return points
