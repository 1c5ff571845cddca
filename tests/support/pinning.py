"""Callers in this process who pin a version with the SDK, whatever the split says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from headgate.config import Settings
from headgate.sdk import Publisher, Router
from headgate.sim.arms import Behaviour

PAUSE_S = 0.05


class PinnedCallers:
    """What they meet is `behaviour`, from one moment to the next."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour


@contextmanager
def pinned_callers(
    settings: Settings, model: str, version: str, behaviour: Behaviour
) -> Iterator[PinnedCallers]:
    """Some 20 requests a second until the end of the block."""
    callers, stop, rng = PinnedCallers(behaviour), threading.Event(), np.random.default_rng(11)

    def call(router: Router, publisher: Publisher) -> None:
        number = 0
        while not stop.wait(PAUSE_S):
            number += 1
            choice = router.choose(model, f"u{number}", pin=version)
            drawn = callers.behaviour.draw(rng, 0.0)
            publisher.record(f"pinned-{version}-{number}", model, choice, **drawn)

    where = {"topic_prefix": settings.topic_prefix}
    with (
        Router(settings.bootstrap_servers, models=[model], **where) as router,
        Publisher(settings.bootstrap_servers, **where) as publisher,
    ):
        thread = threading.Thread(target=call, args=(router, publisher))
        thread.start()
        try:
            yield callers
        finally:
            stop.set()
            thread.join()
