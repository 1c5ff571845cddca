"""Hitting: what the hits of a look are worth, absolute ones and those beside stable in one set of
calls: both are the sum of what a bet wins on a hit and on another outcome.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headgate.judge.sequential.bank import KINDS, Bank, Kind
from headgate.judge.sequential.bets import Floats, on_any_hit, won

Shape = tuple[tuple[int, ...], Kind, bool]
"""Of a look: the rows of its triggers, absolute or relative, and whether it may prove good."""

Hits = tuple[float, float, float, float, float, float]
"""Of the candidate: hits, hits with those that rounding may have missed, samples, and samples with
what is in flight; of stable: hits and samples (0 and 1 where it has no part).
"""
_HITS, _REACHING, _SAMPLES, _SENT, _STABLE_HITS, _STABLE_SAMPLES = range(6)
_FIGURES = 6


def hit_worths(
    bank: Bank, shapes: tuple[Shape, ...], hits: list[Hits], effects: list[tuple[float, float]]
) -> tuple[tuple[int, ...], Floats]:
    """The tests of some looks, and what these are worth to them, shape (tests, 8).

    `effects` are the design effects of both arms by look and row: each arm's figures are divided by
    its own.
    """
    layout = _layout_of(bank, shapes)
    figures = np.array(hits).take(layout.figures) / np.array(effects).take(layout.effects)
    mine, samples, stable, stable_samples = figures
    others = layout.of_samples * samples + layout.of_hits * mine + stable
    allowed = layout.ratios * samples
    lost = on_any_hit(allowed / (allowed + stable_samples), layout.excess)
    return layout.tests, won(mine, others, layout.on_hit, layout.on_other + lost)


class _Layout(NamedTuple):
    """Where each test finds its figures and effects (4, tests), how its other outcomes come of
    samples and hits, and its rows of the bank.
    """

    tests: tuple[int, ...]
    figures: npt.NDArray[np.intp]
    effects: npt.NDArray[np.intp]
    of_samples: Floats
    of_hits: Floats
    ratios: Floats
    on_hit: Floats
    on_other: Floats
    excess: Floats


@lru_cache(maxsize=4096)  # the same few triggers look together again and again
def _layout_of(bank: Bank, shapes: tuple[Shape, ...]) -> _Layout:
    tests, figures, effects, row_number = list[int](), [], [], 0
    for look, (rows, kind, proves_good) in enumerate(shapes):
        for row in rows:
            for good in (False, True) if proves_good else (False,):
                tests.append(row * KINDS + kind + (Kind.GOOD_ABSOLUTE if good else 0))
                mine = (_REACHING, _SAMPLES) if good else (_HITS, _SENT)
                which = (*mine, _STABLE_HITS, _STABLE_SAMPLES)
                figures.append([look * _FIGURES + figure for figure in which])
                effects.append([row_number * 2 + arm for arm in (0, 0, 1, 1)])
            row_number += 1
    places = np.array(tests, np.intp)
    relative = places % 2 == Kind.RELATIVE
    return _Layout(
        tests=tuple(tests),
        figures=np.array(figures, np.intp).T.copy(),
        effects=np.array(effects, np.intp).T.copy(),
        of_samples=np.where(relative, 0.0, 1.0),
        of_hits=np.where(relative, 1.0, -1.0),
        ratios=np.where(relative, np.array(bank.ratios)[places], 0.0),
        on_hit=bank.on_hit[places],
        on_other=bank.on_other[places],
        excess=bank.excess[places],
    )
