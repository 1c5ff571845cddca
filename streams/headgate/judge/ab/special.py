"""The logarithm of the gamma and beta functions over arrays, which numpy does not have."""

from __future__ import annotations

from math import log, pi

import numpy as np
import numpy.typing as npt

from headgate.measure.compiled import compiled

Floats = npt.NDArray[np.float64]

_SHIFT = 8
_HALF_LOG_2PI = 0.5 * log(2 * pi)


def log_gamma(x: Floats) -> Floats:
    """ln Gamma(x) for x > 0, to about 1e-13 of its size.

    Stirling's series (DLMF 5.11.1) at x + 8, brought back by the recurrence (DLMF 5.5.1).
    """
    y = x + _SHIFT
    product = x * (x + 1) * (x + 2) * (x + 3)
    product = product * ((x + 4) * (x + 5) * (x + 6) * (x + 7))
    z = 1 / (y * y)
    series = (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z / 1188)))) / y
    found: Floats = (y - 0.5) * np.log(y) - y + _HALF_LOG_2PI + series - np.log(product)
    return found


def log_beta(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """ln B(a, b) for a, b > 0."""
    rows = np.empty((3, *np.broadcast_shapes(np.shape(a), np.shape(b))))
    rows[0], rows[1] = a, b
    _log_betas(rows.reshape(3, -1))
    found: Floats = rows[2]
    return found


@compiled("void(f8[:,::1])", log_gamma)
def _log_betas(rows: Floats) -> None:
    """Into the third row, of the first two."""
    for place in range(rows.shape[1]):
        a, b = rows[0, place], rows[1, place]
        of_a, of_b, of_both = log_gamma(a), log_gamma(b), log_gamma(a + b)
        rows[2, place] = of_a + of_b - of_both
