"""Rates: how many requests a model gets."""

from __future__ import annotations

from headgate.measure.reading import covered_ms, read_window
from headgate.measure.windows import MINUTE_MS
from headgate.release.state import ModelState, Watched


def requests_per_s(
    state: ModelState, watched: Watched, now_ms: int, *, window_ms: int = MINUTE_MS
) -> float:
    """The model's rate of the last minute or so, over all arms of its split."""
    weights = state.command.weights if state.command else ()
    arms = {row.version for row in weights} | {watched.version, watched.beside, *state.watched}
    total = 0.0
    for version in sorted(arms):
        heard_ms = covered_ms(state.tables, version, now_ms=now_ms, window_ms=window_ms)
        if heard_ms:
            cell = read_window(state.tables, version, now_ms=now_ms, window_ms=window_ms)
            total += cell.requests / (heard_ms / 1000)
    return total
