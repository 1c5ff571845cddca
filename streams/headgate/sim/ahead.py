"""Drawing ahead: as long as all goes on as it is, what the next looks bring is drawn at once.

A draw costs much the same for one look as for many. What was drawn for looks that then come
otherwise (another split, a router down, a version that turns bad) is thrown away unseen, so that
nothing that was drawn has a say in whether it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from msgspec import Struct

from headgate.measure.windows import Row
from headgate.sim.arms import Behaviour
from headgate.sim.drawing import Served, draw
from headgate.sim.flows import Flow
from headgate.sim.world import World

MOST = 64  # looks


class Sent(Struct, frozen=True):
    """What was sent to a version at one look: the requests of each router, and what became of
    them.
    """

    requests: tuple[int, ...]
    served: Served


# How things go on, on which a row's looks depend beside the hour of the day: how the version
# behaves, the seconds of each router, and whether it is compared with another arm (only that asks
# which user's a request was).
_Going = tuple[Behaviour, tuple[float, ...], bool]


@dataclass(slots=True)
class _Stock:
    """Looks that were drawn, the next one of which is at `next_ms`."""

    going: _Going
    next_ms: int
    looks: Iterator[Sent]
    drawn: int


class Ahead:
    """Draws what is sent to each version under each revision, and what becomes of it."""

    def __init__(
        self,
        rng: np.random.Generator,
        world: World,
        look_ms: int,
        slotting: np.random.Generator,
    ) -> None:
        self._rng, self._world, self._look_ms = rng, world, look_ms
        self._slotting = slotting
        self._stocks: dict[Row, _Stock] = {}

    def take(self, flow: Flow, at_ms: int, *, compared: bool = False) -> Sent:
        """What has flown to a version by `at_ms`, since the look before. Requests are Poisson, each
        its own; they behave as when they were sent.
        """
        behaviour = self._world.behaviour(flow.row[0], at_ms - self._look_ms)
        going = behaviour, flow.seconds, compared
        stock = self._stocks.get(flow.row)
        if stock is None or stock.next_ms != at_ms or stock.going != going:
            stock = self._stocks[flow.row] = self._drawn(going, at_ms, 1)
        sent = next(stock.looks, None)
        if sent is None:
            drawn = min(2 * stock.drawn, MOST)
            stock = self._stocks[flow.row] = self._drawn(going, at_ms, drawn)
            sent = next(stock.looks)
        stock.next_ms = at_ms + self._look_ms
        return sent

    def _drawn(self, going: _Going, at_ms: int, looks: int) -> _Stock:
        """So many looks from `at_ms` on."""
        behaviour, seconds, compared = going
        rates = [self._world.rate(at_ms + look * self._look_ms) for look in range(looks)]
        requests = self._rng.poisson(np.outer(rates, seconds))
        slotting = self._slotting if compared else None
        served = draw(self._rng, behaviour, requests.sum(-1), slotting)
        sent = map(Sent, map(tuple, requests.tolist()), served)
        return _Stock(going, at_ms, sent, looks)
