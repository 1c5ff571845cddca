"""The demo's stories, as rows: how both versions behave, and what turns bad."""

from __future__ import annotations

from dataclasses import dataclass, replace

from headgate.problems import InputError
from headgate.sim.arms import Arm, Behaviour, TurningArm

GOOD = Behaviour()
SLOW = replace(GOOD, latency_p50_ms=1_900.0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story. `bad_stable` is set where stable turns bad as well.

    `action` is what Headgate should do (`rollback`, `warning`, `hold` or `none`), by one of
    `triggers`.
    """

    name: str
    story: str
    action: str
    triggers: tuple[str, ...] = ()
    bad_candidate: Behaviour = GOOD
    bad_stable: Behaviour | None = None

    def arms(self, stable: str, candidate: str, turns_at_s: float) -> dict[str, Arm]:
        """Both versions: good at first, as the story goes from `turns_at_s` on."""
        return {
            stable: TurningArm(GOOD, self.bad_stable or GOOD, turns_at_s),
            candidate: TurningArm(GOOD, self.bad_candidate, turns_at_s),
        }


_FAILING = replace(GOOD, error_rate=0.3, error_type="upstream_unavailable")

SCENARIOS = {
    row.name: row
    for row in (
        Scenario(
            "default",
            "the candidate becomes slower and starts to hallucinate",
            "rollback",
            ("latency_p95", "hallucination"),
            replace(SLOW, hallucination_rate=0.12),
        ),
        Scenario(
            "errors",
            "the candidate fails one request in five",
            "rollback",
            ("error_rate",),
            replace(GOOD, error_rate=0.2),
        ),
        Scenario(
            "latency",
            "the candidate becomes more than twice as slow",
            "rollback",
            ("latency_p95",),
            SLOW,
        ),
        Scenario(
            "hallucination",
            "the candidate makes things up in one answer of eight",
            "rollback",
            ("hallucination",),
            replace(GOOD, hallucination_rate=0.12),
        ),
        Scenario(
            "rating",
            "users dislike the candidate's answers",
            "rollback",
            ("rating",),
            replace(GOOD, rating_mean=2.6),
        ),
        Scenario(
            "safety",
            "the candidate breaks a safety rule now and then",
            "rollback",
            ("safety",),
            replace(GOOD, safety_rate=0.01),
        ),
        Scenario(
            "cost",
            "the candidate costs three times as much per request",
            "warning",
            ("cost",),
            replace(GOOD, usd_per_1k_tokens=3 * GOOD.usd_per_1k_tokens),
        ),
        Scenario(
            "outage",
            "the provider behind both versions fails a third of all requests",
            "hold",
            ("error_rate",),
            _FAILING,
            _FAILING,
        ),
        Scenario("healthy", "the candidate is as good as stable", "none"),
    )
}


class UnknownScenarioError(InputError):
    """No scenario has that name; the message lists those that there are."""


def find_scenario(name: str) -> Scenario:
    """The scenario of that name. Raises `UnknownScenarioError`."""
    if name not in SCENARIOS:
        raise UnknownScenarioError(f"no scenario {name!r}; there are: {', '.join(SCENARIOS)}")
    return SCENARIOS[name]
