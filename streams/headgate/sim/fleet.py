"""A synthetic serving fleet: asks its router for a version, draws what happened, publishes it."""

from __future__ import annotations

import heapq
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from headgate.sdk import Choice, UnknownModelError
from headgate.sdk.protocols import OutcomePublisher, VersionRouter
from headgate.sim.arms import Arm, Measurements
from headgate.sim.pacing import poisson_arrivals

USERS = 10_000
LONGEST_NAP_S = 0.05

Pending = tuple[float, str, Choice, Measurements]


@dataclass
class FleetReport:
    """What a fleet did. `published` counts outcomes per version that the publisher took.

    `swallowed` counts requests that no outcome will ever tell of,
    `unserved` counts requests for versions without an arm, `without_split` those for which the
    router knew no split, `refused` outcomes that the publisher dropped at once.
    """

    requests: int = 0
    published: Counter[str] = field(default_factory=Counter)
    unserved: Counter[str] = field(default_factory=Counter)
    without_split: int = 0
    refused: int = 0
    swallowed: int = 0


class Fleet:
    """Serves `rate_per_s` requests of `model`, everything drawn from `seed`.

    Arrivals, users and each version's outcomes have random streams of their own, so that one
    version's outcomes do not depend on how often another was chosen. With `real_latency` an
    outcome is published when its request would have ended, else at once.
    """

    def __init__(
        self,
        *,
        model: str,
        arms: Mapping[str, Arm],
        router: VersionRouter,
        publisher: OutcomePublisher,
        rate_per_s: float,
        seed: int,
        run_id: str = "",
        real_latency: bool = False,
    ) -> None:
        self.report = FleetReport()
        self._model = model
        self._arms = dict(arms)
        self._router = router
        self._publisher = publisher
        self._real_latency = real_latency
        self._run_id = run_id or uuid.uuid4().hex[:8]
        arriving, users, *drawing = np.random.SeedSequence(seed).spawn(2 + len(self._arms))
        self._arrivals = poisson_arrivals(rate_per_s, np.random.default_rng(arriving))
        self._users = np.random.default_rng(users)
        streams = map(np.random.default_rng, drawing)
        self._streams = dict(zip(sorted(self._arms), streams, strict=True))
        self._in_flight: list[Pending] = []

    def run(
        self,
        duration_s: float,
        *,
        stop: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        elapsed_s: Callable[[], float] | None = None,
    ) -> FleetReport:
        """Serve for `duration_s`, or until `stop()`; what is in flight at the end is finished.

        `elapsed_s` is the time that arms see; by default the time since the start.
        """
        began = clock()
        for at_s in self._arrivals:
            while not stop() and (wait_s := min(at_s, duration_s) - (clock() - began)) > 0:
                self._finish(clock() - began)
                sleep(min(wait_s, LONGEST_NAP_S))
            if at_s >= duration_s or stop():
                break
            self._serve(at_s, elapsed_s() if elapsed_s else at_s)
            self._finish(clock() - began)
        self._finish(float("inf"))
        return self.report

    def _serve(self, at_s: float, elapsed_s: float) -> None:
        self.report.requests += 1
        user = f"user-{self._users.integers(USERS)}"
        try:
            choice = self._router.choose(self._model, user)
        except UnknownModelError:
            self.report.without_split += 1
            return
        arm = self._arms.get(choice.version)
        if arm is None:
            self.report.unserved[choice.version] += 1
            return
        outcome = arm.draw(self._streams[choice.version], elapsed_s)
        if not outcome:
            self.report.swallowed += 1
            return
        request_id = f"{self._run_id}-{self.report.requests}"
        if self._real_latency:
            ends_s = at_s + outcome.get("latency_ms", 0.0) / 1000
            heapq.heappush(self._in_flight, (ends_s, request_id, choice, outcome))
        else:
            self._publish(request_id, choice, outcome)

    def _finish(self, now_s: float) -> None:
        while self._in_flight and self._in_flight[0][0] <= now_s:
            _, request_id, choice, outcome = heapq.heappop(self._in_flight)
            self._publish(request_id, choice, outcome)

    def _publish(self, request_id: str, choice: Choice, outcome: Measurements) -> None:
        if self._publisher.record(request_id, self._model, choice, **outcome):
            self.report.published[choice.version] += 1
        else:
            self.report.refused += 1
